import { Page } from '../../components/page.tsx'

export function RunUsagePage() {
  return (
    <Page title="Cost and usage" lead="">
      {null}
    </Page>
  )
}
