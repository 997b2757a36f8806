import { OutsidePage } from '../../components/outside-page.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { PasswordForm } from './password-form.tsx'
import { useEnter, useLinkTarget } from './queries.ts'
import { useToken } from './use-token.ts'
import { ToSignIn } from './ways-in.tsx'

/** Takes up an invitation: a password, and the person is in. */
export function JoinPage() {
  const token = useToken()
  const target = useLinkTarget('invitation', token)
  const join = useEnter('/api/join', '/start')
  const footer = (
    <>
      Did you choose a password already? <ToSignIn>Sign in</ToSignIn>
    </>
  )
  if (token === undefined)
    return (
      <OutsidePage
        title="Join"
        lead="Open this page by the link in your invitation. If you have lost it, ask an operator of this gateway for a new one."
        footer={footer}
      >
        {null}
      </OutsidePage>
    )
  return (
    <OutsidePage
      title={target.data ? `Welcome, ${target.data.name}` : 'Your invitation'}
      lead={
        target.data
          ? `Choose a password for ${target.data.email}.`
          : target.isError
            ? 'The link did not open.'
            : 'One moment.'
      }
      footer={footer}
    >
      <QueryView query={target} rows={2}>
        {({ email }) => (
          <PasswordForm
            act="Join"
            kind="new"
            email={email}
            busy={join.isPending}
            error={join.error}
            onSubmit={(password) => join.mutate({ token, password })}
          />
        )}
      </QueryView>
    </OutsidePage>
  )
}
