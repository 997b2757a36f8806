import { Page } from '../../components/page.tsx'
import { PasswordCard } from './password-card.tsx'
import { ProfileCard } from './profile-card.tsx'
import { SessionsCard } from './sessions-card.tsx'
import { TwoFactorCard } from './two-factor-card.tsx'

/** Who am I here, and who else could be me? */
export function AccountPage() {
  return (
    <Page title="Account" lead="Who you are here, how you sign in, and where you are signed in.">
      <ProfileCard />
      <PasswordCard />
      <TwoFactorCard />
      <SessionsCard />
    </Page>
  )
}
