import type { Overview } from '@bourse/gateway/api/admin'
import { Anchor, Card, Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { DataTable } from '../../components/data-table.tsx'

interface Wait {
  what: ReactNode
  key: string
  count: number
}

function waitsOf(waiting: Overview['waiting']): Wait[] {
  return [
    {
      key: 'payouts',
      what: (
        <Anchor component={Link} underline="always" inherit to="/run/payouts">
          Payouts to decide
        </Anchor>
      ),
      count: waiting.payouts,
    },
    {
      key: 'book',
      what: (
        <Anchor component={Link} underline="always" inherit to="/run/payouts">
          Payouts to book
        </Anchor>
      ),
      count: waiting.payoutsToBook,
    },
    {
      key: 'cases',
      what: (
        <Anchor component={Link} underline="always" inherit to="/run/listings">
          Trust cases to resolve
        </Anchor>
      ),
      count: waiting.openCases,
    },
    {
      key: 'quarantined',
      what: (
        <Anchor component={Link} underline="always" inherit to="/run/listings">
          Listings in quarantine
        </Anchor>
      ),
      count: waiting.quarantined,
    },
    {
      key: 'letters',
      what: (
        <Anchor component={Link} underline="always" inherit to="/run/ledger">
          Operations the ledger refused
        </Anchor>
      ),
      count: waiting.deadLetters,
    },
    { key: 'verifying', what: 'Listings being verified', count: waiting.verifying },
    { key: 'receipts', what: 'Receipts to sign', count: waiting.unsignedReceipts },
    { key: 'bills', what: 'Bills to book', count: waiting.unbookedRequests },
  ]
}

/** What waits for a person first, then what the gateway does by itself. */
export function WaitingList({ overview: { waiting } }: { overview: Overview }) {
  return (
    <Card component="section" aria-label="What waits">
      <Text component="h2" fw={650} mb="sm">
        What waits
      </Text>
      <DataTable
        label="What waits"
        dense
        rows={waitsOf(waiting)}
        rowKey={({ key }) => key}
        columns={[
          { title: 'What', cell: ({ what }) => what },
          {
            title: 'How many',
            align: 'end',
            cell: ({ count }) => (
              <Text component="span" className="figures" fw={count > 0 ? 650 : 400}>
                {count.toLocaleString('en-US')}
              </Text>
            ),
          },
        ]}
      />
    </Card>
  )
}
