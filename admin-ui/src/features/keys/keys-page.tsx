import { Button, Card } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { IconKey, IconPlus } from '@tabler/icons-react'
import { useState } from 'react'
import { ConfirmDialog } from '../../components/confirm-dialog.tsx'
import { EmptyState } from '../../components/empty-state.tsx'
import { LoadMore } from '../../components/load-more.tsx'
import { Page } from '../../components/page.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { CreateKeyDialog } from './create-key-dialog.tsx'
import { KeyTable } from './key-table.tsx'
import { type ApiKey, useKeys, useRevokeKey } from './queries.ts'

/** Which keys can spend my money, and how do I make or end one? */
export function KeysPage() {
  const keys = useKeys()
  const [creating, create] = useDisclosure(false)
  const [revoking, setRevoking] = useState<ApiKey>()
  const newKey = (
    <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={create.open}>
      Create key
    </Button>
  )
  return (
    <Page
      title="Keys"
      lead="What your programs call with. Every request of a key is paid from your balance."
      actions={newKey}
    >
      <Card>
        <QueryView query={keys}>
          {(all) =>
            all.length === 0 ? (
              <EmptyState icon={IconKey} title="No key yet" action={newKey}>
                Create one, copy it into your program and send the first request from the overview.
              </EmptyState>
            ) : (
              <KeyTable keys={all} onRevoke={setRevoking} />
            )
          }
        </QueryView>
        <LoadMore list={keys} />
      </Card>
      <CreateKeyDialog opened={creating} onClose={create.close} />
      <RevokeDialog apiKey={revoking} onClose={() => setRevoking(undefined)} />
    </Page>
  )
}

function RevokeDialog({ apiKey, onClose }: { apiKey: ApiKey | undefined; onClose: () => void }) {
  const revoke = useRevokeKey()
  const close = (): void => {
    revoke.reset()
    onClose()
  }
  return (
    <ConfirmDialog
      opened={apiKey !== undefined}
      title={`Revoke “${apiKey?.name ?? ''}”?`}
      confirm="Revoke key"
      busy={revoke.isPending}
      error={revoke.error}
      onConfirm={() => apiKey && revoke.mutate(apiKey.id, { onSuccess: close })}
      onClose={close}
    >
      Programs that call with it get 401 within five seconds. Requests that are running finish and are paid. A
      revoked key cannot be brought back.
    </ConfirmDialog>
  )
}
