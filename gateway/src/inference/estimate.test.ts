import fc from 'fast-check'
import { expect, test } from 'vitest'
import { testModel } from '../../test/support/market.ts'
import { type TokenPrices, tokenClasses } from '../catalog/price.ts'
import { countPrompt } from '../metering/count-tokens.ts'
import { priceUsage } from '../metering/price-usage.ts'
import { type ChatRequest, chatRequest } from '../providers/chat.ts'
import { noUsage } from '../providers/usage.ts'
import { costRange, promptRange } from './estimate.ts'

const ask = (content: unknown, more: Record<string, unknown> = {}): ChatRequest =>
  chatRequest.parse({ model: 'test/model', messages: [{ role: 'user', content }], ...more })
const rangeOf = (request: ChatRequest, model = testModel) =>
  promptRange(request, Buffer.byteLength(JSON.stringify(request)), model)

const picos = fc.bigInt({ min: 0n, max: 20_000_000n })
const prices = fc.record(
  Object.fromEntries(tokenClasses.map((each) => [each, picos])),
) as fc.Arbitrary<TokenPrices>
const snapshots = fc.record({
  table: fc.record({
    base: prices,
    tiers: fc
      .uniqueArray(fc.record({ aboveInputTokens: fc.integer({ min: 0, max: 300 }), prices }), {
        maxLength: 2,
        selector: ({ aboveInputTokens }) => aboveInputTokens,
      })
      .map((tiers) => tiers.sort((a, b) => a.aboveInputTokens - b.aboveInputTokens)),
  }),
  nanosPerRequest: fc.bigInt({ min: 0n, max: 10_000_000n }),
  multiplierPpm: fc.bigInt({ min: 50_000n, max: 10_000_000n }),
  feeBps: fc.constant(500n),
})

/** `total` tokens spread over classes as a provider might report them. */
function spread(total: number, cuts: readonly number[]): number[] {
  const ends = [0, ...cuts.map((cut) => cut % (total + 1)).sort((a, b) => a - b), total]
  return ends.slice(1).map((end, at) => end - (ends[at] as number))
}

test('what a served request costs lies within its estimate, whatever was cached and however long the answer', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ maxLength: 80, unit: 'grapheme' }), { minLength: 1, maxLength: 6 }),
      snapshots,
      fc.array(fc.nat(), { minLength: 4, maxLength: 4 }),
      fc.integer({ min: 1, max: 500 }),
      fc.nat(),
      (texts, price, cuts, maxOutputTokens, drawn) => {
        const request = chatRequest.parse({
          model: 'test/model',
          messages: texts.map((content) => ({ role: 'user', content })),
        })
        const prompt = rangeOf(request)
        expect(prompt.exact).toBe(true)
        const [uncachedInput = 0, cacheRead = 0, cacheWrite5m = 0, cacheWrite1h = 0, audioInput = 0] = spread(
          countPrompt(request, testModel.tokenizer),
          cuts,
        )
        const [output = 0, audioOutput = 0] = spread(1 + (drawn % maxOutputTokens), [drawn])
        const usage = {
          uncachedInput,
          cacheRead,
          cacheWrite5m,
          cacheWrite1h,
          audioInput,
          output,
          audioOutput,
        }
        const bill = priceUsage({ ...noUsage, ...usage }, price)
        const { minNanos, maxNanos } = costRange({ prompt, maxOutputTokens, price })
        expect(bill).toBeGreaterThanOrEqual(minNanos)
        expect(bill).toBeLessThanOrEqual(maxNanos)
      },
    ),
    { numRuns: 300 },
  )
})

test('where the count is not exact the range holds every count from its least to its most', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 400 }),
      fc.integer({ min: 0, max: 400 }),
      snapshots,
      fc.nat(),
      fc.integer({ min: 1, max: 50 }),
      (least, more, price, drawn, output) => {
        const prompt = { least, most: least + more }
        const uncachedInput = least + (drawn % (more + 1))
        const bill = priceUsage({ ...noUsage, uncachedInput, output }, price)
        const { minNanos, maxNanos } = costRange({ prompt, maxOutputTokens: 50, price })
        expect(bill >= minNanos && bill <= maxNanos).toBe(true)
      },
    ),
  )
})

test('only plain text of a public tokenizer is counted exactly', () => {
  const exact = (request: ChatRequest, model = testModel) => rangeOf(request, model).exact
  expect(exact(ask('How are you?'))).toBe(true)
  expect(exact(ask('How are you?'), { ...testModel, tokenizer: 'approximate' })).toBe(false)
  expect(exact(ask('x '.repeat(20_000)))).toBe(false)
  expect(exact(ask('Hi', { tools: [{ type: 'function', function: { name: 'now' } }] }))).toBe(false)
  const image = { type: 'image_url', image_url: { url: 'https://example.test/a.png' } }
  expect(exact(ask([image]))).toBe(false)
  expect(rangeOf(ask([image])).least).toBeLessThanOrEqual(85)
})

const price = {
  table: {
    base: {
      uncachedInput: 2_000_000n,
      cacheRead: 1_000_000n,
      cacheWrite5m: 2_500_000n,
      cacheWrite1h: 2_500_000n,
      audioInput: 2_000_000n,
      output: 8_000_000n,
      audioOutput: 8_000_000n,
    },
    tiers: [],
  },
  nanosPerRequest: 1_000n,
  multiplierPpm: 500_000n,
  feeBps: 0n,
}

test('the range is from a cached prompt and one token to what is held, and the price per request is in it', () => {
  const prompt = { least: 100, most: 120 }
  expect(costRange({ prompt, maxOutputTokens: 50, expectedOutputTokens: 10, price })).toEqual({
    minNanos: (100n * 1_000n + 8_000n + 1_000n) / 2n,
    expectedNanos: (100n * 2_000n + 10n * 8_000n + 1_000n) / 2n,
    maxNanos: (120n * 2_500n + 50n * 8_000n + 1_000n) / 2n,
  })
})

test('the caller’s own limit bounds the range', () => {
  const prompt = { least: 100, most: 120 }
  const { maxNanos } = costRange({ prompt, maxOutputTokens: 50, maxCostNanos: 100_000n, price })
  expect(maxNanos).toBe(100_000n)
})
