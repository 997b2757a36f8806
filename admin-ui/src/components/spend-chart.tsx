import type { UsageAnswer } from '@bourse/gateway/api/analytics'
import { axisUsd } from '../lib/axis-usd.ts'
import { dailySpend } from '../lib/daily-spend.ts'
import { formatUsd } from '../lib/money.ts'
import { TrendChart } from './trend-chart.tsx'

interface SpendChartProps {
  usage: UsageAnswer
  days: number
  height?: number
}

const nanosPerUsd = 1e9

/** What each day cost, in dollars, today last. */
export function SpendChart({ usage, days, height }: SpendChartProps) {
  const spent = dailySpend(usage.data, { nowMs: Date.now(), days })
  const name = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' })
  const exact = new Map(spent.map((day) => [name.format(day.atMs), formatUsd(day.costNanos)]))
  const total = formatUsd(BigInt(usage.totals.costNanos))
  return (
    <TrendChart
      title={`Spent a day over ${days} days: ${total} in all`}
      kind="bars"
      points={spent.map(({ atMs, costNanos }) => ({
        at: name.format(atMs),
        cost: Number(costNanos) / nanosPerUsd,
      }))}
      series={[{ name: 'cost', label: 'Spent', color: 'indigo.6' }]}
      format={axisUsd}
      exact={(at) => exact.get(at) ?? ''}
      {...(height === undefined ? {} : { height })}
    />
  )
}
