import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { RouteRequest } from './choice.ts'
import { choose, exclusionOf, placeBits } from './choose.ts'
import { type DensePool, densify, type Pool, type PoolOffer } from './pool.ts'
import { MAX_RANKED } from './rank.ts'

const usual: Omit<PoolOffer, 'id' | 'listing'> = {
  seller: 'seller',
  provider: 'openai',
  format: 'openai',
  price: [1e12, 2e12, 0],
  standing: 'usable',
  headroom: 20,
  share: 20,
  reputation: 20,
  proven: true,
  refuses: 0,
  ignores: 0,
}

/** A pool of offers at `usd` per million prompt tokens and twice that per million of the answer. */
function poolOf(specs: Record<string, Partial<PoolOffer> & { usd?: number }>): DensePool {
  const offers = Object.entries(specs).map(([name, { usd = 1, ...spec }]) => ({
    ...usual,
    id: `${name}:test/model`,
    listing: name,
    price: [usd * 1e12, usd * 2e12, 0] as const,
    ...spec,
  }))
  return densify({ model: 'test/model', offers })
}

const asked: RouteRequest = { inputTokens: 100, outputTokens: 100, policy: {}, asks: 0 }

function ranked(pool: DensePool, seed: string, change: Partial<RouteRequest> = {}): string[] {
  const { ranked: indices } = choose(pool, { ...asked, ...change }, seed)
  return indices.map((index) => pool.pool.offers[index]?.listing ?? '')
}

/** How often each listing comes first in 20,000 draws. */
function shares(pool: DensePool, change: Partial<RouteRequest> = {}): Record<string, number> {
  const counts: Record<string, number> = {}
  for (let draw = 0; draw < 20_000; draw += 1) {
    const first = ranked(pool, `gen-${draw}`, change)[0] ?? ''
    counts[first] = (counts[first] ?? 0) + 1 / 20_000
  }
  return counts
}

test('the same request on the same market is ranked the same way', () => {
  const pool = poolOf({ a: {}, b: {}, c: {}, d: {} })
  expect(ranked(pool, 'gen-1')).toEqual(ranked(pool, 'gen-1'))
  const orders = new Set(Array.from({ length: 50 }, (_, draw) => ranked(pool, `gen-${draw}`).join()))
  expect(orders.size).toBeGreaterThan(5)
})

test('a listing at twice the price gets a quarter of the draws of the other', () => {
  const { a = 0, b = 0 } = shares(poolOf({ a: {}, b: { usd: 2 } }))
  expect(a / b).toBeGreaterThan(3.6)
  expect(a / b).toBeLessThan(4.4)
})

test('half the headroom, half the health, or half the reputation is half the draws', () => {
  const pool = poolOf({ a: {}, b: { headroom: 10 }, c: { share: 10 }, d: { reputation: 10 } })
  const { a = 0, b = 0, c = 0, d = 0 } = shares(pool)
  expect(a).toBeCloseTo(0.4, 1)
  for (const half of [b, c, d]) expect(half).toBeCloseTo(0.2, 1)
})

test('fallbacks are drawn by weight from those that are left', () => {
  const pool = poolOf({ a: { usd: 0.1 }, b: {}, c: { usd: 2 } })
  let second = 0
  for (let draw = 0; draw < 5_000; draw += 1) if (ranked(pool, `gen-${draw}`)[1] === 'b') second += 1
  // a is nearly always first; then b beats c four to one.
  expect(second / 5_000).toBeGreaterThan(0.75)
  expect(second / 5_000).toBeLessThan(0.85)
})

const sorts = fc.constantFrom(
  'balanced' as const,
  'price' as const,
  'throughput' as const,
  'latency' as const,
)

