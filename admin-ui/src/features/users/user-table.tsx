import type { UserShown } from '@bourse/gateway/api/users'
import { type Column, DataTable } from '../../components/data-table.tsx'
import { Moment } from '../../components/moment.tsx'
import { StateBadge } from '../../components/state-badge.tsx'
import { TitleCell } from '../../components/title-cell.tsx'
import { RolesCell } from './roles-cell.tsx'

interface UserTableProps {
  users: readonly UserShown[]
  open: string | undefined
  onOpen: (id: string) => void
}

export function UserTable({ users, open, onOpen }: UserTableProps) {
  return (
    <DataTable
      label="Users"
      rows={users}
      rowKey={(user) => user.id}
      columns={columns}
      open={{ go: (user) => onOpen(user.id), href: (user) => `/run/users?open=${user.id}`, current: open }}
    />
  )
}

const columns: Column<UserShown>[] = [
  { title: 'Name', cell: (user) => <TitleCell title={user.name}>{user.email}</TitleCell> },
  { title: 'State', cell: (user) => <StateBadge state={user.state} /> },
  { title: 'Roles', cell: (user) => <RolesCell roles={user.roles} /> },
  { title: 'Two-factor', cell: (user) => (user.twoFactor ? 'on' : 'off') },
  { title: 'Since', cell: (user) => <Moment at={user.createdAt} as="day" /> },
]
