import type { LedgerJournal } from '@bourse/gateway/api/ledger'
import { Anchor, Badge, Button, Group, Stack, Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { CopyButton } from '../../components/copy-button.tsx'
import { type Column, DataTable } from '../../components/data-table.tsx'
import { DetailDrawer } from '../../components/detail-drawer.tsx'
import { Facts } from '../../components/facts.tsx'
import { Moment } from '../../components/moment.tsx'
import { Money } from '../../components/money.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { decimalsFor } from '../../lib/money.ts'
import { Owner } from './account-list.tsx'
import { accountName } from './account-names.ts'
import { useJournal } from './queries.ts'

interface JournalDrawerProps {
  id: string | undefined
  onClose: () => void
  onAccount: (key: string) => void
  onJournal: (id: string) => void
}

/** One journal: what it was booked for, and its entries, which sum to zero. */
export function JournalDrawer({ id, onClose, onAccount, onJournal }: JournalDrawerProps) {
  const journal = useJournal(id)
  return (
    <DetailDrawer title="Journal" opened={id !== undefined} onClose={onClose}>
      {id === undefined ? null : (
        <QueryView query={journal} rows={8}>
          {(shown) => (
            <Stack gap="lg">
              <Group justify="space-between" gap="sm">
                <Text fw={650} fz="lg" style={{ overflowWrap: 'anywhere' }}>
                  {shown.description}
                </Text>
                <Badge color={shown.sealed ? 'green' : 'gray'}>
                  {shown.sealed ? 'sealed' : 'not sealed yet'}
                </Badge>
              </Group>
              <Entries journal={shown} onAccount={onAccount} />
              <JournalFacts journal={shown} onJournal={onJournal} />
            </Stack>
          )}
        </QueryView>
      )}
    </DetailDrawer>
  )
}

function Entries({ journal, onAccount }: { journal: LedgerJournal; onAccount: (key: string) => void }) {
  const { entries } = journal
  const decimals = decimalsFor(entries.map(({ amountNanos }) => amountNanos))
  const columns: Column<LedgerJournal['entries'][number]>[] = [
    {
      title: 'Account',
      cell: ({ code, owner }) => (
        <>
          <Text size="sm" fw={600}>
            {accountName(code)}
          </Text>
          <Text size="xs" c="dimmed" component="div">
            <Owner owner={owner} onlyName />
          </Text>
        </>
      ),
    },
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
  return (
    <DataTable
      label="Entries of this journal"
      dense
      columns={columns}
      rows={entries}
      rowKey={({ seq }) => String(seq)}
      open={{ go: ({ account }) => onAccount(account) }}
    />
  )
}

function JournalFacts({ journal, onJournal }: { journal: LedgerJournal; onJournal: (id: string) => void }) {
  const { id, reverses, reversedBy } = journal
  const other = (name: string, journalId: string | null) =>
    journalId === null
      ? []
      : [
          {
            name,
            value: (
              <Button variant="subtle" size="compact-sm" onClick={() => onJournal(journalId)}>
                {journalId}
              </Button>
            ),
          },
        ]
  return (
    <Facts
      facts={[
        {
          name: 'Journal',
          value: (
            <Group gap={4} wrap="nowrap">
              <Text component="span" size="sm" ff="monospace" style={{ overflowWrap: 'anywhere' }}>
                {id}
              </Text>
              <CopyButton value={id} label="Copy the journal’s id" />
            </Group>
          ),
        },
        { name: 'Booked', value: <Moment at={journal.createdAt} /> },
        { name: 'Code', value: journal.code },
        { name: 'For', value: <Origin journal={journal} /> },
        { name: 'Memo', value: <span style={{ overflowWrap: 'anywhere' }}>{journal.memo ?? '–'}</span> },
        ...other('Undoes', reverses),
        ...other('Undone by', reversedBy),
      ]}
    />
  )
}

function Origin({ journal: { origin, source } }: { journal: LedgerJournal }) {
  const style = { overflowWrap: 'anywhere' } as const
  const target = ORIGINS[origin.kind]
  if (target === undefined)
    return (
      <span style={style}>
        {source} {origin.id}
      </span>
    )
  return (
    <Anchor
      component={Link}
      to={target.to as never}
      search={{ [target.name]: origin.id } as never}
      size="sm"
      style={style}
    >
      {origin.id}
    </Anchor>
  )
}

/** Where the console shows the thing that a journal was booked for. */
const ORIGINS: Readonly<Partial<Record<LedgerJournal['origin']['kind'], { to: string; name: string }>>> = {
  request: { to: '/requests', name: 'open' },
  payout: { to: '/run/payouts', name: 'open' },
  journal: { to: '/run/ledger', name: 'journal' },
  case: { to: '/run/audit', name: 'subject' },
}
