import { calcPrice, findProvider } from '@pydantic/genai-prices'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type PriceTable, tokenClasses } from '../../src/catalog/price.ts'
import { picosFromUsdPerMTok, pricesAt, readGenaiPrices } from '../../src/catalog/read-genai-prices.ts'
import { inputTokens, outputTokens, type Usage } from '../../src/providers/usage.ts'

const NOW = Date.parse('2026-09-15T12:00:00Z')
const providers = [
  'openai',
  'anthropic',
  'google',
  'mistral',
  'deepseek',
  'x-ai',
  'moonshotai',
  'groq',
  'together',
  'cohere',
  'zai',
  'minimax',
]
const everyModel = providers.flatMap((provider) =>
  readGenaiPrices(provider, NOW).map((model) => ({ provider, model })),
)
const sellable = everyModel.filter(({ model }) => model.listPrice !== undefined)

/** Exact price in pico-dollars, written apart from the code that bills. */
function picosOf(table: PriceTable, usage: Usage): bigint {
  const tier = [...table.tiers]
    .reverse()
    .find(({ aboveInputTokens }) => inputTokens(usage) > aboveInputTokens)
  const prices = tier?.prices ?? table.base
  return tokenClasses.reduce((sum, name) => sum + BigInt(usage[name]) * prices[name], 0n)
}

test('dollars per million tokens become the exact integer of pico-dollars per token', () => {
  expect(picosFromUsdPerMTok(0.15)).toEqual({ picos: 150_000n, roundedUp: false })
  expect(picosFromUsdPerMTok(3)).toEqual({ picos: 3_000_000n, roundedUp: false })
  expect(picosFromUsdPerMTok(0.003625)).toEqual({ picos: 3_625n, roundedUp: false })
  expect(picosFromUsdPerMTok(0.1 + 0.2)).toEqual({ picos: 300_001n, roundedUp: true })
  expect(picosFromUsdPerMTok(1e-7)).toEqual({ picos: 1n, roundedUp: true })
  expect(picosFromUsdPerMTok(1e21)).toEqual({ picos: 10n ** 27n, roundedUp: false })
  expect(() => picosFromUsdPerMTok(-1)).toThrow(RangeError)
  expect(() => picosFromUsdPerMTok(Number.NaN)).toThrow(RangeError)
})

test('every price that has at most six decimals survives the way through a JavaScript number', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 9_000_000_000n }), (picos) => {
      const text = `${picos / 1_000_000n}.${(picos % 1_000_000n).toString().padStart(6, '0')}`
      expect(picosFromUsdPerMTok(Number(text))).toEqual({ picos, roundedUp: false })
    }),
  )
})

test('our integers agree with the package within a nano-dollar for any usage of any model', () => {
  expect(sellable.length).toBeGreaterThan(250)
  const count = fc.integer({ min: 0, max: 400_000 })
  let compared = 0
  fc.assert(
    fc.property(
      fc.constantFrom(...sellable),
      fc.record({
        uncachedInput: count,
        cacheRead: count,
        cacheWrite5m: count,
        cacheWrite1h: count,
        audioInput: count,
        output: count,
        audioOutput: count,
      }),
      ({ provider, model }, counts) => {
        const usage: Usage = { ...counts, reasoning: 0 }
        const keys = Object.keys(
          findProvider({ providerId: provider })?.models.find(({ id }) => id === model.id)?.prices ?? {},
        )
        // The package refuses audio with cache counts it cannot tell apart; each is priced where it has a price.
        if (!keys.includes('input_audio_mtok')) usage.audioInput = 0
        if (!keys.includes('output_audio_mtok')) usage.audioOutput = 0
        const theirs = calcPrice(
          {
            input_tokens: inputTokens(usage),
            cache_read_tokens: usage.cacheRead,
            cache_write_tokens: usage.cacheWrite5m + usage.cacheWrite1h,
            cache_write_1h_tokens: usage.cacheWrite1h,
            input_audio_tokens: usage.audioInput,
            cache_audio_read_tokens: 0,
            output_tokens: outputTokens(usage),
            output_audio_tokens: usage.audioOutput,
          },
          model.id,
          { providerId: provider, timestamp: new Date(NOW) },
        )
        // Another entry may match this id first; then there is nothing to compare.
        if (theirs?.model.id !== model.id) return
        const ourNanos = Number(picosOf(model.listPrice as PriceTable, usage)) / 1_000
        compared += 1
        // Their floats are exact to about 15 digits: a nano-dollar, or that much of a large sum.
        expect(Math.abs(ourNanos - theirs.total_price * 1e9)).toBeLessThanOrEqual(
          Math.max(1, ourNanos * 1e-12),
        )
      },
    ),
    { numRuns: 2_000 },
  )
  expect(compared).toBeGreaterThan(1_500)
})

