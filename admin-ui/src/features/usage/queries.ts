import type { UsageAnswer } from '@bourse/gateway/api/analytics'
import { useState } from 'react'
import { type RANGES, type RangeSearch, rangeBounds } from '../../lib/range.ts'
import { useRead } from '../../lib/use-read.ts'

const dayMs = 86_400_000
/** Rows of a table by thing; the file has all. */
const rowsShown = '50'

export const GROUPS = ['day', 'model', 'key', 'seller', 'listing', 'user'] as const
export type Group = (typeof GROUPS)[number]

type Asked = Readonly<Record<string, string | undefined>>

const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone

/** One sum per day, model, key, seller, listing or user. */
export function useUsageBy(asked: Asked, by: Group) {
  return useRead<UsageAnswer>('/api/usage', {
    ...asked,
    groupBy: by,
    tz: zone(),
    limit: by === 'day' ? '1000' : rowsShown,
  })
}

/**
 * The same time in hours or days, each in parts: by model, where the question is not about something else. The whole
 * market is drawn by model: there are too many of anything else.
 */
export function useUsageOverTime(asked: Asked, by: Group) {
  const part = by === 'day' || by === 'user' || asked.organisation === 'all' ? 'model' : by
  const spanMs = (asked.to === undefined ? Date.now() : Date.parse(asked.to)) - Date.parse(asked.from ?? '')
  const groupBy = spanMs > 2 * dayMs ? 'day' : 'hour'
  const query = useRead<UsageAnswer>('/api/usage', {
    ...asked,
    groupBy,
    splitBy: part,
    tz: zone(),
    limit: '1000',
  })
  return { query, part }
}

/** The bounds of a range; what "the last 30 days" begins with stays until another range is chosen. */
export function useBounds(range: RangeSearch): { from: string; to?: string } {
  const question = JSON.stringify(range)
  const ask = () => ({ question, bounds: rangeBounds(range, Date.now(), '30d') })
  const [asked, setAsked] = useState(ask)
  if (asked.question === question) return asked.bounds
  const again = ask()
  setAsked(again)
  return again.bounds
}

/** What the picker shows as chosen; `undefined` for a custom range. */
export function rangeName({ range, from }: RangeSearch): keyof typeof RANGES | undefined {
  return from === undefined ? (range ?? '30d') : undefined
}

/** The same time on another page, whose own standard may be another. */
export function rangeSearch({ range = '30d', from, to }: RangeSearch): Record<string, string> {
  if (from === undefined) return { range }
  return { from, ...(to === undefined ? {} : { to }) }
}
