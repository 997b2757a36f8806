/** Receipts under `/api`. */
import { z } from 'zod'
import { operation, timeShown } from '../http/operation.ts'

const amount = z.string().regex(/^\d{1,30}$/)
const sha256 = z.string().nullable()
const picosPerToken = z.strictObject({
  uncached_input: amount,
  cache_read: amount,
  cache_write_5m: amount,
  cache_write_1h: amount,
  audio_input: amount,
  output: amount,
  audio_output: amount,
})

const receipt = z
  .strictObject({
    amount_nanos: amount,
    billed: z.string(),
    booked_at: timeShown,
    finish_reason: z.string().nullable(),
    held_nanos: amount,
    issuer: z.string(),
    journal_id: z.string().nullable().meta({ description: 'Null when the request cost nothing.' }),
    key_fingerprint: z.string().nullable(),
    key_id: z.string(),
    listing: z.string(),
    mode: z.enum(['play', 'live']),
    model: z.string(),
    organisation: z.string(),
    price: z.strictObject({
      picos_per_token: picosPerToken,
      tiers: z.array(z.strictObject({ above_input_tokens: z.int(), picos_per_token: picosPerToken })),
      nanos_per_request: amount,
      multiplier_ppm: amount,
    }),
    price_version: z.string(),
    provider: z.string(),
    request_id: z.string(),
    request_sha256: sha256,
    response_sha256: sha256,
    started_at: timeShown,
    stream: z.boolean(),
    type: z.literal('bourse.receipt'),
    usage: z.strictObject({
      audio_input: z.int(),
      audio_output: z.int(),
      cache_read: z.int(),
      cache_write_1h: z.int(),
      cache_write_5m: z.int(),
      output: z.int(),
      reasoning: z.int(),
      uncached_input: z.int(),
    }),
    usage_source: z.string(),
    v: z.literal(1),
  })
  .meta({ id: 'Receipt' })

const signedReceipt = z
  .strictObject({ receipt, kid: z.string(), alg: z.literal('EdDSA'), signature: z.string() })
  .meta({ id: 'SignedReceipt' })

export type SignedReceiptShown = z.output<typeof signedReceipt>

export const getReceipt = operation({
  method: 'get',
  path: '/api/receipts/:id',
  summary: 'The signed receipt of a request, for who paid it',
  description:
    'With `format=jws` the whole receipt is one JWS (RFC 7515). The public keys are at `/.well-known/jwks.json`. A key without the scope `read` sees the receipts of its own requests.',
  access: 'caller',
  query: z.strictObject({ format: z.enum(['json', 'jws']).default('json') }),
  answer: signedReceipt,
  media: 'application/json; application/jose',
})
