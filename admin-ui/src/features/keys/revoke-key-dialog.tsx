import type { KeyShown } from '@bourse/gateway/api/keys'
import { ConfirmDialog } from '../../components/confirm-dialog.tsx'
import { useRevokeKey } from './queries.ts'

/** Ends a key for good. */
export function RevokeKeyDialog({ apiKey, onClose }: { apiKey: KeyShown; onClose: () => void }) {
  const revoke = useRevokeKey()
  return (
    <ConfirmDialog
      opened
      title={`Revoke “${apiKey.name}”?`}
      confirm="Revoke key"
      busy={revoke.isPending}
      error={revoke.error}
      onConfirm={() => revoke.mutate(apiKey.id, { onSuccess: onClose })}
      onClose={onClose}
    >
      Programs that call with it get 401 within five seconds. Requests that are running finish and are paid. A
      revoked key cannot be brought back.
    </ConfirmDialog>
  )
}
