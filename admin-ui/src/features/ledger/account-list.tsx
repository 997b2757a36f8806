import type { LedgerAccount, LedgerStatus } from '@bourse/gateway/api/ledger'
import { Button, Card, Group, Text, TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { IconScale, IconSearch } from '@tabler/icons-react'
import { useState } from 'react'
import { type Column, DataTable } from '../../components/data-table.tsx'
import { EmptyState } from '../../components/empty-state.tsx'
import { FilterSelect } from '../../components/filter-select.tsx'
import { LoadMore } from '../../components/load-more.tsx'
import { Money } from '../../components/money.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { TitleCell } from '../../components/title-cell.tsx'
import { decimalsFor } from '../../lib/money.ts'
import { usePageSearch } from '../../lib/use-page-search.ts'
import { accountKinds, accountName } from './account-names.ts'
import { useAccounts, useLedgerStatus } from './queries.ts'

const SEARCH_AFTER_MS = 300

/** The chart of accounts with what each kind comes to; with a search or a kind, the accounts themselves. */
export function AccountList({ onOpen }: { onOpen: (key: string) => void }) {
  const { search, set } = usePageSearch()
  const { q, code } = search
  const isSearching = q !== undefined || code !== undefined
  return (
    <Card component="section" aria-label="Accounts">
      <Group justify="space-between" mb="md" gap="sm" align="flex-start">
        <Text component="h2" fw={650}>
          {isSearching ? 'Accounts' : 'The chart of accounts'}
        </Text>
        <Group gap="xs">
          <SearchInput value={q ?? ''} onChange={(text) => set({ q: text })} />
          <FilterSelect name="code" label="Kind of account" data={accountKinds} />
          {isSearching ? (
            <Button variant="default" onClick={() => set({ q: undefined, code: undefined })}>
              Back to the chart
            </Button>
          ) : null}
        </Group>
      </Group>
      {isSearching ? <Found q={q} code={code} onOpen={onOpen} /> : <Chart />}
    </Card>
  )
}

function SearchInput({ value, onChange }: { value: string; onChange: (text: string | undefined) => void }) {
  const [text, setText] = useState(value)
  const search = useDebouncedCallback((asked: string) => onChange(asked.trim() || undefined), SEARCH_AFTER_MS)
  return (
    <TextInput
      aria-label="Search accounts"
      placeholder="Name, org-…, or kind"
      type="search"
      data-search
      maxLength={100}
      leftSection={<IconSearch size={16} aria-hidden />}
      value={text}
      onChange={({ currentTarget }) => {
        setText(currentTarget.value)
        search(currentTarget.value)
      }}
    />
  )
}

function Chart() {
  const { set } = usePageSearch()
  const status = useLedgerStatus()
  return (
    <QueryView query={status} rows={8}>
      {({ chart }) => <ChartTable chart={chart} onOpen={(code) => set({ code }, { push: true })} />}
    </QueryView>
  )
}

function ChartTable({ chart, onOpen }: { chart: LedgerStatus['chart']; onOpen: (code: string) => void }) {
  const decimals = decimalsFor(chart.map(({ balanceNanos }) => balanceNanos))
  const held = decimalsFor(chart.map(({ heldNanos }) => heldNanos))
  if (chart.length === 0)
    return (
      <EmptyState icon={IconScale} title="No account is open yet">
        The first top-up or request opens the accounts it needs.
      </EmptyState>
    )
  return (
    <DataTable
      label="The chart of accounts"
      dense
      rows={chart}
      rowKey={({ code }) => code}
      open={{ go: ({ code }) => onOpen(code) }}
      columns={[
        {
          title: 'Kind',
          cell: ({ code, number }) => (
            <TitleCell title={accountName(code)}>{`${number} · ${code}`}</TitleCell>
          ),
        },
        { title: 'Class', cell: (row) => row.class },
        {
          title: 'Accounts',
          align: 'end',
          cell: ({ accounts }) => <span className="figures">{accounts.toLocaleString()}</span>,
        },
        { title: 'Held', align: 'end', cell: ({ heldNanos }) => <Money nanos={heldNanos} decimals={held} /> },
        {
          title: 'Balance',
          align: 'end',
          cell: ({ balanceNanos }) => <Money nanos={balanceNanos} decimals={decimals} />,
        },
      ]}
    />
  )
}

function Found({
  q,
  code,
  onOpen,
}: {
  q: string | undefined
  code: string | undefined
  onOpen: (key: string) => void
}) {
  const accounts = useAccounts({ q, code })
  return (
    <>
      <QueryView query={accounts} rows={8}>
        {(all) =>
          all.length === 0 ? (
            <EmptyState icon={IconScale} title="No such account">
              Search for a part of an organisation’s name, its id (org-…), or a kind of account such as
              buyer_cash or 2010.
            </EmptyState>
          ) : (
            <AccountTable accounts={all} onOpen={onOpen} />
          )
        }
      </QueryView>
      <LoadMore list={accounts} />
    </>
  )
}

function AccountTable({
  accounts,
  onOpen,
}: {
  accounts: readonly LedgerAccount[]
  onOpen: (key: string) => void
}) {
  const balance = decimalsFor(accounts.map(({ balanceNanos }) => balanceNanos))
  const held = decimalsFor(accounts.map(({ heldNanos }) => heldNanos))
  const columns: Column<LedgerAccount>[] = [
    { title: 'Account', cell: ({ code, id }) => <TitleCell title={accountName(code)}>{id}</TitleCell> },
    { title: 'Owner', cell: ({ owner }) => <Owner owner={owner} /> },
    { title: 'Held', align: 'end', cell: ({ heldNanos }) => <Money nanos={heldNanos} decimals={held} /> },
    {
      title: 'Balance',
      align: 'end',
      cell: ({ balanceNanos }) => <Money nanos={balanceNanos} decimals={balance} />,
    },
  ]
  return (
    <DataTable
      label="Accounts"
      dense
      columns={columns}
      rows={accounts}
      rowKey={({ id }) => id}
      open={{ go: ({ id }) => onOpen(id), href: ({ id }) => `/run/ledger?account=${encodeURIComponent(id)}` }}
    />
  )
}

/** Whose account it is; nothing for the platform's own. */
export function Owner({ owner, onlyName = false }: { owner: LedgerAccount['owner']; onlyName?: boolean }) {
  if (owner === null) return 'The platform'
  if (owner.name === null) return owner.id
  return (
    <div>
      <TitleCell title={owner.name}>{onlyName ? null : owner.id}</TitleCell>
    </div>
  )
}
