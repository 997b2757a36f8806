import { Page } from '../../components/page.tsx'

export function ListingPage() {
  return (
    <Page title="Listing" lead="">
      {null}
    </Page>
  )
}
