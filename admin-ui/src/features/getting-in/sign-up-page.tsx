import { Page } from '../../components/page.tsx'

export function SignUpPage() {
  return (
    <Page title="Create an account" lead="">
      {null}
    </Page>
  )
}
