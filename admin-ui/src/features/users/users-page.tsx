import { Button, Card, Group, TextInput } from '@mantine/core'
import { useDebouncedCallback, useDisclosure } from '@mantine/hooks'
import { IconPlus, IconSearch, IconUsers } from '@tabler/icons-react'
import { EmptyState } from '../../components/empty-state.tsx'
import { FilterSelect } from '../../components/filter-select.tsx'
import { LoadMore } from '../../components/load-more.tsx'
import { Page } from '../../components/page.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { usePageSearch } from '../../lib/use-page-search.ts'
import { CreateUserDialog } from './create-user-dialog.tsx'
import { useUsers } from './queries.ts'
import { UserDrawer } from './user-drawer.tsx'
import { UserTable } from './user-table.tsx'

const typingMs = 250

/** Who may use this gateway, in which role, and what do they need? */
export function UsersPage() {
  const { search, set } = usePageSearch()
  const { q, state, role, open } = search
  const users = useUsers({ ...(q ? { q } : {}), ...(state ? { state } : {}), ...(role ? { role } : {}) })
  const [creating, create] = useDisclosure(false)
  const isFiltered = q !== undefined || state !== undefined || role !== undefined
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
      <Filters />
      <Card>
        <QueryView query={users} rows={6}>
          {(all) =>
            all.length > 0 ? (
              <UserTable users={all} open={open} onOpen={(id) => set({ open: id }, { push: true })} />
            ) : isFiltered ? (
              <EmptyState
                icon={IconUsers}
                title="Nobody like that"
                action={
                  <Button
                    variant="default"
                    onClick={() => set({ q: undefined, state: undefined, role: undefined })}
                  >
                    Show everybody
                  </Button>
                }
              >
                No user has this name or address in this state and role.
              </EmptyState>
            ) : (
              <EmptyState icon={IconUsers} title="No user yet" action={newUser}>
                Invite a user; they choose a password and create their own keys.
              </EmptyState>
            )
          }
        </QueryView>
        <LoadMore list={users} />
      </Card>
      <CreateUserDialog opened={creating} onClose={create.close} />
      <UserDrawer id={open} onClose={() => set({ open: undefined })} />
    </Page>
  )
}

function Filters() {
  return (
    <Group gap="sm">
      <SearchField />
      <FilterSelect
        name="state"
        label="State"
        data={[
          { value: 'active', label: 'Active' },
          { value: 'invited', label: 'Invited' },
          { value: 'unverified', label: 'Address not confirmed' },
          { value: 'closed', label: 'Closed' },
        ]}
      />
      <FilterSelect
        name="role"
        label="Role"
        data={[
          { value: 'buyer', label: 'Buyers' },
          { value: 'seller', label: 'Sellers' },
          { value: 'operator', label: 'Operators' },
        ]}
      />
    </Group>
  )
}

function SearchField() {
  const { search, set } = usePageSearch()
  const apply = useDebouncedCallback((text: string) => set({ q: text.trim() || undefined }), typingMs)
  return (
    <TextInput
      // A page that is asked for without the search shows none.
      key={search.q === undefined ? 'empty' : 'searching'}
      aria-label="Search users by name or address"
      placeholder="Name or address"
      leftSection={<IconSearch size={16} aria-hidden />}
      defaultValue={search.q ?? ''}
      maxLength={100}
      onChange={({ currentTarget }) => apply(currentTarget.value)}
      w={{ base: '100%', xs: 260 }}
    />
  )
}
