import type { KeyShown } from '@bourse/gateway/api/keys'
import { Badge, Button, Group } from '@mantine/core'
import { BudgetBar } from '../../components/budget-bar.tsx'
import { type Column, DataTable } from '../../components/data-table.tsx'
import { Moment } from '../../components/moment.tsx'
import { StateBadge } from '../../components/state-badge.tsx'
import { TitleCell } from '../../components/title-cell.tsx'
import { keyState, keyWarning } from '../../lib/key-state.ts'

interface KeyTableProps {
  keys: readonly KeyShown[]
  opened: string | undefined
  onOpen: (key: KeyShown) => void
  onRevoke: (key: KeyShown) => void
}

export function KeyTable({ keys, opened, onOpen, onRevoke }: KeyTableProps) {
  return (
    <DataTable
      label="API keys"
      rows={keys}
      rowKey={(key) => key.id}
      columns={columnsOf(onRevoke)}
      open={{ go: onOpen, href: ({ id }) => `/keys?open=${id}`, current: opened }}
    />
  )
}

function columnsOf(onRevoke: (key: KeyShown) => void): Column<KeyShown>[] {
  return [
    {
      title: 'Name',
      cell: (key) => (
        <TitleCell title={key.name}>
          <code>{key.label}</code>
        </TitleCell>
      ),
    },
    { title: 'State', cell: (key) => <KeyStates apiKey={key} /> },
    { title: 'Budget', cell: ({ budget }) => (budget ? <BudgetBar budget={budget} /> : 'only your balance') },
    { title: 'Limits', cell: limitsOf },
    {
      title: 'Last used',
      cell: (key) => (key.lastUsedAt ? <Moment at={key.lastUsedAt} as="age" /> : 'never'),
    },
    { title: 'Expires', cell: (key) => (key.expiresAt ? <Moment at={key.expiresAt} as="day" /> : 'never') },
    {
      title: 'Actions',
      actions: true,
      cell: (key) =>
        key.revokedAt === null ? (
          <Button size="xs" variant="default" aria-label={`Revoke ${key.name}`} onClick={() => onRevoke(key)}>
            Revoke
          </Button>
        ) : null,
    },
  ]
}

/** The state, and what will soon change it. */
export function KeyStates({ apiKey }: { apiKey: KeyShown }) {
  const warning = keyWarning(apiKey, Date.now())
  return (
    <Group gap={6}>
      <StateBadge state={keyState(apiKey, Date.now())} />
      {warning ? <Badge color="yellow">{warning}</Badge> : null}
    </Group>
  )
}

function limitsOf({ requestsPerMinute, tokensPerMinute, models }: KeyShown): string {
  const limits = [
    requestsPerMinute === null ? undefined : `${requestsPerMinute.toLocaleString()} requests/min`,
    tokensPerMinute === null ? undefined : `${tokensPerMinute.toLocaleString()} tokens/min`,
    models.length === 0 ? undefined : models.length === 1 ? models[0] : `${models.length} models`,
  ].filter((limit) => limit !== undefined)
  return limits.length === 0 ? 'none' : limits.join(' · ')
}
