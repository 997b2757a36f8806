import type { UsageAnswer } from '@bourse/gateway/api/analytics'
import { axisUsd } from '../lib/axis-usd.ts'
import { colorsOf, restColor } from '../lib/color-of.ts'
import { formatUsd } from '../lib/money.ts'
import { bucketsOf } from '../lib/usage-buckets.ts'
import { TrendChart } from './trend-chart.tsx'

const nanosPerUsd = 1e9

/** What was spent over time, each bar in parts. Exact amounts in the table; figures as floats only to be drawn. */
export function StackedSpend({ usage, title, by }: { usage: UsageAnswer; title: string; by: string }) {
  // What cost nothing has no bar, so it has no place in the legend.
  const buckets = bucketsOf(usage, Date.now()).map(({ label, parts }) => ({
    label,
    parts: parts?.filter(({ costNanos }) => costNanos !== '0'),
  }))
  // Nothing was spent: an empty frame with marks would say less than no chart.
  if (buckets.every(({ parts = [] }) => parts.length === 0)) return null
  const names = new Map<string, string>()
  for (const { parts } of buckets)
    for (const { id, name } of parts ?? []) if (id !== null) names.set(id, name)
  const hasRest = buckets.some(({ parts }) => parts?.some(({ id }) => id === null))
  const ids = [...names.keys()]
  const colors = colorsOf(ids)
  const series = [
    ...ids.map((id, index) => ({
      name: `s${index}`,
      label: names.get(id) ?? id,
      color: colors.get(id) ?? restColor,
    })),
    ...(hasRest ? [{ name: 'rest', label: `other ${by}s`, color: restColor }] : []),
  ]
  const slot = (id: string | null) => (id === null ? 'rest' : `s${ids.indexOf(id)}`)
  const exact = new Map<string, string>()
  const points = buckets.map(({ label, parts = [] }) => {
    const point: { at: string } & Record<string, string | number> = { at: label }
    for (const { id, costNanos } of parts) {
      point[slot(id)] = Number(costNanos) / nanosPerUsd
      exact.set(`${label} ${slot(id)}`, formatUsd(BigInt(costNanos)))
    }
    return point
  })
  return (
    <TrendChart
      title={title}
      kind="bars"
      points={points}
      series={series}
      format={axisUsd}
      exact={(at, name) => exact.get(`${at} ${name}`) ?? '–'}
      height={200}
    />
  )
}
