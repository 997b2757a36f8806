/** How full listings were, looked at once a minute and kept for an hour. In memory: it begins with the process. */
import type { Capacity } from './capacity.ts'

const EVERY_MS = 60_000
const MINUTES = 60
/** Listings that are looked at, the fullest first. */
const MAX_LISTINGS = 5_000

export interface FillHistory {
  /** Oldest first; empty for a listing that has not been used. */
  of(listingId: string): readonly number[]
  look(): void
  close(): void
}

export function createFillHistory({ capacity }: { capacity: Pick<Capacity, 'state'> }): FillHistory {
  let fills = new Map<string, number[]>()

  function look(): void {
    const next = new Map<string, number[]>()
    for (const { listingId, fill } of capacity.state(MAX_LISTINGS))
      next.set(listingId, [...(fills.get(listingId) ?? []), rounded(fill)].slice(-MINUTES))
    fills = next
  }

  const timer = setInterval(look, EVERY_MS)
  timer.unref()
  return { of: (listingId) => fills.get(listingId) ?? [], look, close: () => clearInterval(timer) }
}

function rounded(fill: number): number {
  return Number(Math.min(1, Math.max(0, fill)).toFixed(3))
}
