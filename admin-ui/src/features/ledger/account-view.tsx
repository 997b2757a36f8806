import type { LedgerAccount, LedgerLine } from '@bourse/gateway/api/ledger'
import { Button, Card, Group, Text } from '@mantine/core'
import { IconArrowLeft, IconListDetails } from '@tabler/icons-react'
import { type Column, DataTable } from '../../components/data-table.tsx'
import { EmptyState } from '../../components/empty-state.tsx'
import { Facts } from '../../components/facts.tsx'
import { LoadMore } from '../../components/load-more.tsx'
import { Moment } from '../../components/moment.tsx'
import { HeadlineMoney, Money } from '../../components/money.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { TitleCell } from '../../components/title-cell.tsx'
import { decimalsFor } from '../../lib/money.ts'
import { Owner } from './account-list.tsx'
import { accountName } from './account-names.ts'
import { useAccount, useEntries } from './queries.ts'

interface AccountViewProps {
  accountKey: string
  /** The journal in the drawer. */
  opened: string | undefined
  onJournal: (id: string) => void
  onBack: () => void
}

/** One account: its balances, and what was booked on it, the newest first. */
export function AccountView({ accountKey, opened, onJournal, onBack }: AccountViewProps) {
  const account = useAccount(accountKey)
  return (
    <Card component="section" aria-label="Account">
      <Group mb="sm">
        <Button
          variant="subtle"
          size="compact-sm"
          ml={-8}
          leftSection={<IconArrowLeft size={15} aria-hidden />}
          onClick={onBack}
        >
          All accounts
        </Button>
      </Group>
      <QueryView query={account} rows={5}>
        {(shown) => (
          <>
            <AccountHead account={shown} />
            <Entries accountKey={accountKey} opened={opened} onJournal={onJournal} />
          </>
        )}
      </QueryView>
    </Card>
  )
}

function AccountHead({ account }: { account: LedgerAccount }) {
  return (
    <Group justify="space-between" align="flex-start" gap="xl" mb="lg">
      <div>
        <Text component="h2" fw={650}>
          {accountName(account.code)}
        </Text>
        <Text size="xs" c="dimmed" ff="monospace" mb="xs" style={{ overflowWrap: 'anywhere' }}>
          {account.id}
        </Text>
        <HeadlineMoney nanos={account.balanceNanos} />
        <Text size="xs" c="dimmed">
          Balance, on the {account.normalSide} side
          {account.floored ? '; with what is held it never falls below zero' : ''}
        </Text>
      </div>
      <Facts
        facts={[
          { name: 'Owner', value: <Owner owner={account.owner} /> },
          { name: 'Held', value: <Money nanos={account.heldNanos} /> },
          { name: 'All debits', value: <Money nanos={account.debitsNanos} /> },
          { name: 'All credits', value: <Money nanos={account.creditsNanos} /> },
          { name: 'Number and class', value: `${account.number} · ${account.class}` },
          { name: 'Opened', value: <Moment at={account.openedAt} /> },
        ]}
      />
    </Group>
  )
}

function Entries({
  accountKey,
  opened,
  onJournal,
}: Pick<AccountViewProps, 'accountKey' | 'opened' | 'onJournal'>) {
  const entries = useEntries(accountKey)
  return (
    <>
      <QueryView query={entries} rows={8}>
        {(all) =>
          all.length === 0 ? (
            <EmptyState icon={IconListDetails} title="Nothing was booked on this account">
              It was opened for a hold that was released, or for something that has not happened yet.
            </EmptyState>
          ) : (
            <EntryTable lines={all} opened={opened} onJournal={onJournal} />
          )
        }
      </QueryView>
      <LoadMore list={entries} />
    </>
  )
}

function EntryTable({
  lines,
  opened,
  onJournal,
}: {
  lines: readonly LedgerLine[]
  opened: string | undefined
  onJournal: (id: string) => void
}) {
  const decimals = decimalsFor(lines.map(({ amountNanos }) => amountNanos))
  const columns: Column<LedgerLine>[] = [
    {
      title: 'Journal',
      cell: ({ description, journalId, model }) => (
        <TitleCell title={model ? `${description} · ${model}` : description}>{journalId}</TitleCell>
      ),
    },
    { title: 'When', cell: ({ createdAt }) => <Moment at={createdAt} /> },
    {
      title: 'Debit',
      align: 'end',
      cell: ({ amountNanos }) =>
        amountNanos.startsWith('-') ? null : <Money nanos={amountNanos} decimals={decimals} />,
    },
    {
      title: 'Credit',
      align: 'end',
      cell: ({ amountNanos }) =>
        amountNanos.startsWith('-') ? <Money nanos={amountNanos.slice(1)} decimals={decimals} /> : null,
    },
  ]
  const current = lines.find(({ journalId }) => journalId === opened)?.id
  return (
    <DataTable
      label="Entries"
      dense
      columns={columns}
      rows={lines}
      rowKey={({ id }) => id}
      open={{ go: ({ journalId }) => onJournal(journalId), current }}
    />
  )
}
