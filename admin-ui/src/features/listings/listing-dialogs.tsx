import type { ListingShown } from '@bourse/gateway/api/marketplace'
import { Modal } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { ConfirmDialog } from '../../components/confirm-dialog.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { ListingForm } from './listing-form.tsx'
import { changesOf, emptyListing, listingValuesOf, newListingOf } from './listing-values.ts'
import { zoneHere } from './model-fields.tsx'
import { useChangeListing, useCreateListing, useDeleteListing, useProviders } from './queries.ts'

interface DialogProps {
  opened: boolean
  onClose: () => void
}

/** Lists a key. */
export function CreateListingDialog({
  opened,
  onClose,
  organisationId,
  onCreated,
}: DialogProps & { organisationId?: string | undefined; onCreated: (id: string) => void }) {
  const create = useCreateListing()
  const providers = useProviders()
  const close = (): void => {
    create.reset()
    onClose()
  }
  return (
    <Modal opened={opened} onClose={close} title="List a key" size="xl">
      <QueryView query={providers} rows={8}>
        {({ data, ...rest }) => (
          <ListingForm
            {...rest}
            initial={emptyListing}
            providers={data}
            busy={create.isPending}
            error={create.error}
            act="List this key"
            onCancel={close}
            onSubmit={(values) =>
              create.mutate(
                { ...newListingOf(values), ...(organisationId ? { organisationId } : {}) },
                {
                  onSuccess: ({ id }) => {
                    close()
                    onCreated(id)
                  },
                },
              )
            }
          />
        )}
      </QueryView>
    </Modal>
  )
}

/** Changes what a listing sells, for how much, how much of it, and its key. */
export function EditListingDialog({ opened, onClose, listing }: DialogProps & { listing: ListingShown }) {
  const change = useChangeListing(listing.id)
  const providers = useProviders()
  const zone = zoneHere()
  const close = (): void => {
    change.reset()
    onClose()
  }
  return (
    <Modal opened={opened} onClose={close} title={`Edit “${listing.name}”`} size="xl">
      <QueryView query={providers} rows={8}>
        {({ data, ...rest }) => (
          <ListingForm
            {...rest}
            listing={listing.id}
            initial={listingValuesOf(listing, zone)}
            providers={data}
            busy={change.isPending}
            error={change.error}
            act="Save changes"
            onCancel={close}
            onSubmit={(values) => {
              const changes = changesOf(values, listing, zone)
              if (Object.keys(changes).length === 0) return close()
              change.mutate(changes, {
                onSuccess: (after) => {
                  close()
                  notifications.show({
                    color: 'green',
                    title: `“${after.name}” is changed`,
                    message: changeSentence(after),
                  })
                },
              })
            }}
          />
        )}
      </QueryView>
    </Modal>
  )
}

function changeSentence(after: ListingShown): string {
  const announced = after.models.flatMap(({ announcedPrice }) => announcedPrice ?? [])
  if (after.state === 'verifying') return 'What is new is verified before it serves.'
  const [first] = announced.map(({ effectiveFrom }) => effectiveFrom).sort()
  return first
    ? `Changed prices are announced and hold from ${new Date(first).toLocaleString()}.`
    : 'It holds from the next request on.'
}

/** Ends a listing for good. */
export function DeleteListingDialog({
  listing,
  onClose,
  onDeleted,
}: {
  listing: ListingShown | undefined
  onClose: () => void
  onDeleted: () => void
}) {
  const remove = useDeleteListing()
  const close = (): void => {
    remove.reset()
    onClose()
  }
  const offers = listing?.models.length ?? 0
  return (
    <ConfirmDialog
      opened={listing !== undefined}
      title={`Delete “${listing?.name ?? ''}”?`}
      confirm="Delete listing"
      busy={remove.isPending}
      error={remove.error}
      onConfirm={() =>
        listing &&
        remove.mutate(listing.id, {
          onSuccess: () => {
            close()
            onDeleted()
          },
        })
      }
      onClose={close}
    >
      {offers === 1 ? 'Its offer leaves' : `Its ${offers} offers leave`} the market and its sealed key is
      destroyed; this cannot be undone. Requests that are running finish, and what it has earned stays yours.
      To stop it for a while, pause it instead.
    </ConfirmDialog>
  )
}
