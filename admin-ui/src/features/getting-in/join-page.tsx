import { LinkPage } from './link-page.tsx'
import { ToSignIn } from './ways-in.tsx'

/** Takes up an invitation: a password, and the person is in. */
export function JoinPage() {
  return (
    <LinkPage
      kind="invitation"
      path="/api/join"
      title={(target) => (target ? `Welcome, ${target.name}` : 'Your invitation')}
      lead={({ email }) => `Choose a password for ${email}.`}
      withoutLink={{
        title: 'Join',
        lead: 'Open this page by the link in your invitation. If you have lost it, ask an operator of this gateway for a new one.',
      }}
      act="Join"
      password="new"
      footer={
        <>
          Did you choose a password already? <ToSignIn>Sign in</ToSignIn>
        </>
      }
    />
  )
}
