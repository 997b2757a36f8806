/** An attempt that holds a breaker's ticket and capacity of its listing. */
import type { Offer } from '../marketplace/offer.ts'
import type { UpstreamFailure } from '../providers/outcome.ts'
import type { Lease } from './lease.ts'

export interface Taken {
  offer: Offer
  lease: Lease
  /** On the monotonic clock. */
  beganMs: number
  /**
   * Ends the lease of an attempt that failed, and returns the failure as it is judged: a failed connection may be ours.
   * `innocent` keeps it from the listing's record.
   */
  fail(failure: UpstreamFailure, options: { innocent: boolean }): UpstreamFailure
  /** Ends the lease of a doubtful refusal; what it says of the listing is told by the first call of what is returned. */
  suspend(failure: UpstreamFailure): (verdict: 'user_error' | 'malformed') => void
  /** Calls `then` when the lease has ended, at once if it has. */
  whenEnded(then: () => void): void
}