test('a model without a price, or with prices we cannot meter, is not sellable', () => {
  const unpriced = everyModel.filter(({ model }) => model.listPrice === undefined)
  const byId = new Map(unpriced.map(({ provider, model }) => [`${provider}/${model.id}`, model.notes.join()]))
  expect(byId.get('google/gemma-3')).toContain('no price')
  expect(byId.get('openai/text-embedding-3-small')).toContain('no price for input or output')
  expect(byId.get('google/gemini-3-pro-image-preview')).toContain('output_image_mtok')
  for (const { model } of sellable) {
    expect(model.listPrice?.base.uncachedInput).toBeGreaterThanOrEqual(0n)
    expect(
      (model.listPrice?.base.uncachedInput ?? 0n) + (model.listPrice?.base.output ?? 0n),
    ).toBeGreaterThan(0n)
  }
})

test('a class without a price of its own costs what the dearer sensible class costs', () => {
  const base = readGenaiPrices('openai', NOW).find(({ id }) => id === 'gpt-5-pro')?.listPrice?.base
  expect(base).toEqual({
    uncachedInput: 15_000_000n,
    cacheRead: 15_000_000n,
    cacheWrite5m: 15_000_000n,
    cacheWrite1h: 15_000_000n,
    audioInput: 15_000_000n,
    output: 120_000_000n,
    audioOutput: 120_000_000n,
  })
})

test('tiers of several classes become one table that replaces the base as a whole', () => {
  const table = readGenaiPrices('anthropic', NOW).find(({ id }) => id === 'claude-sonnet-4-5')?.listPrice
  expect(table?.tiers.map(({ aboveInputTokens }) => aboveInputTokens)).toEqual([200_000])
  expect(table?.base).toMatchObject({
    uncachedInput: 3_000_000n,
    cacheWrite1h: 6_000_000n,
    output: 15_000_000n,
  })
  expect(table?.tiers[0]?.prices).toMatchObject({
    uncachedInput: 6_000_000n,
    cacheWrite1h: 12_000_000n,
    output: 22_500_000n,
  })
})

test('a price that changes by date or hour is the one that holds at the moment asked for', () => {
  const prices = [
    { prices: { input_mtok: 1 } },
    { constraint: { type: 'start_date' as const, start_date: '2026-01-01' }, prices: { input_mtok: 2 } },
    {
      constraint: { type: 'time_of_date' as const, start_time: '22:00:00Z', end_time: '02:00:00Z' },
      prices: { input_mtok: 3 },
    },
  ]
  const at = (time: string) => pricesAt(prices, Date.parse(time)).input_mtok
  expect(at('2025-12-31T12:00:00Z')).toBe(1)
  expect(at('2026-01-01T12:00:00Z')).toBe(2)
  expect(at('2026-01-01T21:59:59Z')).toBe(2)
  expect(at('2026-01-01T22:00:00Z')).toBe(3)
  expect(at('2026-01-02T01:59:59Z')).toBe(3)
  expect(at('2026-01-02T02:00:00Z')).toBe(2)
})

test('the choice among conditional prices is the package`s own at any time', () => {
  const conditional = ['openai', 'anthropic', 'google', 'mistral', 'deepseek'].flatMap((provider) =>
    (findProvider({ providerId: provider })?.models ?? []).flatMap((model) =>
      Array.isArray(model.prices) ? [{ provider, model }] : [],
    ),
  )
  expect(conditional.length).toBeGreaterThan(5)
  fc.assert(
    fc.property(
      fc.constantFrom(...conditional),
      fc.integer({ min: Date.parse('2025-01-01'), max: Date.parse('2027-12-31') }),
      ({ provider, model }, nowMs) => {
        const theirs = calcPrice({}, model.id, { providerId: provider, timestamp: new Date(nowMs) })
        if (theirs?.model.id !== model.id) return
        expect(pricesAt(model.prices, nowMs)).toEqual(theirs.model_price)
      },
    ),
  )
})

test('an unknown provider has no models', () => {
  expect(readGenaiPrices('nobody', NOW)).toEqual([])
})
