import { Button, Card } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { notifications } from '@mantine/notifications'
import { IconBuildingStore, IconPlus } from '@tabler/icons-react'
import { useState } from 'react'
import { ConfirmDialog } from '../../components/confirm-dialog.tsx'
import { EmptyState } from '../../components/empty-state.tsx'
import { LoadMore } from '../../components/load-more.tsx'
import { Page } from '../../components/page.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { toApiError } from '../../lib/api-error.ts'
import { CreateListingDialog } from './create-listing-dialog.tsx'
import { ListingTable } from './listing-table.tsx'
import { type Listing, useDeleteListing, useListings, useSetListingState } from './queries.ts'

/** Which upstream keys does this gateway sell, and are they in the market? */
export function ListingsPage() {
  const listings = useListings()
  const setState = useSetListingState()
  const [creating, create] = useDisclosure(false)
  const [deleting, setDeleting] = useState<Listing>()
  const newListing = (
    <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={create.open}>
      Create listing
    </Button>
  )
  const toggle = (listing: Listing): void =>
    setState.mutate(
      { id: listing.id, state: isOnItsWay(listing) ? 'paused' : 'active' },
      {
        onError: (error) =>
          notifications.show({
            color: 'red',
            title: `“${listing.name}” is unchanged`,
            message: sentenceOf(error),
          }),
      },
    )
  return (
    <Page
      title="Listings"
      lead="The upstream keys that requests can be routed to, their models and capacity."
      actions={newListing}
    >
      <Card>
        <QueryView query={listings}>
          {(all) =>
            all.length === 0 ? (
              <EmptyState icon={IconBuildingStore} title="No listing yet" action={newListing}>
                Add a provider key with its models: once the key was seen to work, requests for them are
                answered.
              </EmptyState>
            ) : (
              <ListingTable
                listings={all}
                busyId={setState.isPending ? setState.variables.id : undefined}
                onToggle={toggle}
                onDelete={setDeleting}
              />
            )
          }
        </QueryView>
        <LoadMore list={listings} />
      </Card>
      <CreateListingDialog opened={creating} onClose={create.close} />
      <DeleteDialog listing={deleting} onClose={() => setDeleting(undefined)} />
    </Page>
  )
}

/** On the market, or about to be. */
function isOnItsWay({ state }: Listing): boolean {
  return state === 'active' || state === 'cooling' || state === 'verifying'
}

function DeleteDialog({ listing, onClose }: { listing: Listing | undefined; onClose: () => void }) {
  const remove = useDeleteListing()
  const close = (): void => {
    remove.reset()
    onClose()
  }
  return (
    <ConfirmDialog
      opened={listing !== undefined}
      title={`Delete “${listing?.name ?? ''}”?`}
      confirm="Delete listing"
      busy={remove.isPending}
      error={remove.error}
      onConfirm={() => listing && remove.mutate(listing.id, { onSuccess: close })}
      onClose={close}
    >
      Its {listing?.models.length === 1 ? 'offer leaves' : 'offers leave'} the market and its sealed key is
      not used again. Requests that are running finish. To stop it for a while, pause it instead.
    </ConfirmDialog>
  )
}

function sentenceOf(error: unknown): string {
  const { message, details } = toApiError(error)
  return details.requestId ? `${message} (request id ${details.requestId})` : message
}
