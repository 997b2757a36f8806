/**
 * How much of its concurrency an offer is given after its vendor said 429 more often than not: 0.7 of it each time, and
 * one place more for every ten good seconds. Only offers that heard a 429 lately are remembered.
 */
import type { Offer } from '../marketplace/offer.ts'

/** reliability.md §6.2, row R. */
const concurrencyRules = {
  windowMs: 300_000,
  cutAtShare: 0.5,
  minimumOutcomes: 3,
  cutTo: 0.7,
  /** Requests that were under way when it was cut are the same storm. */
  cutEveryMs: 10_000,
  raiseEveryMs: 10_000,
  minimumShare: 0.05,
  /** Stands in for the places of an offer that names no limit. */
  unnamedPlaces: 10,
} as const

const MAX_OFFERS = 20_000
const BUCKETS = 10
const BUCKET_MS = concurrencyRules.windowMs / BUCKETS

type Paced = Pick<Offer, 'id'> & Partial<Pick<Offer, 'concurrency' | 'modelCapacity'>>

export interface Concurrency {
  /** The share of its concurrency that the offer is given now. */
  shareOf(offerId: string): number
  limited(offer: Paced, nowMs: number): void
  served(offer: Paced, nowMs: number): void
  /** Offers that get less than all. */
  count(): number
}

interface Pace {
  share: number
  changedAtMs: number
  limits: Float64Array
  outcomes: Float64Array
  /** The bucket number each place holds. */
  numbers: Float64Array
}

export function createConcurrency(): Concurrency {
  const paces = new Map<string, Pace>()

  function make(offerId: string): Pace {
    const oldest = paces.keys().next()
    if (paces.size >= MAX_OFFERS && !oldest.done) paces.delete(oldest.value)
    const pace: Pace = {
      share: 1,
      changedAtMs: Number.NEGATIVE_INFINITY,
      limits: new Float64Array(BUCKETS),
      outcomes: new Float64Array(BUCKETS),
      numbers: new Float64Array(BUCKETS).fill(-1),
    }
    paces.set(offerId, pace)
    return pace
  }

  return {
    shareOf(offerId) {
      return paces.size === 0 ? 1 : (paces.get(offerId)?.share ?? 1)
    },
    limited({ id }, nowMs) {
      const pace = paces.get(id) ?? make(id)
      count(pace, 1, nowMs)
      const { limits, outcomes } = sums(pace, nowMs)
      const { cutAtShare, minimumOutcomes, cutEveryMs, cutTo, minimumShare } = concurrencyRules
      if (outcomes < minimumOutcomes || limits <= outcomes * cutAtShare) return
      if (nowMs < pace.changedAtMs + cutEveryMs) return
      pace.share = Math.max(minimumShare, pace.share * cutTo)
      pace.changedAtMs = nowMs
    },
    served(offer, nowMs) {
      if (paces.size === 0) return
      const pace = paces.get(offer.id)
      if (!pace) return
      count(pace, 0, nowMs)
      if (pace.share < 1 && nowMs >= pace.changedAtMs + concurrencyRules.raiseEveryMs) {
        const places = offer.modelCapacity?.concurrency ?? offer.concurrency ?? concurrencyRules.unnamedPlaces
        pace.share = Math.min(1, pace.share + 1 / Math.max(1, places))
        pace.changedAtMs = nowMs
      }
      if (pace.share === 1 && sums(pace, nowMs).limits === 0) paces.delete(offer.id)
    },
    count() {
      let count = 0
      for (const { share } of paces.values()) if (share < 1) count += 1
      return count
    },
  }
}

function count(pace: Pace, limit: 0 | 1, nowMs: number): void {
  const number = Math.floor(nowMs / BUCKET_MS)
  const at = number % BUCKETS
  if (pace.numbers[at] !== number) {
    pace.numbers[at] = number
    pace.limits[at] = 0
    pace.outcomes[at] = 0
  }
  pace.limits[at] = (pace.limits[at] as number) + limit
  pace.outcomes[at] = (pace.outcomes[at] as number) + 1
}

function sums({ limits, outcomes, numbers }: Pace, nowMs: number): { limits: number; outcomes: number } {
  const oldest = Math.floor(nowMs / BUCKET_MS) - BUCKETS
  const sum = { limits: 0, outcomes: 0 }
  for (let at = 0; at < BUCKETS; at += 1) {
    if ((numbers[at] as number) <= oldest) continue
    sum.limits += limits[at] as number
    sum.outcomes += outcomes[at] as number
  }
  return sum
}
