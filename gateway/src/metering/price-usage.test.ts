import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type PriceSnapshot, type TokenPrices, tokenClasses } from '../catalog/price.ts'
import { inputTokens, noUsage, outputTokens, type Usage } from '../providers/usage.ts'
import { affordableOutput, MIN_MULTIPLIER_PPM, priceUsage, splitCost, worstCase } from './price-usage.ts'

const INT64_MAX = 2n ** 63n - 1n

const flat = (pico: bigint): TokenPrices => ({
  uncachedInput: pico,
  cacheRead: pico,
  cacheWrite5m: pico,
  cacheWrite1h: pico,
  audioInput: pico,
  output: pico,
  audioOutput: pico,
})

const gpt4oMini: PriceSnapshot = {
  table: {
    base: { ...flat(150_000n), cacheRead: 75_000n, output: 600_000n, audioOutput: 600_000n },
    tiers: [],
  },
  nanosPerRequest: 0n,
  multiplierPpm: 1_000_000n,
  feeBps: 500n,
}

// Up to $600 per million tokens, as dear as anything is sold, at up to ten times the list price.
const picos = fc.bigInt({ min: 0n, max: 600_000_000n })
const tokenPrices: fc.Arbitrary<TokenPrices> = fc.record({
  uncachedInput: picos,
  cacheRead: picos,
  cacheWrite5m: picos,
  cacheWrite1h: picos,
  audioInput: picos,
  output: picos,
  audioOutput: picos,
})
const snapshot: fc.Arbitrary<PriceSnapshot> = fc.record({
  table: fc.record({
    base: tokenPrices,
    tiers: fc
      .uniqueArray(fc.integer({ min: 1, max: 3_000_000 }), { maxLength: 3 })
      .chain((starts) =>
        fc.tuple(
          ...starts
            .sort((a, b) => a - b)
            .map((aboveInputTokens) => tokenPrices.map((prices) => ({ aboveInputTokens, prices }))),
        ),
      ),
  }),
  nanosPerRequest: fc.bigInt({ min: 0n, max: 1_000_000_000n }),
  multiplierPpm: fc.bigInt({ min: MIN_MULTIPLIER_PPM, max: 10_000_000n }),
  feeBps: fc.bigInt({ min: 0n, max: 10_000n }),
})
const tokens = fc.oneof(
  fc.constant(0),
  fc.integer({ min: 0, max: 20 }),
  fc.integer({ min: 0, max: 2_000_000 }),
)
const usage: fc.Arbitrary<Usage> = fc.record({
  uncachedInput: tokens,
  cacheRead: tokens,
  cacheWrite5m: tokens,
  cacheWrite1h: tokens,
  audioInput: tokens,
  output: tokens,
  audioOutput: tokens,
  reasoning: fc.constant(0),
})

/** The exact cost as numerator over 10^9 nano-dollars. */
function exactOf(counts: Usage, price: PriceSnapshot): bigint {
  const prices =
    price.table.tiers.filter((tier) => inputTokens(counts) > tier.aboveInputTokens).at(-1)?.prices ??
    price.table.base
  const raw = tokenClasses.reduce(
    (sum, name) => sum + BigInt(counts[name]) * prices[name],
    price.nanosPerRequest * 1_000n,
  )
  return raw * price.multiplierPpm
}

test('a known bill: 1,000 prompt tokens of which 400 cached, 200 written, at list price', () => {
  const counts = { ...noUsage, uncachedInput: 600, cacheRead: 400, output: 200 }
  // 600 x $0.15/M + 400 x $0.075/M + 200 x $0.60/M = $0.00024
  expect(priceUsage(counts, gpt4oMini)).toBe(240_000n)
  expect(priceUsage(counts, { ...gpt4oMini, multiplierPpm: 800_000n })).toBe(192_000n)
  expect(priceUsage(counts, { ...gpt4oMini, nanosPerRequest: 1_000_000n, multiplierPpm: 800_000n })).toBe(
    992_000n,
  )
})

test('one pico-dollar per token is one micro-dollar per million tokens', () => {
  const onePico = { ...gpt4oMini, table: { base: flat(1n), tiers: [] } }
  expect(priceUsage({ ...noUsage, uncachedInput: 1_000_000 }, onePico)).toBe(1_000n)
})

test('the cheapest token still costs a nano-dollar, and no token costs nothing', () => {
  expect(
    priceUsage({ ...noUsage, cacheRead: 1 }, { ...gpt4oMini, table: { base: flat(1n), tiers: [] } }),
  ).toBe(1n)
  expect(priceUsage(noUsage, gpt4oMini)).toBe(0n)
})

