/**
 * What an attempt came to, in the classes that routing acts on. A provider's adapter only names the class;
 * what follows from it (next offer, breaker, cool-down, pause) is one table in `routing/`.
 */
export type OutcomeClass =
  | 'ok'
  | 'user_error' // canonical 400, 413, 415, 422, content filter, context too long
  | 'client_gone'
  | 'own_fault' // our pool, a late timer, an egress block by our configuration
  | 'rate_limited' // 429
  | 'key_rejected' // 401, 403 of the key, revoked, organisation disabled
  | 'model_refused' // 403 or 404 for this model or region only
  | 'quota_exhausted' // 402, spend caps, insufficient quota
  | 'server_error' // 5xx, truncated stream, error event
  | 'overloaded' // 529, 503 that says so: a quarter of a failure
  | 'network' // connect, DNS, TLS, reset before headers
  | 'timeout' // first byte, idle or total
  | 'malformed' // wrong type, not JSON, empty body, redirect, bomb

/** A failed attempt. `message` is the upstream's own text, for the log; only `callerMessage` may reach the buyer. */
export interface UpstreamFailure {
  class: Exclude<OutcomeClass, 'ok'>
  status?: number
  message: string
  /** Set for `user_error` only: what the buyer must change, free of the seller's identity and key. */
  callerMessage?: string
  /** The upstream's own `param` and `code`, for `user_error`. */
  param?: string
  code?: string
  retryAfterMs?: number
  /** For `user_error`: the upstream said in its usual words that the request is at fault. */
  recognised?: true
  /** The upstream's name led where it must not lead: the listing is quarantined. */
  blocked?: true
  /** The answer was not what was asked for in a way that no accident explains: it counts against the listing's honesty. */
  integrity?: 'undeclared_tool'
}
