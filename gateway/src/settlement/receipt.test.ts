import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { UsageFacts } from '../ledger/usage-facts.ts'
import { priceUsage } from '../metering/price-usage.ts'
import { canonicalJson } from '../platform/canonical-json.ts'
import { uuidv7 } from '../platform/ids.ts'
import { createSigner, verifySignature } from '../platform/signing.ts'
import { compactJws, createReceiptWriter, receiptJson, type SignedReceipt, signingInput } from './receipt.ts'

interface Verdict {
  receipt: Record<string, unknown>
  proved: string[]
  unproved: string[]
}
interface Given {
  receiptText: string
  jwksText: string
  request?: Buffer
  response?: Buffer
  key?: string
}
// The program that people run has types of its own: none.
const tool = fileURLToPath(new URL('../../tools/verify-receipt.mjs', import.meta.url))
const { checkReceipt } = (await import(tool)) as { checkReceipt: (given: Given) => Verdict }

const signer = createSigner({ seed: randomBytes(32) })
const jwksText = JSON.stringify({
  keys: [createSigner({ seed: randomBytes(32) }).publicJwk, signer.publicJwk],
})
const receiptPayload = createReceiptWriter({ issuer: 'https://gateway.example.org', mode: 'live' })

async function signed(facts: UsageFacts): Promise<SignedReceipt> {
  const payload = receiptPayload(facts)
  return {
    kid: signer.kid,
    payload,
    signature: await signer.sign(Buffer.from(signingInput(signer.kid, payload))),
  }
}

const tokens = fc.nat({ max: 2_000_000 })
const usage = fc.record({
  uncachedInput: tokens,
  cacheRead: tokens,
  cacheWrite5m: tokens,
  cacheWrite1h: tokens,
  audioInput: tokens,
  output: tokens,
  audioOutput: tokens,
  reasoning: fc.constant(0),
})
const picos = fc.bigInt(0n, 600_000_000n)
const prices = fc.record({
  uncachedInput: picos,
  cacheRead: picos,
  cacheWrite5m: picos,
  cacheWrite1h: picos,
  audioInput: picos,
  output: picos,
  audioOutput: picos,
})
const snapshot = fc.record({
  table: fc.record({
    base: prices,
    tiers: fc
      .uniqueArray(fc.record({ aboveInputTokens: fc.nat({ max: 3_000_000 }), prices }), {
        maxLength: 2,
        selector: ({ aboveInputTokens }) => aboveInputTokens,
      })
      .map((tiers) => tiers.sort((left, right) => left.aboveInputTokens - right.aboveInputTokens)),
  }),
  nanosPerRequest: fc.bigInt(0n, 1_000_000n),
  multiplierPpm: fc.bigInt(50_000n, 10_000_000n),
  feeBps: fc.bigInt(0n, 5_000n),
})
const sha256 = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString('hex'))
const wellFormed = fc.string({ unit: 'binary', maxLength: 40 })

/** Any record that the ledger could hold, at the price that the gateway computes. */
const records = fc
  .record({
    usage,
    price: snapshot,
    model: wellFormed,
    finish: wellFormed,
    stream: fc.boolean(),
    reported: fc.boolean(),
    billed: fc.constantFrom('whole' as const, 'delivered' as const, 'nothing' as const),
    hashes: fc.option(fc.tuple(sha256, sha256)),
  })
  .map(({ usage, price, model, finish, stream, reported, billed, hashes }): UsageFacts => {
    const full = priceUsage(usage, price)
    const cost = { whole: full, delivered: full / 2n, nothing: 0n }[billed]
    return {
      id: uuidv7(),
      organisation_id: uuidv7(),
      key_id: uuidv7(),
      key_fingerprint: hashes ? hashes[0].slice(0, 32) : null,
      listing_id: uuidv7(),
      model,
      provider: 'openai',
      uncached_input: usage.uncachedInput,
      cache_read: usage.cacheRead,
      cache_write_5m: usage.cacheWrite5m,
      cache_write_1h: usage.cacheWrite1h,
      audio_input: usage.audioInput,
      output: usage.output,
      audio_output: usage.audioOutput,
      reasoning: usage.output,
      usage_source: reported ? 'reported' : 'counted',
      billed,
      price: JSON.stringify(price, (_, value) => (typeof value === 'bigint' ? String(value) : value)),
      stream,
      finish_reason: finish,
      started_at: '2026-11-22T10:00:00.000Z',
      settled_at: '2026-11-22T10:00:01.123Z',
      duration_ms: 812.5,
      ttft_ms: 120.25,
      held_nanos: String(full),
      cost_nanos: String(cost),
      request_hash: hashes?.[0] ?? null,
      response_hash: hashes?.[1] ?? null,
    }
  })

