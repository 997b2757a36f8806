import type { KeyShown } from '@bourse/gateway/api/keys'
import { Button, Card } from '@mantine/core'
import { IconKey, IconPlus } from '@tabler/icons-react'
import { useState } from 'react'
import { EmptyState } from '../../components/empty-state.tsx'
import { LoadMore } from '../../components/load-more.tsx'
import { Page } from '../../components/page.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { usePageSearch } from '../../lib/use-page-search.ts'
import { CreateKeyDialog } from './create-key-dialog.tsx'
import { EditKeyDialog } from './edit-key-dialog.tsx'
import { type KeyAct, KeyDrawer } from './key-drawer.tsx'
import { KeyTable } from './key-table.tsx'
import { useKeys } from './queries.ts'
import { RevokeKeyDialog } from './revoke-key-dialog.tsx'
import { RotateKeyDialog } from './rotate-key-dialog.tsx'

const dialogs = { edit: EditKeyDialog, rotate: RotateKeyDialog, revoke: RevokeKeyDialog } as const

/** Which keys can spend my money, and how do I make, limit or end one? */
export function KeysPage() {
  const keys = useKeys()
  const { search, set } = usePageSearch()
  const [acting, setActing] = useState<{ act: KeyAct; key: KeyShown }>()
  const Dialog = acting && dialogs[acting.act]
  const newKey = (
    <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => set({ new: 'key' })}>
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
                Create one and copy it into your program; Get started shows the first request.
              </EmptyState>
            ) : (
              <KeyTable
                keys={all}
                opened={search.open}
                onOpen={({ id }) => set({ open: id }, { push: true })}
                onRevoke={(key) => setActing({ act: 'revoke', key })}
              />
            )
          }
        </QueryView>
        <LoadMore list={keys} />
      </Card>
      <CreateKeyDialog opened={search.new === 'key'} onClose={() => set({ new: undefined })} />
      <KeyDrawer
        id={search.open}
        onClose={() => set({ open: undefined })}
        onAct={(act, key) => setActing({ act, key })}
      />
      {acting && Dialog ? <Dialog apiKey={acting.key} onClose={() => setActing(undefined)} /> : null}
    </Page>
  )
}
