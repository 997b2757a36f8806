import { Page } from '../../components/page.tsx'

export function MetricsPage() {
  return (
    <Page title="Metrics" lead="">
      {null}
    </Page>
  )
}
