import { Page } from '../../components/page.tsx'

export function SystemPage() {
  return (
    <Page title="System" lead="">
      {null}
    </Page>
  )
}
