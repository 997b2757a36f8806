import { Badge, Button, Group } from '@mantine/core'
import { type Column, DataTable } from '../../components/data-table.tsx'
import { Moment } from '../../components/moment.tsx'
import { StateBadge } from '../../components/state-badge.tsx'
import { TitleCell } from '../../components/title-cell.tsx'
import type { User } from './queries.ts'

interface UserTableProps {
  users: readonly User[]
  mayCredit: boolean
  onAddCredit: (user: User) => void
}

export function UserTable({ users, ...actions }: UserTableProps) {
  return <DataTable label="Users" rows={users} rowKey={(user) => user.id} columns={columnsOf(actions)} />
}

function columnsOf({ mayCredit, onAddCredit }: Omit<UserTableProps, 'users'>): Column<User>[] {
  return [
    { title: 'Name', cell: (user) => <TitleCell title={user.name}>{user.email}</TitleCell> },
    { title: 'Roles', cell: (user) => <Roles user={user} /> },
    { title: 'Since', cell: (user) => (user.createdAt ? <Moment at={user.createdAt} as="day" /> : '–') },
    {
      title: 'Actions',
      actions: true,
      cell: (user) =>
        user.closedAt || !mayCredit ? null : (
          <Button
            size="xs"
            variant="default"
            aria-label={`Add credit for ${user.name}`}
            onClick={() => onAddCredit(user)}
          >
            Add credit
          </Button>
        ),
    },
  ]
}

function Roles({ user }: { user: User }) {
  return (
    <Group gap={6}>
      {user.closedAt ? <StateBadge state="closed" /> : null}
      {user.roles.map((role) => (
        <Badge key={role} color={role === 'operator' ? 'indigo' : 'gray'}>
          {role}
        </Badge>
      ))}
    </Group>
  )
}
