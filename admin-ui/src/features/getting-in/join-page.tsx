import { Page } from '../../components/page.tsx'

export function JoinPage() {
  return (
    <Page title="Join" lead="">
      {null}
    </Page>
  )
}
