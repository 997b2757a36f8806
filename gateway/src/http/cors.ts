/** Which browser origins may call `/v1`, and what their scripts may send and read. */
export interface CorsPolicy {
  /** Exact origins, or `*` for any. */
  origins: readonly string[]
}

const ALLOWED_HEADERS =
  'authorization, content-type, x-api-key, api-key, x-gateway-max-cost, idempotency-key, openai-organization, openai-project, openai-beta, http-referer, x-title, x-stainless-arch, x-stainless-async, x-stainless-custom-poll-interval, x-stainless-helper-method, x-stainless-lang, x-stainless-os, x-stainless-package-version, x-stainless-poll-helper, x-stainless-retry-count, x-stainless-runtime, x-stainless-runtime-version, x-stainless-timeout'
const EXPOSED_HEADERS =
  'x-request-id, retry-after, retry-after-ms, x-should-retry, x-ratelimit-limit-requests, x-ratelimit-limit-tokens, x-ratelimit-remaining-requests, x-ratelimit-remaining-tokens, x-ratelimit-reset-requests, x-ratelimit-reset-tokens, x-gateway-provider, x-gateway-model, x-gateway-attempts, x-gateway-cost, x-gateway-max-output-tokens'

/** The headers that let a script of `origin` read the answer; empty when it may not. */
export function corsHeaders(policy: CorsPolicy, origin: string | undefined): Record<string, string> {
  if (origin === undefined) return {}
  const any = policy.origins.includes('*')
  if (!any && !policy.origins.includes(origin)) return { vary: 'origin' }
  return {
    'access-control-allow-origin': any ? '*' : origin,
    'access-control-expose-headers': EXPOSED_HEADERS,
    ...(any ? {} : { vary: 'origin' }),
  }
}

/** The headers of the answer to a preflight, beside those of `corsHeaders`. */
export function preflightHeaders(allowedMethods: string): Record<string, string> {
  return {
    'access-control-allow-methods': allowedMethods,
    'access-control-allow-headers': ALLOWED_HEADERS,
    'access-control-max-age': '7200',
  }
}
