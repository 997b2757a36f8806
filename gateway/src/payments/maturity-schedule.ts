/** When what a seller has earned may be paid out: a day's earnings after as many full days as the gateway holds. Pure. */

const DAY_MS = 86_400_000

export interface MaturityHorizon {
  /** The day up to which earnings have matured, `2026-11-22`. */
  day: string
  /** What was earned from here on is too young; `undefined` when nothing is. */
  youngSince: Date | undefined
}

/** Without a hold all that is earned matures as it comes, in parts of today. */
export function maturityHorizon(nowMs: number, holdDays: number): MaturityHorizon {
  const todayMs = nowMs - (nowMs % DAY_MS)
  if (holdDays === 0) return { day: dayOf(todayMs), youngSince: undefined }
  const youngMs = todayMs - holdDays * DAY_MS
  return { day: dayOf(youngMs - DAY_MS), youngSince: new Date(youngMs) }
}

export interface Maturing {
  /** When it may be paid out; in the past: at the next run, which is within a minute. */
  at: Date
  amountNanos: bigint
}

/**
 * What of `pendingNanos` matures when, the soonest first. What was taken out of pending was taken from the oldest, so
 * the young days keep what was earned on them as long as there is as much.
 */
export function maturitySchedule({
  pendingNanos,
  earned,
  holdDays,
  nowMs,
}: {
  pendingNanos: bigint
  /** The young days: what was earned on them. */
  earned: readonly { day: string; nanos: bigint }[]
  holdDays: number
  nowMs: number
}): Maturing[] {
  const todayMs = nowMs - (nowMs % DAY_MS)
  const schedule: Maturing[] = []
  let restNanos = pendingNanos
  for (const { day, nanos } of [...earned].sort((a, b) => b.day.localeCompare(a.day))) {
    const amountNanos = nanos < restNanos ? nanos : restNanos
    if (amountNanos <= 0n) continue
    restNanos -= amountNanos
    schedule.push({ at: new Date(Date.parse(day) + (holdDays + 1) * DAY_MS), amountNanos })
  }
  if (restNanos > 0n) schedule.push({ at: new Date(todayMs), amountNanos: restNanos })
  return schedule.reverse()
}

/** `2026-11-22`, in UTC. */
function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}
