import { Page } from '../../components/page.tsx'

export function EarningsPage() {
  return (
    <Page title="Earnings" lead="">
      {null}
    </Page>
  )
}
