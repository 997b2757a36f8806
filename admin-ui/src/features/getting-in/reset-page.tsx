import { Page } from '../../components/page.tsx'

export function ResetPage() {
  return (
    <Page title="Reset the password" lead="">
      {null}
    </Page>
  )
}
