/**
 * A key's own limits: requests and tokens per minute. Admission takes both or neither; the tokens are an estimate
 * that the request corrects when it knows better.
 */
import type { Clock } from '../platform/clock.ts'
import { GatewayError } from '../platform/errors.ts'
import { SlidingWindow } from './sliding-window.ts'

/** Keys whose last minute is remembered; about 3 KB each. Beyond it a new key waits for an idle one to be forgotten. */
const MAX_TRACKED_KEYS = 20_000

/** The part of a caller that limits look at. */
export interface LimitedCaller {
  keyId: string
  requestsPerMinute?: number | undefined
  tokensPerMinute?: number | undefined
}

export interface Admission {
  /** Replaces the estimate by what was used; the last word counts, so it may be said more than once. */
  correct(actualTokens: number): void
  /** `x-ratelimit-*` as OpenAI writes them; empty for a key without limits. */
  headers(): Record<string, string>
}

export interface Limits {
  /** Takes one request and `estimatedTokens` from the caller's minute. Throws `rate_limit_exceeded` with a true `retryAfterMs`. */
  admit(caller: LimitedCaller, estimatedTokens: number): Admission
  /** How many keys are remembered, for the metrics. */
  trackedKeys(): number
}

interface Tracked {
  requests: SlidingWindow | undefined
  tokens: SlidingWindow | undefined
}

const unlimited: Admission = { correct: () => {}, headers: () => ({}) }

export function createLimits({ clock, maxTrackedKeys = MAX_TRACKED_KEYS }: LimitsDeps): Limits {
  // The least recently admitted key comes first: if even that one is not idle, none is.
  const trackedByKey = new Map<string, Tracked>()

  function track(caller: LimitedCaller, nowMs: number): Tracked {
    const known = trackedByKey.get(caller.keyId)
    const tracked = known ?? { requests: undefined, tokens: undefined }
    tracked.requests = fitted(tracked.requests, caller.requestsPerMinute)
    tracked.tokens = fitted(tracked.tokens, caller.tokensPerMinute)
    if (!known) {
      makeRoom(nowMs)
      trackedByKey.set(caller.keyId, tracked)
    }
    return tracked
  }

  function makeRoom(nowMs: number): void {
    if (trackedByKey.size < maxTrackedKeys) return
    for (const [keyId, tracked] of trackedByKey) {
      if (!isIdle(tracked, nowMs)) break
      trackedByKey.delete(keyId)
      if (trackedByKey.size < maxTrackedKeys) return
    }
    // Forgetting a live window would let its key pass twice the limit: refuse the newcomer instead.
    throw new GatewayError(
      'overloaded',
      'More keys are active than this gateway keeps limits for. Retry shortly.',
      {
        retryAfterMs: 1_000,
      },
    )
  }

  function admit(caller: LimitedCaller, estimatedTokens: number): Admission {
    if (caller.requestsPerMinute === undefined && caller.tokensPerMinute === undefined) return unlimited
    const nowMs = clock.monotonicMs()
    const tracked = track(caller, nowMs)
    refuseIfOver(caller, tracked, { estimatedTokens, nowMs })
    tracked.requests?.take(1, nowMs)
    tracked.tokens?.take(estimatedTokens, nowMs)
    trackedByKey.delete(caller.keyId)
    trackedByKey.set(caller.keyId, tracked)
    let countedTokens = estimatedTokens
    return {
      correct(actualTokens) {
        tracked.tokens?.correct(actualTokens - countedTokens, nowMs)
        countedTokens = actualTokens
      },
      headers: () => headersOf(caller, tracked, clock.monotonicMs()),
    }
  }

  return { admit, trackedKeys: () => trackedByKey.size }
}

export interface LimitsDeps {
  clock: Clock
  maxTrackedKeys?: number
}

/** The window for `limit`, with its past kept when only the limit has changed. */
function fitted(window: SlidingWindow | undefined, limit: number | undefined): SlidingWindow | undefined {
  if (limit === undefined) return undefined
  if (!window) return new SlidingWindow(limit)
  window.setLimit(limit)
  return window
}

function isIdle(tracked: Tracked, nowMs: number): boolean {
  return (tracked.requests?.isIdle(nowMs) ?? true) && (tracked.tokens?.isIdle(nowMs) ?? true)
}

function refuseIfOver(
  caller: LimitedCaller,
  tracked: Tracked,
  { estimatedTokens, nowMs }: { estimatedTokens: number; nowMs: number },
): void {
  const requestWaitMs = tracked.requests?.waitMs(1, nowMs) ?? 0
  const tokenWaitMs = tracked.tokens?.waitMs(estimatedTokens, nowMs) ?? 0
  if (requestWaitMs === 0 && tokenWaitMs === 0) return
  if (tokenWaitMs === Number.POSITIVE_INFINITY) {
    throw new GatewayError(
      'rate_limit_exceeded',
      `This request may use ${estimatedTokens} tokens, more than this key may use in a minute (${caller.tokensPerMinute}). Ask for fewer output tokens, or raise the limit under Keys.`,
      { retryable: false, metadata: { limit: caller.tokensPerMinute ?? null, scope: 'tokens' } },
    )
  }
  const byRequests = requestWaitMs >= tokenWaitMs
  const retryAfterMs = Math.max(requestWaitMs, tokenWaitMs)
  const limit = byRequests ? caller.requestsPerMinute : caller.tokensPerMinute
  const scope = byRequests ? 'requests' : 'tokens'
  if (retryAfterMs === Number.POSITIVE_INFINITY) {
    throw new GatewayError(
      'rate_limit_exceeded',
      'This key may make no requests. Raise its limit under Keys.',
      {
        retryable: false,
        metadata: { limit: limit ?? null, scope },
      },
    )
  }
  throw new GatewayError(
    'rate_limit_exceeded',
    `This key may use ${limit} ${scope} per minute. Retry in ${Math.ceil(retryAfterMs / 1000)} s, or raise the limit under Keys.`,
    { retryAfterMs, metadata: { limit: limit ?? null, scope } },
  )
}

function headersOf(caller: LimitedCaller, tracked: Tracked, nowMs: number): Record<string, string> {
  const headers: Record<string, string> = {}
  const scopes = [
    ['requests', caller.requestsPerMinute, tracked.requests],
    ['tokens', caller.tokensPerMinute, tracked.tokens],
  ] as const
  for (const [scope, limit, window] of scopes) {
    if (limit === undefined || !window) continue
    headers[`x-ratelimit-limit-${scope}`] = String(limit)
    headers[`x-ratelimit-remaining-${scope}`] = String(window.remaining(nowMs))
    headers[`x-ratelimit-reset-${scope}`] = formatDuration(window.resetMs(nowMs))
  }
  return headers
}

/** `850ms`, `12.5s`, `1m0s`: the way OpenAI writes when a limit is whole again. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${ms}ms`
  const minutes = Math.floor(ms / 60_000)
  const seconds = (ms - minutes * 60_000) / 1_000
  return minutes === 0 ? `${seconds}s` : `${minutes}m${seconds}s`
}
