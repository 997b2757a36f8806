import type { Overview } from '@bourse/gateway/api/admin'
import { SimpleGrid } from '@mantine/core'
import { TrendChart } from '../../components/trend-chart.tsx'
import { axisUsd } from '../../lib/axis-usd.ts'
import { formatUsd } from '../../lib/money.ts'
import { shareWords } from './overview-words.ts'

const NANOS_PER_USD = 1e9
const HEIGHT = 150

/** The last 24 hours, four times with the same axis. */
export function TrafficCharts({ overview }: { overview: Overview }) {
  const { hours, lastDay, lastHour } = overview
  const name = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })
  const points = hours.map((hour) => ({
    at: name.format(new Date(hour.hour)),
    answered: hour.requests - hour.failed - hour.refused,
    failed: hour.failed,
    refused: hour.refused,
    spend: Number(hour.spendNanos) / NANOS_PER_USD,
    take: Number(hour.takeNanos) / NANOS_PER_USD,
    ...(hour.firstTokenMs === null ? {} : { firstToken: hour.firstTokenMs }),
  }))
  const exact = new Map(hours.map((hour, index) => [points[index]?.at, hour]))
  const usd = (at: string, field: 'spendNanos' | 'takeNanos') =>
    formatUsd(BigInt(exact.get(at)?.[field] ?? '0'))
  const failures = shareWords(lastDay.failed, lastDay.requests)
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }}>
      <TrendChart
        title={`${count(lastDay.requests)} requests in 24 hours, ${count(lastHour.requests)} in the last one; ${failures} failed`}
        kind="bars"
        points={points}
        series={[
          { name: 'answered', label: 'Answered', color: 'indigo.6' },
          { name: 'refused', label: 'Refused', color: 'yellow.6' },
          { name: 'failed', label: 'Failed', color: 'red.6' },
        ]}
        format={count}
        height={HEIGHT}
      />
      <TrendChart
        title={`${formatUsd(BigInt(lastDay.spendNanos))} spent by buyers in 24 hours`}
        kind="bars"
        points={points}
        series={[{ name: 'spend', label: 'Spent', color: 'indigo.6' }]}
        format={axisUsd}
        exact={(at) => usd(at, 'spendNanos')}
        height={HEIGHT}
      />
      <TrendChart
        title={`${formatUsd(BigInt(lastDay.takeNanos))} of it is our take`}
        kind="bars"
        points={points}
        series={[{ name: 'take', label: 'Our take', color: 'teal.6' }]}
        format={axisUsd}
        exact={(at) => usd(at, 'takeNanos')}
        height={HEIGHT}
      />
      <TrendChart
        title={
          lastDay.firstTokenMs === null
            ? 'Nothing was streamed in 24 hours, so there is no first-token latency'
            : `${count(lastDay.firstTokenMs)} ms to a stream’s first token on average in 24 hours`
        }
        kind="lines"
        points={points}
        series={[{ name: 'firstToken', label: 'First token', color: 'indigo.6' }]}
        format={(value) => `${count(value)} ms`}
        exact={(at) => latencyWords(exact.get(at)?.firstTokenMs)}
        height={HEIGHT}
      />
    </SimpleGrid>
  )
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

function latencyWords(ms: number | null | undefined): string {
  return typeof ms === 'number' ? `${count(ms)} ms` : 'nothing streamed'
}