test('every ranking is a choice of distinct offers that may serve, at most twenty, whatever the weights', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ usd: fc.double({ min: 0, max: 1e6, noNaN: true }), proven: fc.boolean() }), {
        maxLength: 60,
      }),
      fc.string(),
      sorts,
      (specs, seed, sort) => {
        const pool = poolOf(Object.fromEntries(specs.map((spec, index) => [`l${index}`, spec])))
        const names = ranked(pool, seed, { policy: { sort } })
        expect(names.length).toBe(Math.min(specs.length, MAX_RANKED))
        expect(new Set(names).size).toBe(names.length)
      },
    ),
  )
})

test('sorted by price, the cheapest band comes first and headroom decides inside it', () => {
  const pool = poolOf({
    dear: { usd: 1.2 },
    full: { headroom: 2 },
    roomy: { usd: 1.04, headroom: 18 },
    next: { usd: 1.06 },
  })
  for (let draw = 0; draw < 20; draw += 1)
    expect(ranked(pool, `gen-${draw}`, { policy: { sort: 'price' } })).toEqual([
      'roomy',
      'full',
      'next',
      'dear',
    ])
})

test('sorted by price, equals share the traffic', () => {
  const { a = 0, b = 0 } = shares(poolOf({ a: {}, b: {} }), { policy: { sort: 'price' } })
  expect(a).toBeCloseTo(0.5, 1)
  expect(b).toBeCloseTo(0.5, 1)
})

test('sorted by speed, the fastest known comes first and the unknown last', () => {
  const pool = poolOf({
    unknown: {},
    slow: { tokensPerS: 20, ttftMs: 100 },
    fast: { tokensPerS: 90, ttftMs: 900 },
  })
  expect(ranked(pool, 'gen-1', { policy: { sort: 'throughput' } })).toEqual(['fast', 'slow', 'unknown'])
  expect(ranked(pool, 'gen-1', { policy: { sort: 'latency' } })).toEqual(['slow', 'fast', 'unknown'])
})

test('a free offer is very cheap and leaves the order defined', () => {
  const pool = poolOf({ free: { usd: 0 }, paid: {} })
  expect(shares(pool).free).toBeGreaterThan(0.99)
  expect(ranked(pool, 'gen-1', { policy: { sort: 'price' } })).toEqual(['free', 'paid'])
})

test('what a request is expected to cost follows its size and its tier', () => {
  const pool = poolOf({
    tiered: { usd: 1, tiers: [[1_000, 9e12, 18e12]] },
    flat: { usd: 2 },
  })
  const cheapest = (inputTokens: number) => ranked(pool, 'x', { inputTokens, policy: { sort: 'price' } })[0]
  expect(cheapest(1_000)).toBe('tiered')
  expect(cheapest(1_001)).toBe('flat')
})

test('a per-request price makes small requests dear and large ones cheap', () => {
  const pool = poolOf({ flat: { price: [0, 0, 1e16] }, metered: { usd: 1 } })
  const cheapest = (outputTokens: number) =>
    ranked(pool, 'x', { inputTokens: 0, outputTokens, policy: { sort: 'price' } })[0]
  expect(cheapest(100)).toBe('metered')
  expect(cheapest(1_000_000)).toBe('flat')
})

test('newcomers together get two in a hundred requests, however cheap and however many they are', () => {
  const cheap = Object.fromEntries(
    Array.from({ length: 10 }, (_, index) => [`new${index}`, { usd: 0.1, proven: false }]),
  )
  const pool = poolOf({ known: {}, other: { usd: 1.02 }, ...cheap })
  for (const sort of ['balanced', 'price'] as const) {
    const { known = 0, other = 0 } = shares(pool, { policy: { sort } })
    expect(1 - known - other).toBeGreaterThan(0.014)
    expect(1 - known - other).toBeLessThan(0.026)
  }
})

test('where everybody is new, newness costs nobody anything', () => {
  const { a = 0, b = 0 } = shares(poolOf({ a: { proven: false }, b: { proven: false } }))
  expect(a).toBeCloseTo(0.5, 1)
  expect(b).toBeCloseTo(0.5, 1)
})

