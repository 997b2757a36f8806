import type { KeyShown } from '@bourse/gateway/api/keys'
import { Modal, NativeSelect, Stack, Text } from '@mantine/core'
import { useState } from 'react'
import { FormActions } from '../../components/form-actions.tsx'
import { SecretOnce } from '../../components/secret-once.tsx'
import { useRotateKey } from './queries.ts'

const graces = [
  { value: '3600', label: 'for an hour' },
  { value: '86400', label: 'for a day' },
  { value: '600', label: 'for 10 minutes' },
  { value: '0', label: 'not at all: it ends now' },
]

/** A new secret for the same key: name, limits, budget and history stay. */
export function RotateKeyDialog({ apiKey, onClose }: { apiKey: KeyShown; onClose: () => void }) {
  const [graceS, setGraceS] = useState('3600')
  const rotate = useRotateKey()
  const secret = rotate.data?.key
  return (
    <Modal
      opened
      onClose={onClose}
      closeOnClickOutside={secret === undefined}
      closeOnEscape={secret === undefined}
      title={secret === undefined ? `Rotate “${apiKey.name}”` : 'Its new secret'}
    >
      {secret === undefined ? (
        <form
          onSubmit={(event) => {
            event.preventDefault()
            rotate.mutate({ id: apiKey.id, graceS: Number.parseInt(graceS, 10) })
          }}
        >
          <Stack>
            <Text size="sm">
              The key gets a new secret and keeps its name, limits, budget and history. Give your programs
              time to change over.
            </Text>
            <NativeSelect
              label="The old secret goes on"
              data={graces}
              value={graceS}
              onChange={(event) => setGraceS(event.currentTarget.value)}
              data-autofocus
            />
            <FormActions act="Rotate key" busy={rotate.isPending} error={rotate.error} onCancel={onClose} />
          </Stack>
        </form>
      ) : (
        <SecretOnce secret={secret} label="API key" onDone={onClose}>
          Copy the new secret into your program or its secret store. It cannot be shown again.
        </SecretOnce>
      )}
    </Modal>
  )
}
