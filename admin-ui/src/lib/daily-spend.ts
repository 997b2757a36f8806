import type { UsageRow } from '@bourse/gateway/api/analytics'

export interface DaySpent {
  /** Local midnight, when the day began. */
  atMs: number
  costNanos: bigint
  requests: number
}

/** What each of the last `days` local days cost, the oldest first; days on which nothing was spent are 0. */
export function dailySpend(
  rows: readonly Pick<UsageRow, 'id' | 'costNanos' | 'requests'>[],
  { nowMs, days }: { nowMs: number; days: number },
): DaySpent[] {
  const byDay = new Map(rows.map((row) => [dayOf(Date.parse(row.id ?? '')), row]))
  return Array.from({ length: days }, (_, index) => {
    const at = new Date(nowMs)
    // By the calendar, not by 24 hours: two days a year are longer or shorter.
    at.setDate(at.getDate() - (days - 1 - index))
    at.setHours(0, 0, 0, 0)
    const row = byDay.get(dayOf(at.getTime()))
    return { atMs: at.getTime(), costNanos: BigInt(row?.costNanos ?? '0'), requests: row?.requests ?? 0 }
  })
}

function dayOf(ms: number): string {
  const at = new Date(ms)
  return `${at.getFullYear()}-${at.getMonth()}-${at.getDate()}`
}
