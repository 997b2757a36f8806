import { LinkPage } from './link-page.tsx'
import { ToSignIn } from './ways-in.tsx'

const title = 'Confirm your address'

/** Confirms the address of a sign-up. The password is asked for, so that nobody confirms what somebody else began. */
export function VerifyPage() {
  return (
    <LinkPage
      kind="verification"
      path="/api/verify"
      title={() => title}
      lead={({ email }) =>
        `Enter the password you chose for ${email}. If you never signed up, close this page.`
      }
      withoutLink={{
        title,
        lead: 'Open this page by the link in the mail we sent you. To get a new one, sign up again.',
      }}
      act="Confirm and sign in"
      password="current"
      footer={
        <>
          Confirmed already? <ToSignIn>Sign in</ToSignIn>
        </>
      }
    />
  )
}
