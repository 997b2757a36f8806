import { Page } from '../../components/page.tsx'

export function MyListingsPage() {
  return (
    <Page title="Listings" lead="">
      {null}
    </Page>
  )
}
