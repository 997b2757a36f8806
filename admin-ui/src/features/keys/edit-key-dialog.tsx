import type { KeyShown } from '@bourse/gateway/api/keys'
import { Modal } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { useState } from 'react'
import { KeyForm } from './key-form.tsx'
import { changes, type KeyValues, valuesOf } from './key-values.ts'
import { useUpdateKey } from './queries.ts'

/** Changes what a key may do and spend; only what was changed here is written. */
export function EditKeyDialog({ apiKey, onClose }: { apiKey: KeyShown; onClose: () => void }) {
  const update = useUpdateKey(apiKey.id)
  // What the form began with, also when the list behind it is refreshed.
  const [before] = useState<KeyValues>(() => valuesOf(apiKey))
  const save = (after: KeyValues): void => {
    const changed = changes(before, after, Date.now())
    if (Object.keys(changed).length === 0) {
      onClose()
      return
    }
    update.mutate(changed, {
      onSuccess: ({ name }) => {
        notifications.show({ message: `“${name}” is saved. Programs see it within five seconds.` })
        onClose()
      },
    })
  }
  return (
    <Modal opened onClose={onClose} title={`Edit “${apiKey.name}”`}>
      <KeyForm
        values={before}
        act="Save"
        busy={update.isPending}
        error={update.error}
        onSubmit={save}
        onCancel={onClose}
      />
    </Modal>
  )
}