test('reasoning is counted inside output and never billed twice', () => {
  const counts = { ...noUsage, output: 100 }
  expect(priceUsage({ ...counts, reasoning: 80 }, gpt4oMini)).toBe(priceUsage(counts, gpt4oMini))
})

test('a tier replaces the base as soon as the whole prompt exceeds it', () => {
  const price = {
    ...gpt4oMini,
    table: { base: flat(1_000n), tiers: [{ aboveInputTokens: 100, prices: flat(2_000n) }] },
  }
  expect(priceUsage({ ...noUsage, uncachedInput: 60, cacheRead: 40 }, price)).toBe(100n)
  expect(priceUsage({ ...noUsage, uncachedInput: 61, cacheRead: 40 }, price)).toBe(202n)
})

test('the cost is the exact one, rounded up once, and fits the ledger', () => {
  fc.assert(
    fc.property(usage, snapshot, (counts, price) => {
      const cost = priceUsage(counts, price)
      const exact = exactOf(counts, price)
      expect(cost * 1_000_000_000n >= exact).toBe(true)
      expect(cost * 1_000_000_000n - exact < 1_000_000_000n).toBe(true)
      expect(cost === 0n).toBe(exact === 0n)
      expect(cost <= INT64_MAX).toBe(true)
    }),
    { numRuns: 5_000 },
  )
})

test('splitting a request into two never makes it cheaper', () => {
  fc.assert(
    fc.property(usage, usage, snapshot, (one, other, price) => {
      // In one tier: a tier above is dearer for the whole prompt, and that is the vendor's rule, not rounding.
      const untiered = { ...price, table: { ...price.table, tiers: [] } }
      const both = { ...noUsage }
      for (const name of tokenClasses) both[name] = one[name] + other[name]
      expect(priceUsage(one, untiered) + priceUsage(other, untiered) >= priceUsage(both, untiered)).toBe(true)
    }),
    { numRuns: 2_000 },
  )
})

test('the hold covers whatever usage comes out within its bounds', () => {
  fc.assert(
    fc.property(
      usage,
      snapshot,
      fc.nat(1_000_000),
      fc.nat(1_000_000),
      (counts, price, moreInput, moreOutput) => {
        const bounds = {
          inputTokens: inputTokens(counts) + moreInput,
          maxOutputTokens: outputTokens(counts) + moreOutput,
          price,
        }
        expect(worstCase(bounds) >= priceUsage(counts, price)).toBe(true)
      },
    ),
    { numRuns: 5_000 },
  )
})

test('the most that is affordable is exactly what the hold still covers', () => {
  fc.assert(
    fc.property(
      snapshot,
      fc.nat(300_000),
      fc.bigInt({ min: 0n, max: 10n ** 13n }),
      (price, prompt, budgetNanos) => {
        const most = affordableOutput({ inputTokens: prompt, budgetNanos, price })
        if (most === Number.MAX_SAFE_INTEGER) return
        const cost = (maxOutputTokens: number) => worstCase({ inputTokens: prompt, maxOutputTokens, price })
        if (most > 0) expect(cost(most) <= budgetNanos).toBe(true)
        expect(cost(most + 1) > budgetNanos).toBe(true)
      },
    ),
    { numRuns: 3_000 },
  )
})

test('seller and platform together get exactly what the buyer paid', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: INT64_MAX }),
      fc.bigInt({ min: 0n, max: 10_000n }),
      (cost, feeBps) => {
        const { sellerNanos, feeNanos } = splitCost(cost, feeBps)
        expect(sellerNanos + feeNanos).toBe(cost)
        expect(sellerNanos >= 0n && feeNanos >= 0n).toBe(true)
        expect(sellerNanos * 10_000n <= cost * (10_000n - feeBps)).toBe(true)
      },
    ),
  )
  expect(splitCost(101n, 500n)).toEqual({ sellerNanos: 95n, feeNanos: 6n })
  expect(() => splitCost(1n, 10_001n)).toThrow()
})

test('a multiplier that would give tokens away, or usage that was not checked, is a broken invariant', () => {
  expect(() => priceUsage({ ...noUsage, output: 1 }, { ...gpt4oMini, multiplierPpm: 0n })).toThrow()
  expect(() =>
    worstCase({
      inputTokens: 1,
      maxOutputTokens: 1,
      price: { ...gpt4oMini, multiplierPpm: MIN_MULTIPLIER_PPM - 1n },
    }),
  ).toThrow()
  expect(() => priceUsage({ ...noUsage, output: -1 }, gpt4oMini)).toThrow()
  expect(() => priceUsage({ ...noUsage, output: 1.5 }, gpt4oMini)).toThrow()
  expect(() => priceUsage({ ...noUsage, output: Number.NaN }, gpt4oMini)).toThrow()
})
