/**
 * Whose fault a refusal is. Most are the buyer's; a listing that refuses what others take must not pass as an honest one.
 * A doubtful refusal is tried once elsewhere: if another seller takes it, the first was malformed; if it is refused again,
 * it is the buyer's. A buyer may own the listing that takes it, so what follows of one buyer's requests is little.
 */
import type { Offer } from '../marketplace/offer.ts'
import type { UpstreamFailure } from '../providers/outcome.ts'
import type { OfferRecord } from './offer-records.ts'

/** reliability.md §6.2. */
const MINIMUM_ANSWERS = 50
const SIGMAS = 3

// A listing that wins every draw leaves the others nothing to be compared with. Hardly any buyers err this often.
const ALONE_ANSWERS = 20
const ALONE_SHARE = 0.8

/** The statuses by which an upstream says that the request is at fault. */
const REFUSALS: ReadonlySet<number | undefined> = new Set([400, 413, 415, 422])

/** Of one buyer's requests, one verdict against a listing in this time counts. */
const VERDICT_EVERY_MS = 600_000
/** Verdicts remembered; about 150 bytes each. */
const MAX_VERDICTS = 20_000

/**
 * True for a refusal in unknown words, or from a listing which refuses far more than its pool. `hasRival`: another seller
 * offers the model.
 */
export function isDoubtful(
  failure: UpstreamFailure,
  record: OfferRecord | undefined,
  { hasRival }: { hasRival: boolean },
): boolean {
  if (failure.class !== 'user_error' || !REFUSALS.has(failure.status)) return false
  return failure.recognised !== true || (record !== undefined && refusesTooMuch(record, hasRival))
}

/** True when `other` taking what `refusing` refused tells on the latter: another seller's offer of the same model. */
export function isRival(
  refusing: Pick<Offer, 'model' | 'sellerOrganisationId'>,
  other: Pick<Offer, 'model' | 'sellerOrganisationId'>,
): boolean {
  return other.model === refusing.model && other.sellerOrganisationId !== refusing.sellerOrganisationId
}

export interface Verdicts {
  /** True once a buyer and listing in ten minutes: what a buyer can provoke at will is no evidence the second time. */
  counts(provoked: { listingId: string; buyer: string }, nowMs: number): boolean
}

export function createVerdicts({ maxVerdicts = MAX_VERDICTS } = {}): Verdicts {
  const countedAtMs = new Map<string, number>()
  return {
    counts({ listingId, buyer }, nowMs) {
      const key = `${listingId} ${buyer}`
      const atMs = countedAtMs.get(key)
      if (atMs !== undefined && nowMs - atMs < VERDICT_EVERY_MS) return false
      countedAtMs.delete(key)
      countedAtMs.set(key, nowMs)
      const oldest = countedAtMs.keys().next()
      if (countedAtMs.size > maxVerdicts && !oldest.done) countedAtMs.delete(oldest.value)
      return true
    },
  }
}

/** Compared with the others of its pool: within it, one of three could never be three deviations off. */
function refusesTooMuch({ answers, refusals, pool }: OfferRecord, hasRival: boolean): boolean {
  const others = pool.answers - answers
  if (answers < MINIMUM_ANSWERS || others < MINIMUM_ANSWERS)
    return hasRival && answers >= ALONE_ANSWERS && refusals > answers * ALONE_SHARE
  // One refusal among two more, so that a pool without any is not certain that there are none.
  const usual = (pool.refusals - refusals + 1) / (others + 2)
  const deviation = Math.sqrt((usual * (1 - usual)) / answers)
  return refusals / answers > usual + SIGMAS * deviation
}
