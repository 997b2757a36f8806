import { Page } from '../../components/page.tsx'

export function BillingPage() {
  return (
    <Page title="Billing" lead="">
      {null}
    </Page>
  )
}
