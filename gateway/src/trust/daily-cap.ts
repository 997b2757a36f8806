/** How much of what one buyer brings about counts against one offer on one day (UTC). */
import type { Offer } from '../marketplace/offer.ts'

/** Pairs of buyer and offer remembered, about 200 bytes each; the least lately used begin anew. */
export const MAX_PAIRS = 20_000
const DAY_MS = 86_400_000

export interface DailyCap {
  /** True when `weight` still counts; then it is taken from what is left of the day. */
  take(
    of: { buyer: string; offer: Pick<Offer, 'listingId' | 'model'> },
    weight: number,
    nowMs: number,
  ): boolean
}

export function createDailyCap(limit: number): DailyCap {
  const pairs = new Map<string, { day: number; counted: number }>()
  return {
    take({ buyer, offer: { listingId, model } }, weight, nowMs) {
      const key = `${buyer} ${listingId}:${model}`
      const day = Math.floor(nowMs / DAY_MS)
      const before = pairs.get(key)
      const counted = before?.day === day ? before.counted : 0
      const counts = counted + weight <= limit
      pairs.delete(key)
      pairs.set(key, { day, counted: counts ? counted + weight : counted })
      const oldest = pairs.keys().next()
      if (pairs.size > MAX_PAIRS && !oldest.done) pairs.delete(oldest.value)
      return counts
    },
  }
}
