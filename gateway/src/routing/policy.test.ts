import { expect, test } from 'vitest'
import { makeMarket, makeOffer } from '../../test/support/market.ts'
import { worstCase } from '../metering/price-usage.ts'
import { formatId } from '../platform/ids.ts'
import { choose, exclusionOf } from './choose.ts'
import { narrowed, type RoutingPolicy } from './policy.ts'
import { attoPrices, densify } from './pool.ts'

const uuid = '0198c0de-0000-7000-8000-000000000001'
const seller = '0198c0de-0000-7000-8000-000000000002'
const offer = makeOffer(uuid, { provider: 'openai', usd: '0.5', sellerOrganisationId: seller })

function poolWith(price = offer.price) {
  return densify({
    model: 'test/model',
    offers: [
      {
        id: offer.id,
        listing: uuid,
        seller,
        provider: 'openai',
        format: 'openai',
        ...attoPrices(price),
        standing: 'usable',
        headroom: 20,
        share: 20,
        reputation: 20,
        proven: true,
        refuses: 0,
        ignores: 0,
      },
    ],
  })
}

const exclusion = (policy: RoutingPolicy, { inputTokens = 10, price = offer.price } = {}) =>
  exclusionOf(poolWith(price), 0, { inputTokens, outputTokens: 10, policy, asks: 0 })

test('only, ignore and order take providers, listings and sellers as people know them, and bare ids', () => {
  const known = ['openai', 'OpenAI', uuid, formatId('lst-', uuid), formatId('org-', seller), seller]
  for (const name of known) {
    expect(exclusion({ only: [name] })).toBeUndefined()
    expect(exclusion({ ignore: [name] })).toBe('policy_ignore')
    expect(exclusion({ order: [name], allowFallbacks: false })).toBeUndefined()
  }
  expect(exclusion({ only: ['anthropic'] })).toBe('policy_only')
  expect(exclusion({ only: [] })).toBe('policy_only')
  expect(exclusion({ ignore: ['anthropic'] })).toBeUndefined()
  expect(exclusion({ order: ['anthropic'], allowFallbacks: false })).toBe('policy_order')
})

test('a price at the limit passes, and a pico-dollar above does not', () => {
  expect(exclusion({ maxPrice: { prompt: '0.5', completion: '1' } })).toBeUndefined()
  expect(exclusion({ maxPrice: { prompt: '0.499999' } })).toBe('policy_max_price')
  expect(exclusion({ maxPrice: { completion: '0.999999' } })).toBe('policy_max_price')
  expect(exclusion({ maxPrice: {} })).toBeUndefined()
})

test('the limit is on what is billed: multiplier, tier and the price of a request included', () => {
  const prices = {
    uncachedInput: 1_000_000n,
    cacheRead: 1n,
    cacheWrite5m: 1n,
    cacheWrite1h: 1n,
    audioInput: 1n,
    output: 1n,
    audioOutput: 1n,
  }
  const price = {
    table: {
      base: prices,
      tiers: [{ aboveInputTokens: 200_000, prices: { ...prices, uncachedInput: 2_000_000n } }],
    },
    nanosPerRequest: 2_000_000n,
    multiplierPpm: 1_500_000n,
    feeBps: 0n,
  }
  const at = (inputTokens: number, prompt: string) =>
    exclusion({ maxPrice: { prompt } }, { inputTokens, price })
  expect(at(10, '1.5')).toBeUndefined()
  expect(at(10, '1.49')).toBe('policy_max_price')
  expect(at(200_001, '2.99')).toBe('policy_max_price')
  expect(at(200_001, '3')).toBeUndefined()
  expect(exclusion({ maxPrice: { request: '0.002' } }, { price })).toBeUndefined()
  expect(exclusion({ maxPrice: { request: '0.0019' } }, { price })).toBe('policy_max_price')
})

test("a request narrows its key's policy and never widens it", () => {
  const key: RoutingPolicy = {
    only: ['openai'],
    ignore: ['a'],
    maxPrice: { prompt: '1' },
    allowFallbacks: false,
  }
  expect(narrowed(key, undefined)).toBe(key)
  expect(narrowed(key, {})).toBe(key)
  const both = narrowed(key, {
    only: [uuid],
    ignore: ['b'],
    maxPrice: { prompt: '2', completion: '3' },
    allowFallbacks: true,
    sort: 'price',
  })
  expect(both).toEqual({
    only: ['openai'],
    alsoOnly: [uuid],
    ignore: ['a', 'b'],
    maxPrice: { prompt: '1', completion: '3' },
    allowFallbacks: false,
    sort: 'price',
  })
  expect(exclusion(both)).toBeUndefined()
  expect(exclusion(narrowed({ only: ['anthropic'] }, { only: [uuid] }))).toBe('policy_only')
  expect(exclusion(narrowed({ only: [uuid] }, { only: ['anthropic'] }))).toBe('policy_only')
})

test('a key that allows only those of its order keeps it, whatever order a request names', () => {
  const key: RoutingPolicy = { order: ['anthropic'], allowFallbacks: false }
  expect(exclusion(narrowed(key, { order: ['openai'] }))).toBe('policy_order')
  expect(
    exclusion(narrowed({ order: ['anthropic'] }, { order: ['openai'], allowFallbacks: false })),
  ).toBeUndefined()
})

test('max_cost leaves out whose dearest class it has no room for, because the maximum of the answer is made with that', () => {
  const flat = { ...offer.price.table.base, uncachedInput: 1_000n, output: 1_000n }
  const written = { ...flat, cacheWrite1h: 2_000n }
  const price = { ...offer.price, table: { base: written, tiers: [] } }
  const tiers = [{ aboveInputTokens: 50, prices: flat }]
  const tiered = { ...offer.price, table: { base: written, tiers } }
  // 100 tokens at 2 nano-dollars and one of the answer; above 50 tokens what was below may be billed all the same.
  for (const each of [price, tiered]) {
    const pool = poolWith(each)
    const request = { inputTokens: 100, outputTokens: 10, policy: {}, asks: 0, choices: 1 }
    const floor = Number(worstCase({ inputTokens: 100, maxOutputTokens: 1, price: each }))
    expect(exclusionOf(pool, 0, { ...request, maxCostNanos: floor })).toBeUndefined()
    expect(exclusionOf(pool, 0, { ...request, maxCostNanos: floor - 1 })).toBe('max_cost')
  }
})

test('a plan says who was left out by a policy, and for how much it would have been cheaper', () => {
  const market = makeMarket([makeOffer('cheap', { usd: '0.1' }), makeOffer('dear', { usd: '9' })])
  const plan = market.plan({ policy: { ignore: ['cheap'] } })
  expect(plan.offers.map(({ listingId }) => listingId)).toEqual(['dear'])
  const [decision] = plan.decisions
  expect(decision && choose(decision.dense, decision.request, decision.seed)).toEqual(decision?.choice)
})
