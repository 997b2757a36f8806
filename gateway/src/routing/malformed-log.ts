/**
 * Listings whose answers were malformed time and again, which nothing but a look at them explains. Pure memory: it says
 * when a listing should be quarantined.
 */

/** reliability.md §6.2, row M. */
const STRIKES = 3
const WITHIN_MS = 600_000
// What one buyer can provoke is not held against a seller.
const BUYERS = 2
const MAX_LISTINGS = 5_000

export interface Malformed {
  listingId: string
  seller: string
  origin: string
  /** `undefined` when it is not known who asked. */
  buyer: string | undefined
}

export interface MalformedLog {
  /** Notes one; true when the listing must be looked at. */
  note(malformed: Malformed, nowMs: number): boolean
}

interface Entry extends Malformed {
  atMs: number
}

export function createMalformedLog(): MalformedLog {
  const entries = new Map<string, Entry[]>()

  /** When sellers of the same origin suffer from it too, it is the provider's. */
  function othersSuffer({ origin, seller }: Malformed, sinceMs: number): boolean {
    for (const list of entries.values()) {
      const last = list.at(-1)
      if (last && last.atMs > sinceMs && last.origin === origin && last.seller !== seller) return true
    }
    return false
  }

  return {
    note(malformed, nowMs) {
      const { listingId } = malformed
      const sinceMs = nowMs - WITHIN_MS
      const recent = (entries.get(listingId) ?? []).filter(({ atMs }) => atMs > sinceMs)
      recent.push({ ...malformed, atMs: nowMs })
      entries.delete(listingId)
      entries.set(listingId, recent.slice(-STRIKES * BUYERS))
      const oldest = entries.keys().next()
      if (entries.size > MAX_LISTINGS && !oldest.done) entries.delete(oldest.value)
      // An unknown buyer may be anybody.
      const buyers = new Set(recent.map(({ buyer }, index) => buyer ?? index))
      if (recent.length < STRIKES || buyers.size < BUYERS || othersSuffer(malformed, sinceMs)) return false
      entries.delete(listingId)
      return true
    },
  }
}