test('the receipt of any record verifies, in both forms, with the amount computed again from usage and price', async () => {
  await fc.assert(
    fc.asyncProperty(records, async (facts) => {
      const receipt = await signed(facts)
      expect(canonicalJson(JSON.parse(receipt.payload))).toBe(receipt.payload)
      for (const receiptText of [receiptJson(receipt), compactJws(receipt)]) {
        const verdict = checkReceipt({ receiptText, jwksText })
        expect(verdict.receipt).toMatchObject({ amount_nanos: facts.cost_nanos, model: facts.model })
        expect(verdict.proved.join('\n')).toContain('amount_nanos')
      }
    }),
    { numRuns: 300 },
  )
})

test('a receipt with any one character changed, added or dropped does not verify', async () => {
  await fc.assert(
    fc.asyncProperty(
      records,
      fc.boolean(),
      fc.nat(),
      fc.string({ unit: 'binary-ascii', minLength: 0, maxLength: 1 }),
      fc.boolean(),
      async (facts, compact, position, other, add) => {
        const receipt = await signed(facts)
        const text = compact ? compactJws(receipt) : receiptJson(receipt)
        const at = position % text.length
        const altered = text.slice(0, at) + other + text.slice(add ? at : at + 1)
        // White space between JSON's words says nothing, so it may change.
        fc.pre(altered !== text && (compact ? altered.trim() !== text : !/\s/.test(other)))
        expect(() => checkReceipt({ receiptText: altered, jwksText }), altered).toThrow()
      },
    ),
    { numRuns: 2_000 },
  )
})

test('every character of a signature and of a payload counts', async () => {
  const [facts] = fc.sample(records, { seed: 7, numRuns: 1 }) as [UsageFacts]
  const receipt = await signed({ ...facts, model: 'openai/gpt-4o-mini', finish_reason: 'stop' })
  const text = receiptJson(receipt)
  expect(checkReceipt({ receiptText: text, jwksText }).proved).toHaveLength(2)
  for (let at = 0; at < text.length; at += 1) {
    const other = text[at] === '0' ? '1' : '0'
    const altered = text.slice(0, at) + other + text.slice(at + 1)
    expect(() => checkReceipt({ receiptText: altered, jwksText }), altered.slice(at - 20, at + 20)).toThrow()
  }
})

test('a JOSE library needs no knowledge of ours: the signature is that of the compact JWS', async () => {
  const [facts] = fc.sample(records, { seed: 1, numRuns: 1 }) as [UsageFacts]
  const receipt = await signed(facts)
  const [header, payload, signature] = compactJws(receipt).split('.') as [string, string, string]
  expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({
    alg: 'EdDSA',
    kid: signer.kid,
    typ: 'bourse-receipt+jws',
  })
  expect(Buffer.from(payload, 'base64url').toString()).toBe(receipt.payload)
  const bytes = Buffer.from(`${header}.${payload}`)
  expect(verifySignature(signer.publicJwk, bytes, Buffer.from(signature, 'base64url'))).toBe(true)
})

test('a receipt tells nothing of what platform and seller earn', async () => {
  const [facts] = fc.sample(records, { seed: 3, numRuns: 1 }) as [UsageFacts]
  const receipt = JSON.parse(receiptPayload(facts))
  expect(JSON.stringify(receipt)).not.toMatch(/fee|seller/i)
  const price = JSON.stringify({ ...JSON.parse(facts.price), feeBps: '1' })
  const other = JSON.parse(receiptPayload({ ...facts, price }))
  expect(other.price_version).toBe(receipt.price_version)
})

test('what is free has no journal, and a price that is none has no receipt', () => {
  const [facts] = fc.sample(records, { seed: 5, numRuns: 1 }) as [UsageFacts]
  const free = JSON.parse(receiptPayload({ ...facts, cost_nanos: '0' }))
  expect(free.journal_id).toBeNull()
  const paid = JSON.parse(receiptPayload({ ...facts, cost_nanos: '5' }))
  expect(paid.journal_id).toBe(paid.request_id.replace('gen-', 'jrn-'))
  expect(() => receiptPayload({ ...facts, price: '{}' })).toThrow()
})