test('a conversation stays with the offer that has its prompt in the cache, until that is unwell or much dearer', () => {
  const pool = poolOf({ a: {}, b: { usd: 1.4 }, c: { usd: 1.6 }, d: { standing: 'probe' } })
  for (let draw = 0; draw < 20; draw += 1) {
    expect(ranked(pool, `gen-${draw}`, { stickyTo: 'b:test/model' })[0]).toBe('b')
    expect(choose(pool, { ...asked, stickyTo: 'b:test/model' }, `gen-${draw}`).by).toBe('sticky')
  }
  const firsts = (stickyTo: string) =>
    new Set(Array.from({ length: 100 }, (_, draw) => ranked(pool, `gen-${draw}`, { stickyTo })[0]))
  expect(firsts('c:test/model')).toContain('a')
  expect(firsts('d:test/model')).toContain('a')
  expect(firsts('gone:test/model')).toContain('a')
})

test('an order is followed as far as it goes; the rest follows where fallbacks are allowed', () => {
  const pool = poolOf({ a: {}, b: { provider: 'azure' }, c: { provider: 'groq' }, d: { seller: 'one' } })
  const order = ['c', 'AZURE', 'one']
  for (let draw = 0; draw < 20; draw += 1) {
    expect(ranked(pool, `gen-${draw}`, { policy: { order } })).toEqual(['c', 'b', 'd', 'a'])
    expect(ranked(pool, `gen-${draw}`, { policy: { order, allowFallbacks: false } })).toEqual(['c', 'b', 'd'])
  }
  expect(choose(pool, { ...asked, policy: { order, allowFallbacks: false } }, 'x').excluded).toEqual({
    policy_order: 1,
  })
})

test('who is left out is told why, one reason each', () => {
  const pool = poolOf({
    good: {},
    other: { provider: 'groq' },
    dear: { usd: 9 },
    blind: { refuses: 0b1000 },
    deaf: { ignores: 0b1_0000_0000_0000_00 },
    small: { mostTokens: 150 },
    busy: {},
    open: { standing: 'breaker_open' },
    cooling: { standing: 'cooling' },
    spent: { standing: 'day_limit' },
  })
  const request: RouteRequest = {
    ...asked,
    policy: { only: ['openai'], requireParameters: true, maxPrice: { prompt: '2' } },
    asks: 0b1000 | 0b1_0000_0000_0000_00,
    full: placeBits(pool.size, [6]),
  }
  const choice = choose(pool, request, 'gen-1')
  expect(choice.ranked).toEqual([0])
  expect(choice.excluded).toEqual({
    policy_only: 1,
    policy_max_price: 1,
    feature_missing: 1,
    parameter_unused: 1,
    too_large: 1,
    full: 1,
    breaker_open: 1,
    cooling: 1,
    day_limit: 1,
  })
  const reasons = pool.pool.offers.map((_, index) => exclusionOf(pool, index, request))
  expect(reasons[0]).toBeUndefined()
  expect(reasons.slice(1).every((reason) => reason !== undefined)).toBe(true)
})

test('a stored pool decides as the one it was stored from', () => {
  const offer = fc.record({
    usd: fc.double({ min: 0, max: 1e4, noNaN: true }),
    headroom: fc.integer({ min: 0, max: 20 }),
    reputation: fc.integer({ min: 1, max: 20 }),
    proven: fc.boolean(),
    standing: fc.constantFrom('usable' as const, 'probe' as const, 'ejected' as const, 'cooling' as const),
    tokensPerS: fc.integer({ min: 1, max: 500 }),
  })
  fc.assert(
    fc.property(fc.array(offer, { maxLength: 40 }), fc.string(), sorts, (specs, seed, sort) => {
      const pool = poolOf(Object.fromEntries(specs.map((spec, index) => [`l${index}`, spec])))
      const again = densify(JSON.parse(JSON.stringify(pool.pool)) as Pool)
      const request = { ...asked, policy: { sort } }
      expect(choose(again, JSON.parse(JSON.stringify(request)), seed)).toEqual(choose(pool, request, seed))
      expect(again.id).toBe(pool.id)
    }),
  )
})
