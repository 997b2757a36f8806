/**
 * What a listing may carry: requests and tokens per minute, and requests at once. Everything an attempt needs is taken
 * together or not at all, in one synchronous step, so that no interleaving of requests passes a limit.
 */
import { SlidingWindow } from '../limits/sliding-window.ts'
import type { Offer } from '../marketplace/offer.ts'
import type { Clock } from '../platform/clock.ts'
import type { OutcomeClass } from '../providers/outcome.ts'

/** Listings whose use is remembered; idle ones beyond it are forgotten, about 3 KB each. */
const MAX_TRACKED_LISTINGS = 20_000

/** When a place comes free is unknown while requests run; telling a second is better than nothing. */
const CONCURRENCY_RETRY_MS = 1_000

// In these cases the vendor has not worked, so the tokens that were set aside come back.
const UNBILLED: ReadonlySet<OutcomeClass> = new Set([
  'user_error',
  'own_fault',
  'rate_limited',
  'key_rejected',
  'model_refused',
  'quota_exhausted',
  'overloaded',
  'network',
])

export type CapacityOf = Pick<Offer, 'listingId' | 'requestsPerMinute' | 'tokensPerMinute' | 'concurrency'>

export interface Load {
  tokens: number
  /** Share of the listing's concurrency that may be used (slow start); at least one request. */
  share?: number
}

/** What an attempt has taken. Whoever holds it ends it exactly when the attempt is over. */
export interface Lease {
  /** Gives back what was taken, corrects it to what was used, and tells how it went. Only the first call counts. */
  end(outcome: OutcomeClass, used?: LeaseUse): void
}

/** What an attempt came to use, as far as it is known. */
export interface LeaseUse {
  tokens?: number
  /** What the buyer is billed. */
  costNanos?: bigint
  retryAfterMs?: number
  /** From the attempt's start to its first content. */
  ttftMs?: number
  /** From the attempt's start to its end. */
  durationMs?: number
  /** Completion tokens. */
  outputTokens?: number
}

export interface CapacityView {
  listingId: string
  running: number
  headroom: number
}

export interface Capacity {
  /** `undefined` when it does not fit now. */
  take(offer: CapacityOf, load: Load): Lease | undefined
  /**
   * What is left for a request of `load` at `nowMs` (monotonic), above 0 to 1 (idle); if it does not fit, minus the
   * milliseconds until it can. One number, because it is asked for every offer of every request.
   */
  roomAt(offer: CapacityOf, load: Load, nowMs: number): number
  /** How long until `load` can fit: 0 now, `Infinity` never. */
  nextFreeMs(offer: CapacityOf, load: Load): number
  /** What the listings that have been used carry, at most `limit` of them. */
  state(limit: number): CapacityView[]
}

interface Use {
  running: number
  requests: SlidingWindow | undefined
  tokens: SlidingWindow | undefined
  last: CapacityOf
}

export function createCapacity({ clock, maxTracked = MAX_TRACKED_LISTINGS }: CapacityDeps): Capacity {
  const uses = new Map<string, Use>()

  function take(offer: CapacityOf, load: Load): Lease | undefined {
    const nowMs = clock.monotonicMs()
    const use = uses.get(offer.listingId) ?? open(offer, nowMs)
    fit(use, offer)
    if (waitMs(use, offer, load, nowMs) > 0) return undefined
    use.running += 1
    use.requests?.take(1, nowMs)
    use.tokens?.take(load.tokens, nowMs)
    return leaseOf(use, { tokens: load.tokens, takenAtMs: nowMs })
  }

  function open(offer: CapacityOf, nowMs: number): Use {
    if (uses.size >= maxTracked) forgetIdle(nowMs)
    const use: Use = { running: 0, requests: undefined, tokens: undefined, last: offer }
    uses.set(offer.listingId, use)
    return use
  }

  function forgetIdle(nowMs: number): void {
    for (const [listingId, use] of uses) if (isIdle(use, nowMs)) uses.delete(listingId)
  }

  return {
    take,
    roomAt(offer, load, nowMs) {
      const use = uses.get(offer.listingId)
      if (!use) return fitsUnused(offer, load) ? 1 : Number.NEGATIVE_INFINITY
      const wait = waitMs(use, offer, load, nowMs)
      return wait > 0 ? -wait : Math.max(Number.MIN_VALUE, headroomOf(use, offer, load, nowMs))
    },
    nextFreeMs(offer, load) {
      const use = uses.get(offer.listingId)
      if (use) return waitMs(use, offer, load, clock.monotonicMs())
      return fitsUnused(offer, load) ? 0 : Number.POSITIVE_INFINITY
    },
    state(limit) {
      const nowMs = clock.monotonicMs()
      return [...uses].slice(0, limit).map(([listingId, use]) => ({
        listingId,
        running: use.running,
        headroom: headroomOf(use, use.last, { tokens: 0 }, nowMs),
      }))
    },
  }
}

