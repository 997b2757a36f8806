import { Modal } from '@mantine/core'
import { SecretOnce } from '../../components/secret-once.tsx'
import { KeyForm } from './key-form.tsx'
import { newKeyOf, newKeyValues } from './key-values.ts'
import { useCreateKey } from './queries.ts'

/** First the form, then the key, once. */
export function CreateKeyDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const create = useCreateKey()
  const secret = create.data?.key
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
      title={secret === undefined ? 'Create a key' : 'Your new key'}
    >
      {secret === undefined ? (
        <KeyForm
          values={newKeyValues}
          act="Create key"
          busy={create.isPending}
          error={create.error}
          onSubmit={(values) => create.mutate(newKeyOf(values, Date.now()))}
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
