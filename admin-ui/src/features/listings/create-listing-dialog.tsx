import { Modal, Text } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { CreateListingForm } from './create-listing-form.tsx'
import { useCreateListing } from './queries.ts'

export function CreateListingDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const create = useCreateListing()
  const close = (): void => {
    create.reset()
    onClose()
  }
  return (
    <Modal opened={opened} onClose={close} title={<Text fw={650}>Create a listing</Text>}>
      <CreateListingForm
        busy={create.isPending}
        error={create.error}
        onCancel={close}
        onSubmit={(listing) =>
          create.mutate(listing, {
            onSuccess: () => {
              notifications.show({
                color: 'green',
                title: `“${listing.name}” created`,
                message: 'Its key is sealed and is tried now. The list shows when it is in the market.',
              })
              close()
            },
          })
        }
      />
    </Modal>
  )
}
