/** How attempts of the last 24 hours ended, by offer, in parts of an hour each. In memory: it begins with the process. */

const HOURS = 24
const HOUR_MS = 3_600_000
/** Offers with a record, some 250 bytes each; beyond it the oldest is forgotten. */
const MAX_OFFERS = 50_000

interface Day {
  /** Successes by hour, then failures. */
  counts: Uint32Array
  hour: number
}

export interface DayOutcomes {
  add(offerId: string, succeeded: boolean): void
  of(offerId: string): { attempts: number; successes: number }
}

export function createDayOutcomes(nowMs: () => number): DayOutcomes {
  const days = new Map<string, Day>()

  /** Empties the hours that are a day old by now. */
  function turn(day: Day): number {
    const hour = Math.floor(nowMs() / HOUR_MS)
    for (let passed = Math.min(HOURS, hour - day.hour); passed > 0; passed -= 1) {
      const at = (hour - passed + 1) % HOURS
      day.counts[at] = 0
      day.counts[HOURS + at] = 0
    }
    day.hour = Math.max(day.hour, hour)
    return day.hour % HOURS
  }

  return {
    add(offerId, succeeded) {
      let day = days.get(offerId)
      if (!day) {
        const oldest = days.keys().next()
        if (days.size >= MAX_OFFERS && !oldest.done) days.delete(oldest.value)
        day = { counts: new Uint32Array(2 * HOURS), hour: Math.floor(nowMs() / HOUR_MS) }
        days.set(offerId, day)
      }
      const at = turn(day) + (succeeded ? 0 : HOURS)
      day.counts[at] = (day.counts[at] as number) + 1
    },
    of(offerId) {
      const day = days.get(offerId)
      if (!day) return { attempts: 0, successes: 0 }
      turn(day)
      const sum = (from: number) => day.counts.subarray(from, from + HOURS).reduce((a, b) => a + b, 0)
      const successes = sum(0)
      return { attempts: successes + sum(HOURS), successes }
    },
  }
}
