/**
 * Whose fault a 400 is. Most are the buyer's; a listing that refuses what others take must not pass as an honest one. A
 * doubtful 400 is tried once elsewhere: if that works, the first was malformed; if it is refused again, it is the buyer's.
 */
import type { UpstreamFailure } from '../providers/outcome.ts'
import type { OfferRecord } from './offer-records.ts'

/** reliability.md §6.2. */
const MINIMUM_ANSWERS = 50
const SIGMAS = 3

/** True for a 400 that is no known refusal, or that comes from a listing which refuses far more than its pool. */
export function isDoubtful(failure: UpstreamFailure, record: OfferRecord | undefined): boolean {
  if (failure.class !== 'user_error' || failure.status !== 400) return false
  return failure.recognised !== true || (record !== undefined && refusesTooMuch(record))
}

/** Compared with the others of its pool: within it, one of three could never be three deviations off. */
function refusesTooMuch({ answers, refusals, pool }: OfferRecord): boolean {
  const others = pool.answers - answers
  if (answers < MINIMUM_ANSWERS || others < MINIMUM_ANSWERS) return false
  // One refusal among two more, so that a pool without any is not certain that there are none.
  const usual = (pool.refusals - refusals + 1) / (others + 2)
  const deviation = Math.sqrt((usual * (1 - usual)) / answers)
  return refusals / answers > usual + SIGMAS * deviation
}
