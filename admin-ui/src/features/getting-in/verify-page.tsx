import { Page } from '../../components/page.tsx'

export function VerifyPage() {
  return (
    <Page title="Confirm the address" lead="">
      {null}
    </Page>
  )
}
