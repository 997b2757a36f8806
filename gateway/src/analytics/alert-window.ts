export type Period = 'day' | 'week' | 'month'

/** When the day, the week (from Monday) or the month of UTC began that `nowMs` is in. */
export function windowStart(period: Period, nowMs: number): Date {
  const now = new Date(nowMs)
  const [year, month, day] = [now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()]
  if (period === 'month') return new Date(Date.UTC(year, month, 1))
  if (period === 'day') return new Date(Date.UTC(year, month, day))
  const sinceMonday = (now.getUTCDay() + 6) % 7
  return new Date(Date.UTC(year, month, day - sinceMonday))
}
