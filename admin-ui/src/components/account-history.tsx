import type { TransactionShown } from '@bourse/gateway/api/payments'
import type { StatementLineShown } from '@bourse/gateway/api/users'
import { Anchor, Card, Group, Text } from '@mantine/core'
import { IconReceipt } from '@tabler/icons-react'
import { Link } from '@tanstack/react-router'
import { decimalsFor } from '../lib/money.ts'
import { type RangeName, rangeBounds, readRange } from '../lib/range.ts'
import { usePageSearch } from '../lib/use-page-search.ts'
import { usePages } from '../lib/use-pages.ts'
import { CsvButton } from './csv-button.tsx'
import { type Column, DataTable } from './data-table.tsx'
import { EmptyState } from './empty-state.tsx'
import { FilterSelect } from './filter-select.tsx'
import { LoadMore } from './load-more.tsx'
import { Moment } from './moment.tsx'
import { Money } from './money.tsx'
import { QueryView } from './query-view.tsx'
import { RangePicker } from './range-picker.tsx'
import { TitleCell } from './title-cell.tsx'

const STANDARD: RangeName = '30d'

interface AccountHistoryProps {
  side: 'buyer' | 'seller'
  title: string
  kinds: readonly { value: string; label: string }[]
  /** What to do when nothing has happened. */
  empty: string
}

/**
 * What happened on one's account, the newest first, with the balance after each line; filtered by kind and range in the
 * page's address, and as a file for the same range.
 */
export function AccountHistory({ side, title, kinds, empty }: AccountHistoryProps) {
  const { search, set } = usePageSearch()
  const range = readRange(search)
  const bounds = rangeBounds(range, Date.now(), STANDARD)
  const { kind } = search
  const isKnown = kinds.some(({ value }) => value === kind)
  return (
    <Card component="section" aria-label={title}>
      <Group justify="space-between" align="flex-start" mb="md" gap="sm">
        <Text component="h2" fw={650}>
          {title}
        </Text>
        <Group gap="xs">
          <FilterSelect name="kind" label="Kind" data={kinds} />
          <RangePicker
            value={range.from === undefined ? (range.range ?? STANDARD) : undefined}
            onChange={(name) => set({ range: name, from: undefined, to: undefined })}
            custom={{ range, onChange: ({ from, to }) => set({ range: undefined, from, to }) }}
          />
          <CsvButton
            path="/api/statements"
            search={{ account: side, ...bounds }}
            name={`statement-${side}`}
          />
        </Group>
      </Group>
      {kind !== undefined && isKnown ? (
        <OneKind side={side} kind={kind} bounds={bounds} empty={empty} />
      ) : (
        <Statement side={side} bounds={bounds} empty={empty} />
      )}
    </Card>
  )
}

interface ListProps {
  side: 'buyer' | 'seller'
  bounds: { from: string; to?: string }
  empty: string
}

function Statement({ side, bounds, empty }: ListProps) {
  const lines = usePages<StatementLineShown>('/api/statements', { account: side, ...bounds })
  return (
    <>
      <QueryView query={lines} rows={8}>
        {(all) => <Lines lines={all} balances empty={empty} side={side} />}
      </QueryView>
      <LoadMore list={lines} />
    </>
  )
}

function OneKind({ side, kind, bounds, empty }: ListProps & { kind: string }) {
  const lines = usePages<TransactionShown>('/api/transactions', { account: side, kind, ...bounds })
  return (
    <>
      <QueryView query={lines} rows={8}>
        {(all) => <Lines lines={all} balances={false} empty={empty} side={side} />}
      </QueryView>
      <LoadMore list={lines} />
    </>
  )
}

type Line = Pick<
  StatementLineShown,
  'id' | 'createdAt' | 'description' | 'account' | 'amountNanos' | 'journalId'
> & {
  requestId?: string | null | undefined
  model?: string | null | undefined
  balanceNanos?: string
}

function Lines({
  lines,
  balances,
  empty,
  side,
}: {
  lines: readonly Line[]
  balances: boolean
  empty: string
  side: 'buyer' | 'seller'
}) {
  if (lines.length === 0)
    return (
      <EmptyState icon={IconReceipt} title="Nothing in this range">
        {empty}
      </EmptyState>
    )
  const amounts = decimalsFor(lines.map(({ amountNanos }) => amountNanos))
  const totals = decimalsFor(lines.map(({ balanceNanos }) => balanceNanos ?? '0'))
  const columns: Column<Line>[] = [
    { title: 'What', cell: (line) => <What line={line} side={side} /> },
    { title: 'When', cell: ({ createdAt }) => <Moment at={createdAt} /> },
    {
      title: 'Amount',
      align: 'end',
      cell: ({ amountNanos }) => <Money nanos={amountNanos} decimals={amounts} signed />,
    },
  ]
  if (balances)
    columns.push({
      title: 'Balance after',
      align: 'end',
      cell: ({ balanceNanos }) => <Money nanos={balanceNanos ?? '0'} decimals={totals} />,
    })
  return <DataTable label="Transactions" columns={columns} rows={lines} rowKey={({ id }) => id} dense />
}

/** Accounts as people call them; the first of each side goes without saying. */
const ACCOUNTS: Readonly<Record<string, string>> = {
  buyer_promo: 'promotional credit',
  receivable_buyer: 'owed to the platform',
  seller_pending: 'pending',
  seller_available: 'available',
  seller_payout_inflight: 'in a payout',
  seller_reserve: 'in reserve',
  receivable_seller: 'owed to the platform',
}

function What({ line, side }: { line: Line; side: 'buyer' | 'seller' }) {
  const { requestId, model, description, account } = line
  const where = ACCOUNTS[account]
  const detail = [model, where].filter((part) => part !== undefined && part !== null).join(' · ')
  return (
    <>
      <TitleCell title={description}>{detail === '' ? null : detail}</TitleCell>
      {requestId ? (
        <Anchor
          component={Link}
          to="/requests"
          search={{ open: requestId, ...(side === 'seller' ? { side: 'seller' } : {}) } as never}
          size="xs"
          ff="monospace"
          style={{ overflowWrap: 'anywhere' }}
        >
          {requestId}
        </Anchor>
      ) : null}
    </>
  )
}
