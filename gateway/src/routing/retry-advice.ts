/**
 * Whether a caller's SDK should try again after we have. Three times in ten seconds is what one SDK does by itself; a key
 * that has heard it so often has something that does not go away, and hears that it should not.
 */
import type { Clock } from '../platform/clock.ts'
import { GatewayError } from '../platform/errors.ts'

const ANSWERS = 3
const WITHIN_MS = 10_000
// A key is forgotten when it is well; this many are unwell at once in a large outage.
const MAX_KEYS = 10_000

// What is said when upstreams were tried or are full. Our own overload passes, and says when.
const OF_UPSTREAMS: ReadonlySet<string> = new Set(['no_capacity', 'upstream_failed', 'upstream_timeout'])

export interface RetryAdvice {
  /** The error as this key should hear it; counts it, so it is called once for each. */
  given(keyId: string | undefined, error: GatewayError): GatewayError
}

export function createRetryAdvice({ monotonicMs }: Pick<Clock, 'monotonicMs'>): RetryAdvice {
  const heardAtMs = new Map<string, number[]>()

  return {
    given(keyId, error) {
      if (keyId === undefined || !OF_UPSTREAMS.has(error.code)) return error
      const nowMs = monotonicMs()
      const recent = (heardAtMs.get(keyId) ?? []).filter((atMs) => atMs > nowMs - WITHIN_MS)
      const isEnough = recent.length >= ANSWERS
      heardAtMs.delete(keyId)
      heardAtMs.set(keyId, [...recent.slice(-(ANSWERS - 1)), nowMs])
      const oldest = heardAtMs.keys().next()
      if (heardAtMs.size > MAX_KEYS && !oldest.done) heardAtMs.delete(oldest.value)
      if (!isEnough || !error.retryable) return error
      return new GatewayError(error.code, error.message, { ...error.details, retryable: false })
    },
  }
}