export interface CapacityDeps {
  clock: Clock
  maxTracked?: number
}

/** Brings the windows to the listing's present limits; what was taken under the old ones stays taken. */
function fit(use: Use, offer: CapacityOf): void {
  use.last = offer
  use.requests = fitted(use.requests, offer.requestsPerMinute)
  use.tokens = fitted(use.tokens, offer.tokensPerMinute)
}

function fitted(window: SlidingWindow | undefined, limit: number | undefined): SlidingWindow | undefined {
  if (limit === undefined) return undefined
  if (!window) return new SlidingWindow(limit)
  window.setLimit(limit)
  return window
}

function leaseOf(use: Use, taken: { tokens: number; takenAtMs: number }): Lease {
  let ended = false
  return {
    end(outcome, { tokens } = {}) {
      if (ended) return
      ended = true
      use.running -= 1
      const used = tokens ?? (UNBILLED.has(outcome) ? 0 : taken.tokens)
      use.tokens?.correct(used - taken.tokens, taken.takenAtMs)
    },
  }
}

function places(offer: CapacityOf, share: number): number {
  if (offer.concurrency === undefined) return Number.POSITIVE_INFINITY
  return Math.min(offer.concurrency, Math.max(1, Math.floor(offer.concurrency * share)))
}

function waitMs(use: Use, offer: CapacityOf, { tokens, share = 1 }: Load, nowMs: number): number {
  const requestWaitMs = use.requests?.waitMs(1, nowMs) ?? 0
  const tokenWaitMs = use.tokens?.waitMs(tokens, nowMs) ?? 0
  const placeWaitMs = use.running < places(offer, share) ? 0 : CONCURRENCY_RETRY_MS
  return Math.max(requestWaitMs, tokenWaitMs, placeWaitMs)
}

function headroomOf(use: Use, offer: CapacityOf, load: Load, nowMs: number): number {
  const { requestsPerMinute, tokensPerMinute } = offer
  const capacity = places(offer, load.share ?? 1)
  let least = capacity === Number.POSITIVE_INFINITY ? 1 : (capacity - use.running) / capacity
  if (use.requests && requestsPerMinute)
    least = Math.min(least, use.requests.remaining(nowMs) / requestsPerMinute)
  if (use.tokens && tokensPerMinute) least = Math.min(least, use.tokens.remaining(nowMs) / tokensPerMinute)
  return least
}

/** A listing that has served nothing lately is idle; only a request larger than it ever takes does not fit. */
function fitsUnused(
  { requestsPerMinute, tokensPerMinute, concurrency }: CapacityOf,
  { tokens }: Load,
): boolean {
  return (requestsPerMinute ?? 1) >= 1 && (tokensPerMinute ?? tokens) >= tokens && (concurrency ?? 1) >= 1
}

function isIdle(use: Use, nowMs: number): boolean {
  return use.running === 0 && (use.requests?.isIdle(nowMs) ?? true) && (use.tokens?.isIdle(nowMs) ?? true)
}
