import type { Earnings } from '@bourse/gateway/api/payments'
import { Card, Text } from '@mantine/core'
import { IconHourglass } from '@tabler/icons-react'
import { DataTable } from '../../components/data-table.tsx'
import { EmptyState } from '../../components/empty-state.tsx'
import { Moment } from '../../components/moment.tsx'
import { Money } from '../../components/money.tsx'
import { decimalsFor } from '../../lib/money.ts'

/** When what is pending can be paid out. */
export function MaturingCard({ earnings: { matures, holdDays } }: { earnings: Earnings }) {
  const decimals = decimalsFor(matures.map(({ amountNanos }) => amountNanos))
  const rule =
    holdDays === 0
      ? 'On this gateway earnings become available within a minute.'
      : `A day’s earnings become available when ${holdDays} full days have passed after it, at midnight UTC.`
  return (
    <Card component="section" aria-label="What matures when">
      <Text component="h2" fw={650} mb={4}>
        What matures when
      </Text>
      <Text size="sm" c="dimmed" mb="md">
        {rule}
      </Text>
      {matures.length === 0 ? (
        <EmptyState icon={IconHourglass} title="Nothing is waiting">
          What your listings earn next shows here until it is available.
        </EmptyState>
      ) : (
        <DataTable
          label="What matures when"
          dense
          rows={matures}
          rowKey={({ at }) => at}
          columns={[
            {
              title: 'When',
              cell: ({ at }) => (Date.parse(at) <= Date.now() ? 'Within a minute' : <Moment at={at} />),
            },
            {
              title: 'Amount',
              align: 'end',
              cell: ({ amountNanos }) => <Money nanos={amountNanos} decimals={decimals} />,
            },
          ]}
        />
      )}
    </Card>
  )
}
