/** What follows from an attempt's outcome: one table, and the error that is left when nothing more can be tried. */

import type { Offer } from '../marketplace/offer.ts'
import { GatewayError } from '../platform/errors.ts'
import type { OutcomeClass, UpstreamFailure } from '../providers/outcome.ts'

export const MAX_ATTEMPTS = 3

/** A breaker that is due sooner is due for one probe a second, not for everybody. */
const MIN_RETRY_AFTER_MS = 1_000
/** An outage of ours is looked at again after five seconds. */
const OUTAGE_RETRY_MS = 5_000

export interface Consequence {
  /** Whether another offer may serve the request. */
  next: boolean
  /** Who rests, and for how long: see rest.ts. `disabled` is until the seller or an operator acts. */
  rest?: 'cooling' | 'model_suspended' | 'listing_suspended' | 'disabled'
  /** The second attempt prefers another origin: this one's machines or network may be what failed. */
  elsewhere?: boolean
}

/** What the breaker makes of an outcome stands beside its rules, in health.ts. */
export const consequences: Readonly<Record<OutcomeClass, Consequence>> = {
  ok: { next: false },
  user_error: { next: false },
  client_gone: { next: false },
  own_fault: { next: true },
  rate_limited: { next: true, rest: 'cooling' },
  key_rejected: { next: true, rest: 'disabled' },
  model_refused: { next: true, rest: 'model_suspended' },
  quota_exhausted: { next: true, rest: 'listing_suspended' },
  server_error: { next: true },
  overloaded: { next: true, elsewhere: true },
  network: { next: true, elsewhere: true },
  timeout: { next: true, elsewhere: true },
  malformed: { next: true },
}

export interface FailedAttempt {
  offer: Offer
  failure: UpstreamFailure
  /** When the attempt began, on the monotonic clock. */
  beganMs: number
}

// A connection that fails says nothing about the request that was to go over it.
const MAY_BE_THE_QUERY: ReadonlySet<OutcomeClass> = new Set(['server_error', 'timeout', 'malformed'])

/**
 * True when the request itself seems to break upstreams: two sellers failed on it, and both have served others since
 * they took it. Then a third listing is not sacrificed.
 */
export function isQueryOfDeath(
  attempts: readonly FailedAttempt[],
  servedOthersSince: (listingId: string, sinceMs: number) => boolean,
): boolean {
  const sellers = new Set<string>()
  for (const { offer, failure, beganMs } of attempts) {
    if (MAY_BE_THE_QUERY.has(failure.class) && servedOthersSince(offer.listingId, beganMs)) {
      sellers.add(offer.sellerOrganisationId)
    }
  }
  return sellers.size >= 2
}

/** Ends a request whose fault is the buyer's, in the buyer's words: never with the seller's status or text. */
export function rejectedRequest(failure: UpstreamFailure): GatewayError {
  const message = failure.callerMessage ?? 'The provider refused this request. Check its parameters.'
  const known = { context_length_exceeded: true, content_filter: true } as const
  const code =
    failure.code !== undefined && failure.code in known ? (failure.code as keyof typeof known) : undefined
  return new GatewayError(code ?? 'upstream_rejected_request', message, {
    ...(failure.param === undefined ? {} : { param: failure.param }),
    ...(failure.code === undefined || code ? {} : { metadata: { upstream_code: failure.code } }),
    cause: failure,
  })
}

// The listing could not serve now, which is no fault of the request's nor of the upstream's machines.
const REFUSALS: ReadonlySet<OutcomeClass> = new Set([
  'rate_limited',
  'quota_exhausted',
  'key_rejected',
  'model_refused',
])

interface Outcome {
  model: string
  /** How long until an offer is expected back: 0 when one could be tried now, `undefined` or `Infinity` when unknown. */
  retryAfterMs: number | undefined
  queryOfDeath: boolean
  /** There was only one offer to try. */
  alone?: boolean
}

/**
 * The error for a request that no offer served. An SDK tries three times of its own; so that its tries do not multiply
 * ours, it is asked to come back only when that can be of use: when an offer is due that was resting, or when there was
 * but one to try.
 */
export function exhausted(
  attempts: readonly FailedAttempt[],
  { model, retryAfterMs, queryOfDeath, alone = false }: Outcome,
): GatewayError {
  const cause = attempts.map(({ offer, failure }) => ({ offer: offer.id, ...failure }))
  if (queryOfDeath) {
    return new GatewayError(
      'upstream_failed',
      'Two sellers failed on this very request while they served others. Sending it again will not help; change it.',
      { retryable: false, cause },
    )
  }
  const faults = attempts.filter(({ failure }) => !REFUSALS.has(failure.class))
  const last = faults.at(-1)
  if (!last) return noCapacity({ model, retryAfterMs: finite(retryAfterMs), cause })
  const dueMs = finite(retryAfterMs) ?? (alone ? MIN_RETRY_AFTER_MS : undefined)
  const again =
    dueMs === undefined ? { retryable: false } : { retryAfterMs: Math.max(MIN_RETRY_AFTER_MS, dueMs) }
  if (faults.every(({ failure }) => failure.class === 'own_fault')) {
    return new GatewayError(
      'unavailable',
      'This gateway cannot reach its upstreams at present. Nothing was charged; please retry.',
      { retryAfterMs: OUTAGE_RETRY_MS, ...(dueMs === undefined ? {} : again), cause },
    )
  }
  const tried = attempts.length === 1 ? 'The upstream' : `All ${attempts.length} upstreams tried`
  if (last.failure.class === 'timeout') {
    return new GatewayError(
      'upstream_timeout',
      `${tried} for '${model}' did not answer in time. Nothing was charged; please retry.`,
      { ...again, cause },
    )
  }
  return new GatewayError(
    'upstream_failed',
    `${tried} for '${model}' failed. Nothing was charged; please retry.`,
    { ...again, cause },
  )
}

/** When nothing says how long, a retry may still help; "never" is only for requests that are too large. */
function finite(ms: number | undefined): number | undefined {
  return ms !== undefined && Number.isFinite(ms) && ms > 0 ? ms : undefined
}

/** 503: everything that could serve is full or resting. Without a known time an SDK is not asked to try again. */
export function noCapacity({
  model,
  retryAfterMs,
  why = '',
  cause,
}: {
  model: string
  retryAfterMs: number | undefined
  why?: string
  cause?: unknown
}): GatewayError {
  if (retryAfterMs === Number.POSITIVE_INFINITY) {
    return new GatewayError(
      'no_capacity',
      `No offer for '${model}' takes a request this large${why}. Ask for fewer output tokens or send a shorter prompt.`,
      { retryable: false },
    )
  }
  const when = retryAfterMs === undefined ? 'shortly' : `in ${Math.max(1, Math.ceil(retryAfterMs / 1000))} s`
  return new GatewayError(
    'no_capacity',
    `Every offer for '${model}' is full or resting${why}. Retry ${when}.`,
    {
      ...(retryAfterMs === undefined ? { retryable: false } : { retryAfterMs: Math.max(1, retryAfterMs) }),
      ...(cause === undefined ? {} : { cause }),
    },
  )
}
