/** The snapshot that the request path reads: replaced as a whole whenever it is read anew, and never waited for. */
import type { Offer } from './offer.ts'
import { emptySnapshot, type MarketSnapshot } from './snapshot.ts'

export interface LiveSnapshot {
  current(): MarketSnapshot
  /** Resolves when the snapshot has everything that was committed before the call. Rejects when it cannot be read. */
  refresh(): Promise<void>
  /** Takes a listing out at once; the next load decides for itself. */
  leaveOut(listingId: string): void
  /** Resolves when nothing is being loaded. */
  idle(): Promise<unknown>
}

/** `build` runs in the turn in which what it made is put in place, so that nothing that left meanwhile comes back with it. */
export function createLiveSnapshot<Rows>(
  read: () => Promise<Rows>,
  build: (rows: Rows) => MarketSnapshot,
): LiveSnapshot {
  let snapshot: MarketSnapshot = emptySnapshot
  let running: Promise<void> | undefined
  let queued: Promise<void> | undefined

  /** At most one load runs and one waits; whoever comes meanwhile shares the one that waits. */
  function refresh(): Promise<void> {
    if (!running) {
      running = read()
        .then((rows) => {
          snapshot = build(rows)
        })
        .finally(() => {
          running = undefined
        })
      return running
    }
    queued ??= running
      .catch(() => {})
      .then(() => {
        queued = undefined
        return refresh()
      })
    return queued
  }

  return {
    current: () => snapshot,
    refresh,
    leaveOut(listingId) {
      snapshot = withoutListing(snapshot, listingId)
    },
    idle: () => Promise.allSettled([running, queued]),
  }
}

function withoutListing(snapshot: MarketSnapshot, listingId: string): MarketSnapshot {
  const offersByModel = new Map<string, readonly Offer[]>()
  for (const [model, offers] of snapshot.offersByModel) {
    const left = offers.some((offer) => offer.listingId === listingId)
      ? Object.freeze(offers.filter((offer) => offer.listingId !== listingId))
      : offers
    if (left.length > 0) offersByModel.set(model, left)
  }
  return { ...snapshot, offersByModel, models: new Set(offersByModel.keys()) }
}

export function countOffers({ offersByModel }: MarketSnapshot): number {
  let count = 0
  for (const offers of offersByModel.values()) count += offers.length
  return count
}
