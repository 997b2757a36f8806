import { Page } from '../../components/page.tsx'

export function RunPayoutsPage() {
  return (
    <Page title="Payouts to approve" lead="">
      {null}
    </Page>
  )
}
