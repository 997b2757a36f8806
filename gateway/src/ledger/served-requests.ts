/** What a listing's model has served lately, for a seller who considers another price. */
import { leastId } from './listing-earnings.ts'
import { readServed, type ServedRow } from './served-store.ts'
import type { LedgerPool } from './store.ts'

export type { ServedRow } from './served-store.ts'

/** A day of a busy listing is more; the newest tell enough, and reading them takes some ten milliseconds. */
export const MOST_SERVED = 5_000

/** Newest first, at most one more than `MOST_SERVED`, so that whoever reads knows whether that was all. */
export function servedRequests(
  pool: LedgerPool,
  {
    sinceMs,
    ...listing
  }: { sellerOrganisationId: string; listingId: string; model: string; sinceMs: number },
): Promise<ServedRow[]> {
  return readServed(pool, { ...listing, sinceId: leastId(sinceMs), limit: MOST_SERVED + 1 })
}
