import type { UserDetailShown } from '@bourse/gateway/api/users'
import { Anchor, Button, Group, Stack, Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { DetailDrawer } from '../../components/detail-drawer.tsx'
import { Facts } from '../../components/facts.tsx'
import { Moment } from '../../components/moment.tsx'
import { Money } from '../../components/money.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { StateBadge } from '../../components/state-badge.tsx'
import { usePerson } from '../../lib/services.ts'
import { AddCreditDialog } from './add-credit-dialog.tsx'
import { EditUserDialog } from './edit-user-dialog.tsx'
import { InvitationPanel } from './invitation-panel.tsx'
import { useUser } from './queries.ts'
import { RolesCell } from './roles-cell.tsx'
import { type UserAct, UserActDialog } from './user-act-dialog.tsx'
import { UserKeys } from './user-keys.tsx'

/** One user: money, roles, and what an operator can do for them. */
export function UserDrawer({ id, onClose }: { id: string | undefined; onClose: () => void }) {
  return (
    <DetailDrawer title="User" opened={id !== undefined} onClose={onClose}>
      {id === undefined ? null : <UserView key={id} id={id} onClose={onClose} />}
    </DetailDrawer>
  )
}

function UserView({ id, onClose }: { id: string; onClose: () => void }) {
  const user = useUser(id)
  return (
    <QueryView query={user} rows={8}>
      {(shown) => <UserDetail user={shown} onGone={onClose} />}
    </QueryView>
  )
}

type Doing = UserAct | 'credit' | 'edit'

function UserDetail({ user, onGone }: { user: UserDetailShown; onGone: () => void }) {
  const mode = usePerson()?.mode
  const [doing, setDoing] = useState<Doing>()
  const done = (): void => setDoing(undefined)
  const isOpen = user.state !== 'closed'
  return (
    <Stack>
      <div>
        <Text fw={650} fz="lg" style={{ overflowWrap: 'anywhere' }}>
          {user.name}
        </Text>
        <Text c="dimmed" style={{ overflowWrap: 'anywhere' }}>
          {user.email}
        </Text>
      </div>
      <Facts facts={factsOf(user)} />
      <Group gap="md">
        <Anchor
          component={Link}
          to="/run/usage"
          search={{ organisation: user.organisationId } as never}
          size="sm"
        >
          Cost and usage
        </Anchor>
        <Anchor component={Link} to="/run/audit" search={{ subject: user.id } as never} size="sm">
          Audit log
        </Anchor>
      </Group>
      <UserKeys organisationId={user.organisationId} />
      {user.state === 'invited' ? <InvitationPanel user={user} /> : null}
      {isOpen ? (
        <Group gap="sm">
          <Button variant="default" onClick={() => setDoing('edit')}>
            Change name, address or roles
          </Button>
          {mode === 'play' ? (
            <Button variant="default" onClick={() => setDoing('credit')}>
              Add play credit
            </Button>
          ) : null}
          {user.state === 'invited' ? null : (
            <Button variant="default" onClick={() => setDoing('password')}>
              New password
            </Button>
          )}
          {user.twoFactor ? (
            <Button variant="default" onClick={() => setDoing('two-factor')}>
              Turn two-factor off
            </Button>
          ) : null}
          <Button variant="light" color="red" onClick={() => setDoing('remove')}>
            {user.removal === 'deleted' ? 'Delete user' : 'Close user'}
          </Button>
        </Group>
      ) : (
        <Text size="sm" c="dimmed">
          A closed user cannot sign in, and its keys are void. Its money and history stay in the books.
        </Text>
      )}
      {doing === 'credit' ? <AddCreditDialog user={user} onClose={done} /> : null}
      {doing === 'edit' ? <EditUserDialog user={user} onClose={done} /> : null}
      {doing === 'password' || doing === 'two-factor' || doing === 'remove' ? (
        <UserActDialog act={doing} user={user} onClose={done} onGone={onGone} />
      ) : null}
    </Stack>
  )
}

function factsOf(user: UserDetailShown) {
  const { balance } = user
  return [
    { name: 'State', value: <StateBadge state={user.state} /> },
    { name: 'Roles', value: <RolesCell roles={user.roles} /> },
    { name: 'Available', value: <Money nanos={BigInt(balance.availableNanos)} /> },
    { name: 'Held by running requests', value: <Money nanos={BigInt(balance.heldNanos)} /> },
    { name: 'Two-factor sign-in', value: user.twoFactor ? 'on' : 'off' },
    { name: 'Since', value: <Moment at={user.createdAt} /> },
    ...(user.closedAt ? [{ name: 'Closed', value: <Moment at={user.closedAt} /> }] : []),
    { name: 'User id', value: <code>{user.id}</code> },
    { name: 'Organisation', value: <code>{user.organisationId}</code> },
  ]
}
