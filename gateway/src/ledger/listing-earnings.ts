/** What a listing has earned its seller: today, this month and in all, by the time at which requests came in. */
import { type EarnedRow, readEarned } from './earnings-store.ts'
import type { LedgerPool } from './store.ts'

export interface ListingEarnings {
  /** UTC's, since midnight and since the first. */
  today: EarnedRow
  month: EarnedRow
  /** Null when it cannot be added up within the time that a statement has. */
  total: EarnedRow | null
}

export async function listingEarnings(
  pool: LedgerPool,
  listing: { sellerOrganisationId: string; listingId: string },
  nowMs: number,
): Promise<ListingEarnings> {
  const now = new Date(nowMs)
  const dayMs = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate())
  const monthMs = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1)
  const since = (ms: number) => readEarned(pool, { ...listing, sinceId: leastId(ms) })
  const [today, month, total] = await Promise.all([since(dayMs), since(monthMs), since(0).catch(nullIfSlow)])
  return { today, month, total }
}

const STATEMENT_CANCELLED = '57014'

function nullIfSlow(error: unknown): null {
  if ((error as { code?: unknown }).code === STATEMENT_CANCELLED) return null
  throw error
}

/** No UUIDv7 of this millisecond or later is below it. */
export function leastId(ms: number): string {
  const time = ms.toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-0000-0000-000000000000`
}
