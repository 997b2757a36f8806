import { Page } from '../../components/page.tsx'

export function PayoutsPage() {
  return (
    <Page title="Payouts" lead="">
      {null}
    </Page>
  )
}
