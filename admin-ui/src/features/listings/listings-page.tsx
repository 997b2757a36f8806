import { Button } from '@mantine/core'
import { IconPlus } from '@tabler/icons-react'
import { Page } from '../../components/page.tsx'
import { UrlTabs } from '../../components/url-tabs.tsx'
import { usePageSearch } from '../../lib/use-page-search.ts'
import { CredentialStatus } from './credential-status.tsx'
import { GroundDecisions } from './ground-decisions.tsx'
import { CreateListingDialog } from './listing-dialogs.tsx'
import { ListingQueue } from './listing-queue.tsx'

/** Which upstream keys does this gateway sell, and which of them wait for me? */
export function ListingsPage() {
  const { search, set } = usePageSearch()
  return (
    <Page
      title="Listings"
      lead="Every upstream key that requests can be routed to, what waits for a decision, and on which grounds keys may be sold."
      actions={
        <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => set({ new: '1' })}>
          List a key
        </Button>
      }
    >
      <UrlTabs
        label="Listings"
        tabs={[
          { id: 'all', label: 'Listings', content: () => <ListingQueue /> },
          { id: 'grounds', label: 'Accepted grounds', content: () => <GroundDecisions /> },
          { id: 'credentials', label: 'Sealed keys', content: () => <CredentialStatus /> },
        ]}
      />
      <CreateListingDialog
        opened={search.new === '1'}
        onClose={() => set({ new: undefined })}
        onCreated={(open) => set({ new: undefined, open })}
      />
    </Page>
  )
}
