import { Button } from '@mantine/core'
import { type Column, DataTable } from '../../components/data-table.tsx'
import { Moment } from '../../components/moment.tsx'
import { StateBadge } from '../../components/state-badge.tsx'
import { TitleCell } from '../../components/title-cell.tsx'
import { formatUsd } from '../../lib/money.ts'
import { type ApiKey, keyState } from './queries.ts'

interface KeyTableProps {
  keys: readonly ApiKey[]
  onRevoke: (key: ApiKey) => void
}

export function KeyTable({ keys, onRevoke }: KeyTableProps) {
  return <DataTable label="API keys" rows={keys} rowKey={(key) => key.id} columns={columnsOf(onRevoke)} />
}

function columnsOf(onRevoke: (key: ApiKey) => void): Column<ApiKey>[] {
  return [
    {
      title: 'Name',
      cell: (key) => (
        <TitleCell title={key.name}>
          <code>{key.label}</code>
        </TitleCell>
      ),
    },
    { title: 'State', cell: (key) => <StateBadge state={keyState(key, Date.now())} /> },
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
        keyState(key, Date.now()) === 'revoked' ? null : (
          <Button size="xs" variant="default" aria-label={`Revoke ${key.name}`} onClick={() => onRevoke(key)}>
            Revoke
          </Button>
        ),
    },
  ]
}

function limitsOf({ budget, requestsPerMinute }: ApiKey): string {
  const limits = [
    budget ? budgetOf(budget) : undefined,
    requestsPerMinute === undefined ? undefined : `${requestsPerMinute} requests/min`,
  ].filter((limit) => limit !== undefined)
  return limits.length === 0 ? 'only your balance' : limits.join(' · ')
}

function budgetOf({ limitNanos, spentNanos, period }: NonNullable<ApiKey['budget']>): string {
  const spent = spentNanos === undefined ? '' : `${formatUsd(spentNanos)} of `
  return period === 'total'
    ? `${spent}${formatUsd(limitNanos)} in all`
    : `${spent}${formatUsd(limitNanos)} a ${period}`
}
