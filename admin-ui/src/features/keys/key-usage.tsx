import { Text } from '@mantine/core'
import { QueryView } from '../../components/query-view.tsx'
import { SpendChart } from '../../components/spend-chart.tsx'
import { useSpend } from '../../lib/use-spend.ts'

const days = 30

/** What one key spent, day by day. */
export function KeyUsage({ id }: { id: string }) {
  const spend = useSpend({ days, key: id })
  return (
    <QueryView query={spend} rows={6}>
      {(usage) =>
        usage.totals.requests === 0 ? (
          <Text size="sm" c="dimmed">
            Nothing in the last {days} days.
          </Text>
        ) : (
          <SpendChart usage={usage} days={days} height={180} />
        )
      }
    </QueryView>
  )
}
