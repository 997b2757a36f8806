import { Modal, Text } from '@mantine/core'
import { SecretOnce } from '../../components/secret-once.tsx'
import { CreateKeyForm } from './create-key-form.tsx'
import { useCreateKey } from './queries.ts'

/** First the form, then the key, once. */
export function CreateKeyDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const create = useCreateKey()
  const secret = create.data
  const close = (): void => {
    create.reset()
    onClose()
  }
  return (
    <Modal
      opened={opened}
      onClose={close}
      // A slip of the hand beside the dialog must not lose the only sight of the key.
      closeOnClickOutside={secret === undefined}
      closeOnEscape={secret === undefined}
      title={<Text fw={650}>{secret === undefined ? 'Create a key' : 'Your new key'}</Text>}
    >
      {secret === undefined ? (
        <CreateKeyForm
          busy={create.isPending}
          error={create.error}
          onSubmit={(key) => create.mutate(key)}
          onCancel={close}
        />
      ) : (
        <SecretOnce secret={secret} label="API key" onDone={close}>
          Copy the key into your program or its secret store. The gateway keeps only a hash and cannot show it
          again.
        </SecretOnce>
      )}
    </Modal>
  )
}
