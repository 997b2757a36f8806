/**
 * The one catalogue of errors a caller can see. The code picks the HTTP status, OpenAI's `type`, whose
 * fault it is and whether a retry can help; the message says what is wrong and what to do next.
 * The `cause` is for our log and is never sent.
 */

import { causes, isTransient } from './transient-errors.ts'

type Whose = 'key' | 'buyer' | 'group' | 'platform' | 'seller' | 'provider'

interface CatalogueEntry {
  status: number
  type: string
  whose: Whose
  retryable: boolean
}

const entry = (status: number, type: string, whose: Whose, retryable = false): CatalogueEntry => ({
  status,
  type,
  whose,
  retryable,
})

export const errorCatalogue = {
  // What the caller sent
  invalid_json: entry(400, 'invalid_request_error', 'buyer'),
  invalid_request: entry(400, 'invalid_request_error', 'buyer'),
  invalid_value: entry(400, 'invalid_request_error', 'buyer'),
  context_length_exceeded: entry(400, 'invalid_request_error', 'buyer'),
  upstream_rejected_request: entry(400, 'invalid_request_error', 'buyer'),
  content_filter: entry(400, 'invalid_request_error', 'buyer'),
  request_timeout: entry(408, 'invalid_request_error', 'buyer', true),
  conflict: entry(409, 'invalid_request_error', 'buyer'),
  request_too_large: entry(413, 'invalid_request_error', 'buyer'),
  unsupported_media_type: entry(415, 'invalid_request_error', 'buyer'),
  idempotency_mismatch: entry(422, 'invalid_request_error', 'buyer'),
  // Who is calling
  invalid_api_key: entry(401, 'authentication_error', 'key'),
  expired_api_key: entry(401, 'authentication_error', 'key'),
  not_signed_in: entry(401, 'authentication_error', 'buyer'),
  invalid_credentials: entry(401, 'authentication_error', 'buyer'),
  two_factor_required: entry(401, 'authentication_error', 'buyer'),
  email_unverified: entry(403, 'permission_error', 'buyer'),
  forbidden: entry(403, 'permission_error', 'key'),
  model_not_allowed: entry(403, 'permission_error', 'key'),
  // What they asked for
  not_found: entry(404, 'invalid_request_error', 'buyer'),
  model_not_found: entry(404, 'invalid_request_error', 'buyer'),
  unknown_route: entry(404, 'invalid_request_error', 'buyer'),
  method_not_allowed: entry(405, 'invalid_request_error', 'buyer'),
  // Money and limits
  insufficient_quota: entry(402, 'insufficient_quota', 'buyer'),
  budget_exceeded: entry(402, 'insufficient_quota', 'key'),
  rate_limit_exceeded: entry(429, 'rate_limit_error', 'key', true),
  // What is ours or a seller's
  price_unknown: entry(503, 'server_error', 'platform'),
  no_capacity: entry(503, 'server_error', 'seller', true),
  overloaded: entry(503, 'server_error', 'platform', true),
  shutting_down: entry(503, 'server_error', 'platform', true),
  unavailable: entry(503, 'server_error', 'platform', true),
  upstream_failed: entry(502, 'server_error', 'provider', true),
  upstream_timeout: entry(504, 'server_error', 'provider', true),
  internal_error: entry(500, 'server_error', 'platform', true),
  not_implemented: entry(501, 'server_error', 'platform'),
} as const satisfies Record<string, CatalogueEntry>

export type ErrorCode = keyof typeof errorCatalogue

export interface ErrorDetails {
  /** The field of the request that is wrong, as a path: `messages[2].role`. */
  param?: string
  /** For our log only. */
  cause?: unknown
  /** When a retry can succeed; becomes `retry-after` (whole seconds, up) and `retry-after-ms`. */
  retryAfterMs?: number
  /** Overrides the catalogue's word on whether an SDK should retry (`x-should-retry`). */
  retryable?: boolean
  /** Facts a program can read, sent as `error.metadata`. */
  metadata?: Record<string, string | number | boolean | null>
}

/** An error whose message is meant for the caller. Anything else that is thrown becomes `internal_error`. */
export class GatewayError extends Error {
  readonly code: ErrorCode
  readonly details: ErrorDetails

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'GatewayError'
    this.code = code
    this.details = details
  }

  get status(): number {
    return errorCatalogue[this.code].status
  }

  get retryable(): boolean {
    return this.details.retryable ?? errorCatalogue[this.code].retryable
  }
}

/** What anything thrown means to the caller; the message of a foreign error never leaves the house. */
export function toGatewayError(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown
  for (const cause of causes(thrown)) {
    if (!isTransient(cause)) continue
    return new GatewayError(
      'unavailable',
      'The database cannot be reached at the moment. Try again in a few seconds.',
      {
        cause: thrown,
        retryAfterMs: 2_000,
      },
    )
  }
  return new GatewayError(
    'internal_error',
    'Something failed on our side. Nothing was charged that you were not shown; retry, and quote the request id if it happens again.',
    { cause: thrown },
  )
}

/** OpenAI's error body plus `whose`, `retryable` and `request_id`. */
export function errorBody(error: GatewayError, requestId: string): string {
  const { type, whose } = errorCatalogue[error.code]
  return JSON.stringify({
    error: {
      message: error.message,
      type,
      param: error.details.param ?? null,
      code: error.code,
      whose,
      retryable: error.retryable,
      request_id: requestId,
      ...(error.details.metadata ? { metadata: error.details.metadata } : {}),
    },
  })
}

/** The headers an error answer carries beside `x-request-id`. SDKs ignore waits above 60 s, so those say "do not retry". */
export function errorHeaders(error: GatewayError): Record<string, string> {
  const headers: Record<string, string> = {}
  const { retryAfterMs } = error.details
  if (retryAfterMs !== undefined) {
    headers['retry-after'] = String(Math.max(1, Math.ceil(retryAfterMs / 1000)))
    headers['retry-after-ms'] = String(Math.max(1, Math.ceil(retryAfterMs)))
  }
  const worthRetrying = error.retryable && (retryAfterMs === undefined || retryAfterMs <= 60_000)
  if (error.status >= 400) headers['x-should-retry'] = String(worthRetrying)
  return headers
}
