import type { LinkTarget } from '@bourse/gateway/api/users'
import type { ReactNode } from 'react'
import { OutsidePage } from '../../components/outside-page.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { PasswordForm } from './password-form.tsx'
import { useEnter, useLinkTarget } from './queries.ts'
import { useToken } from './use-token.ts'

interface LinkPageProps {
  kind: 'invitation' | 'verification'
  /** Where the link and the password go; what it answers signs in. */
  path: '/api/join' | '/api/verify'
  title: (target: LinkTarget | undefined) => string
  lead: (target: LinkTarget) => string
  withoutLink: { title: string; lead: string }
  act: string
  password: 'new' | 'current'
  footer: ReactNode
}

/** A page that is opened by a link from a mail: with a password the person is in. */
export function LinkPage({ kind, path, title, lead, withoutLink, act, password, footer }: LinkPageProps) {
  const token = useToken()
  const target = useLinkTarget(kind, token)
  const enter = useEnter(path, '/start')
  if (token === undefined)
    return (
      <OutsidePage {...withoutLink} footer={footer}>
        {null}
      </OutsidePage>
    )
  return (
    <OutsidePage
      title={title(target.data)}
      lead={target.data ? lead(target.data) : target.isError ? 'The link did not open.' : 'One moment.'}
      footer={footer}
    >
      <QueryView query={target} rows={2}>
        {({ email }) => (
          <PasswordForm
            act={act}
            kind={password}
            email={email}
            busy={enter.isPending}
            error={enter.error}
            onSubmit={(given) => enter.mutate({ token, password: given })}
          />
        )}
      </QueryView>
    </OutsidePage>
  )
}
