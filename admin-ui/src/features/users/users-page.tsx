import { Button, Card } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { IconPlus, IconUsers } from '@tabler/icons-react'
import { useState } from 'react'
import { EmptyState } from '../../components/empty-state.tsx'
import { LoadMore } from '../../components/load-more.tsx'
import { Page } from '../../components/page.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { usePerson } from '../../lib/services.ts'
import { AddCreditDialog } from './add-credit-dialog.tsx'
import { CreateUserDialog } from './create-user-dialog.tsx'
import { type User, useUsers } from './queries.ts'
import { UserTable } from './user-table.tsx'

/** Who may use this gateway, and how do they get money to spend? */
export function UsersPage() {
  const users = useUsers()
  // With real money, balances grow by payments only.
  const mayCredit = usePerson()?.mode !== 'live'
  const [creating, create] = useDisclosure(false)
  const [crediting, setCrediting] = useState<User>()
  const newUser = (
    <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={create.open}>
      Create user
    </Button>
  )
  return (
    <Page
      title="Users"
      lead="Who may use this gateway, in which role, and with what money."
      actions={newUser}
    >
      <Card>
        <QueryView query={users}>
          {(all) =>
            all.length === 0 ? (
              <EmptyState icon={IconUsers} title="No user yet" action={newUser}>
                Create a user, give them credit, and they can create their own keys.
              </EmptyState>
            ) : (
              <UserTable users={all} mayCredit={mayCredit} onAddCredit={setCrediting} />
            )
          }
        </QueryView>
        <LoadMore list={users} />
      </Card>
      <CreateUserDialog opened={creating} onClose={create.close} />
      {/* A new dialog, and so a new idempotency key, for each credit. */}
      {crediting ? (
        <AddCreditDialog key={crediting.id} user={crediting} onClose={() => setCrediting(undefined)} />
      ) : null}
    </Page>
  )
}
