/**
 * A receipt: what the ledger booked for one request, as canonical JSON under a signature. It says everything that the
 * amount depends on, so whoever holds it can compute the amount again (`gateway/tools/verify-receipt.mjs` does), and
 * nothing of what platform and seller earned by it.
 */
import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { z } from 'zod'
import { type TokenClass, tokenClasses } from '../catalog/price.ts'
import type { UsageFacts } from '../ledger/usage-facts.ts'
import { canonicalJson } from '../platform/canonical-json.ts'
import { formatId } from '../platform/ids.ts'

/** Who says so. */
export interface Issuer {
  /** The origin that serves the public keys, or `bourse`. */
  issuer: string
  mode: 'play' | 'live'
}

/** A receipt as it is signed and stored. */
export interface SignedReceipt {
  kid: string
  /** Canonical JSON. */
  payload: string
  signature: Buffer
}

// Pico-dollars per token, nano-dollars, parts per million: integers that may exceed 2^53, so they stand as text.
const amount = z.string().regex(/^\d{1,30}$/)
const tokenPrices = z.object(
  Object.fromEntries(tokenClasses.map((tokenClass) => [tokenClass, amount])) as Record<
    TokenClass,
    typeof amount
  >,
)
const storedPrice = z.object({
  table: z.object({
    base: tokenPrices,
    tiers: z.array(z.object({ aboveInputTokens: z.int().nonnegative(), prices: tokenPrices })),
  }),
  nanosPerRequest: amount,
  multiplierPpm: amount,
})

/** Offers of a day share a few hundred prices; each takes some 2 KB here. */
const PRICES_MAX = 2_000

/**
 * Writes the text of a receipt for a booked request. Throws when the ledger holds something that a receipt cannot
 * say, such as a price that is none.
 */
export function createReceiptWriter(issuer: Issuer): (facts: UsageFacts) => string {
  const known = new LRUCache<string, PriceInputs>({ max: PRICES_MAX })
  return function receiptPayload(facts) {
    const price = known.get(facts.price) ?? priceInputs(facts.price)
    known.set(facts.price, price)
    return payloadOf(facts, price, issuer)
  }
}

function payloadOf(facts: UsageFacts, price: PriceInputs, { issuer, mode }: Issuer): string {
  const usage =
    `{"audio_input":${facts.audio_input},"audio_output":${facts.audio_output},"cache_read":${facts.cache_read},` +
    `"cache_write_1h":${facts.cache_write_1h},"cache_write_5m":${facts.cache_write_5m},"output":${facts.output},` +
    `"reasoning":${facts.reasoning},"uncached_input":${facts.uncached_input}}`
  // A journal has its request's id; what costs nothing has none.
  const journal = facts.cost_nanos === '0' ? 'null' : `"${formatId('jrn-', facts.id)}"`
  // Written in canonical order, which costs a fifth of sorting it: every request has one.
  return (
    `{"amount_nanos":"${facts.cost_nanos}","billed":"${facts.billed}","booked_at":"${facts.settled_at}",` +
    `"finish_reason":${JSON.stringify(facts.finish_reason)},"held_nanos":"${facts.held_nanos}",` +
    `"issuer":${JSON.stringify(issuer)},"journal_id":${journal},` +
    `"key_fingerprint":${JSON.stringify(facts.key_fingerprint)},"key_id":"${formatId('key-', facts.key_id)}",` +
    `"listing":"${formatId('lst-', facts.listing_id)}","mode":"${mode}","model":${JSON.stringify(facts.model)},` +
    `"organisation":"${formatId('org-', facts.organisation_id)}","price":${price.inputs},` +
    `"price_version":"${price.version}","provider":${JSON.stringify(facts.provider)},` +
    `"request_id":"${formatId('gen-', facts.id)}","request_sha256":${hashJson(facts.request_hash)},` +
    `"response_sha256":${hashJson(facts.response_hash)},"started_at":"${facts.started_at}","stream":${facts.stream},` +
    `"type":"bourse.receipt","usage":${usage},"usage_source":"${facts.usage_source}","v":1}`
  )
}

function hashJson(hex: string | null): string {
  return hex === null ? 'null' : `"${hex}"`
}

/** What is signed: the JWS (RFC 7515) of a payload under `kid`, so that any JOSE library can check a receipt. */
export function signingInput(kid: string, payload: string): string {
  return `${protectedHeader(kid)}.${Buffer.from(payload, 'utf8').toString('base64url')}`
}

/** The whole receipt as a JWS in compact form. */
export function compactJws({ kid, payload, signature }: SignedReceipt): string {
  return `${signingInput(kid, payload)}.${signature.toString('base64url')}`
}

/** The whole receipt as JSON; the payload stands in it as it was signed. */
export function receiptJson({ kid, payload, signature }: SignedReceipt): string {
  return `{"receipt":${payload},"kid":"${kid}","alg":"EdDSA","signature":"${signature.toString('base64url')}"}`
}

function protectedHeader(kid: string): string {
  return Buffer.from(`{"alg":"EdDSA","kid":"${kid}","typ":"bourse-receipt+jws"}`).toString('base64url')
}

interface PriceInputs {
  /** Canonical JSON. */
  inputs: string
  version: string
}

/** What the amount is computed from, and the name of exactly that: the start of its SHA-256. */
function priceInputs(stored: string): PriceInputs {
  const { table, nanosPerRequest, multiplierPpm } = storedPrice.parse(JSON.parse(stored))
  const inputs = canonicalJson({
    picos_per_token: picosPerToken(table.base),
    tiers: table.tiers.map(({ aboveInputTokens, prices }) => ({
      above_input_tokens: aboveInputTokens,
      picos_per_token: picosPerToken(prices),
    })),
    nanos_per_request: nanosPerRequest,
    multiplier_ppm: multiplierPpm,
  })
  return { inputs, version: hash('sha256', inputs, 'hex').slice(0, 32) }
}

function picosPerToken(prices: Record<TokenClass, string>) {
  return {
    uncached_input: prices.uncachedInput,
    cache_read: prices.cacheRead,
    cache_write_5m: prices.cacheWrite5m,
    cache_write_1h: prices.cacheWrite1h,
    audio_input: prices.audioInput,
    output: prices.output,
    audio_output: prices.audioOutput,
  }
}
