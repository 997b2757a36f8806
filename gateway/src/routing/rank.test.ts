import fc from 'fast-check'
import { expect, test } from 'vitest'
import { makeOffer } from '../../test/support/market.ts'
import { type Candidate, expectedPicos, MAX_RANKED, priceWeights, type Ranking, rank } from './rank.ts'

function candidates(
  specs: { name: string; usd?: string; headroom?: number; health?: number }[],
): Candidate[] {
  const offers = specs.map(({ name, usd = '1' }) => makeOffer(name, { usd }))
  const weights = priceWeights(offers)
  return offers.map((offer, index) => ({
    offer,
    priceWeight: weights[index] as number,
    headroom: specs[index]?.headroom ?? 1,
    health: specs[index]?.health ?? 1,
  }))
}

const ranking = (seed: string, sort: Ranking['sort'] = 'balanced'): Ranking => ({
  sort,
  seed,
  inputTokens: 100,
  outputTokens: 100,
})
const names = (offers: { listingId: string }[]) => offers.map(({ listingId }) => listingId)

/** How often each listing comes first in 20,000 draws. */
function shares(list: Candidate[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (let draw = 0; draw < 20_000; draw += 1) {
    const first = rank(list, ranking(`gen-${draw}`))[0]?.listingId ?? ''
    counts[first] = (counts[first] ?? 0) + 1 / 20_000
  }
  return counts
}

test('the same request on the same market is ranked the same way', () => {
  const list = candidates([{ name: 'a' }, { name: 'b' }, { name: 'c' }, { name: 'd' }])
  expect(rank(list, ranking('gen-1'))).toEqual(rank(list, ranking('gen-1')))
  const orders = new Set(
    Array.from({ length: 50 }, (_, draw) => names(rank(list, ranking(`gen-${draw}`))).join()),
  )
  expect(orders.size).toBeGreaterThan(5)
})

test('a listing at twice the price gets a quarter of the draws of the other', () => {
  const { a = 0, b = 0 } = shares(
    candidates([
      { name: 'a', usd: '1' },
      { name: 'b', usd: '2' },
    ]),
  )
  expect(a / b).toBeGreaterThan(3.6)
  expect(a / b).toBeLessThan(4.4)
})

test('half the headroom, or half the health, is half the draws', () => {
  const {
    a = 0,
    b = 0,
    c = 0,
  } = shares(candidates([{ name: 'a' }, { name: 'b', headroom: 0.5 }, { name: 'c', health: 0.5 }]))
  expect(a).toBeCloseTo(0.5, 1)
  expect(b).toBeCloseTo(0.25, 1)
  expect(c).toBeCloseTo(0.25, 1)
})

test('fallbacks are drawn by weight from those that are left', () => {
  const list = candidates([
    { name: 'a', usd: '0.1' },
    { name: 'b', usd: '1' },
    { name: 'c', usd: '2' },
  ])
  let second = 0
  for (let draw = 0; draw < 5_000; draw += 1)
    if (names(rank(list, ranking(`gen-${draw}`)))[1] === 'b') second += 1
  // a is nearly always first; then b beats c four to one.
  expect(second / 5_000).toBeGreaterThan(0.75)
  expect(second / 5_000).toBeLessThan(0.85)
})

test('every ranking is a choice of distinct candidates, at most twenty', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 60 }),
      fc.string(),
      fc.constantFrom('balanced' as const, 'price' as const),
      (count, seed, sort) => {
        const list = candidates(
          Array.from({ length: count }, (_, index) => ({ name: `l${index}`, usd: String(1 + (index % 7)) })),
        )
        const ranked = names(rank(list, ranking(seed, sort)))
        expect(ranked.length).toBe(Math.min(count, MAX_RANKED))
        expect(new Set(ranked).size).toBe(ranked.length)
      },
    ),
  )
})

test('sorted by price, the cheapest band comes first and headroom decides inside it', () => {
  const list = candidates([
    { name: 'dear', usd: '1.2', headroom: 1 },
    { name: 'full', usd: '1', headroom: 0.1 },
    { name: 'roomy', usd: '1.04', headroom: 0.9 },
    { name: 'next', usd: '1.06', headroom: 1 },
  ])
  for (let draw = 0; draw < 20; draw += 1) {
    expect(names(rank(list, ranking(`gen-${draw}`, 'price')))).toEqual(['roomy', 'full', 'next', 'dear'])
  }
})

test('sorted by price, equals share the traffic', () => {
  const list = candidates([{ name: 'a' }, { name: 'b' }])
  const firsts = Array.from(
    { length: 100 },
    (_, draw) => names(rank(list, ranking(`gen-${draw}`, 'price')))[0],
  )
  expect(firsts.filter((first) => first === 'a').length).toBeGreaterThan(30)
  expect(firsts.filter((first) => first === 'b').length).toBeGreaterThan(30)
})

test('a free offer is very cheap and leaves the order defined', () => {
  const list = candidates([{ name: 'free', usd: '0' }, { name: 'paid' }])
  expect(shares(list).free).toBeGreaterThan(0.99)
  expect(names(rank(list, ranking('gen-1', 'price')))).toEqual(['free', 'paid'])
})

test('what a request is expected to cost follows its size, its tier, the multiplier and the fee per request', () => {
  const prices = {
    uncachedInput: 1n,
    cacheRead: 1n,
    cacheWrite5m: 1n,
    cacheWrite1h: 1n,
    audioInput: 1n,
    output: 2n,
    audioOutput: 2n,
  }
  const offer = makeOffer('a')
  const price = {
    table: { base: prices, tiers: [{ aboveInputTokens: 100, prices: { ...prices, uncachedInput: 10n } }] },
    nanosPerRequest: 3n,
    multiplierPpm: 500_000n,
    feeBps: 0n,
  }
  expect(expectedPicos({ ...offer, price }, { inputTokens: 100, outputTokens: 10 })).toBe(60 + 3_000)
  expect(expectedPicos({ ...offer, price }, { inputTokens: 200, outputTokens: 10 })).toBe(1_010 + 3_000)
})
