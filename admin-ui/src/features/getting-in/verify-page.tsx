import { OutsidePage } from '../../components/outside-page.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { PasswordForm } from './password-form.tsx'
import { useEnter, useLinkTarget } from './queries.ts'
import { useToken } from './use-token.ts'
import { ToSignIn } from './ways-in.tsx'

/** Confirms the address of a sign-up. The password is asked for, so that nobody confirms what somebody else began. */
export function VerifyPage() {
  const token = useToken()
  const target = useLinkTarget('verification', token)
  const verify = useEnter('/api/verify', '/start')
  const footer = (
    <>
      Confirmed already? <ToSignIn>Sign in</ToSignIn>
    </>
  )
  if (token === undefined)
    return (
      <OutsidePage
        title="Confirm your address"
        lead="Open this page by the link in the mail we sent you. To get a new one, sign up again."
        footer={footer}
      >
        {null}
      </OutsidePage>
    )
  return (
    <OutsidePage
      title="Confirm your address"
      lead={
        target.data
          ? `Enter the password you chose for ${target.data.email}. If you never signed up, close this page.`
          : target.isError
            ? 'The link did not open.'
            : 'One moment.'
      }
      footer={footer}
    >
      <QueryView query={target} rows={2}>
        {({ email }) => (
          <PasswordForm
            act="Confirm and sign in"
            kind="current"
            email={email}
            busy={verify.isPending}
            error={verify.error}
            onSubmit={(password) => verify.mutate({ token, password })}
          />
        )}
      </QueryView>
    </OutsidePage>
  )
}
