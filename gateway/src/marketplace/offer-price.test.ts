import fc from 'fast-check'
import { expect, test } from 'vitest'
import { makeOffer } from '../../test/support/market.ts'
import type { Offer } from './offer.ts'
import { announcedPrice, fillStepOf, nextChangeMs, priceNow } from './offer-price.ts'
import { type PlainRule, type PriceRule, priceRule } from './price-rule.ts'
import { compilePrices, type PriceVersion } from './price-versions.ts'

const list = {
  base: {
    uncachedInput: 150_000n,
    cacheRead: 75_000n,
    cacheWrite5m: 150_000n,
    cacheWrite1h: 150_000n,
    audioInput: 150_000n,
    output: 600_000n,
    audioOutput: 600_000n,
  },
  tiers: [],
}
const fixed: PlainRule = { kind: 'fixed', perMTok: { input: '1', output: '2' }, perRequest: '0.001' }
const half: PlainRule = { kind: 'multiplier', ppm: 500_000 }
const NOON = Date.UTC(2026, 0, 7, 12)
const HOUR_MS = 3_600_000

function offerOf(...versions: [PriceVersion, ...PriceVersion[]]): Offer {
  const schedule = compilePrices(versions, list, 500n)
  return Object.freeze({ ...makeOffer('a'), price: schedule.at(NOON, 0).price, schedule })
}

function scheduled(change: Partial<Extract<PriceRule, { kind: 'scheduled' }>>): PriceRule {
  return priceRule.parse({ kind: 'scheduled', base: half, ...change })
}

const version = (rule: PriceRule, number = 1, fromMs = 0): PriceVersion => ({ version: number, rule, fromMs })
const evening = { from: '18:00', to: '22:00', timeZone: 'UTC', price: fixed }

test('an offer with one price is the same object at every time and fill', () => {
  const offer = makeOffer('a')
  expect(priceNow(offer, { nowMs: NOON, fillStep: 20 })).toBe(offer)
  expect(nextChangeMs(offer, NOON)).toBeUndefined()
})

test('an announced price holds from its moment on, without anybody reading anything', () => {
  const offer = offerOf(version(half), version(fixed, 2, NOON + 300_000))
  const at = (ms: number) => priceNow(offer, { nowMs: NOON + ms, fillStep: 0 })
  expect(at(0)).toBe(offer)
  expect(at(299_999).price.version).toBe(1)
  expect(announcedPrice(offer, NOON)).toMatchObject({ version: 2, fromMs: NOON + 300_000 })
  expect(nextChangeMs(offer, NOON)).toBe(NOON + 300_000)
  const after = at(300_000)
  expect(after).toMatchObject({ id: offer.id, price: { version: 2, nanosPerRequest: 1_000_000n } })
  expect(announcedPrice(offer, NOON + 300_000)).toBeUndefined()
  expect(nextChangeMs(offer, NOON + 300_000)).toBeUndefined()
  // A clock that is set back finds the old price again, and a first version holds from ever.
  expect(at(0)).toBe(offer)
  expect(at(-2 * NOON)).toBe(offer)
})

test('in its windows a price is another one, and outside them the base', () => {
  const offer = offerOf(version(scheduled({ windows: [evening] })))
  const at = (hour: number) => priceNow(offer, { nowMs: NOON + (hour - 12) * HOUR_MS, fillStep: 0 }).price
  expect(at(12)).toMatchObject({ table: list, multiplierPpm: 500_000n, version: 1 })
  expect(at(18)).toMatchObject({ nanosPerRequest: 1_000_000n, multiplierPpm: 1_000_000n })
  expect(at(22)).toBe(at(12))
  expect(nextChangeMs(offer, NOON)).toBe(NOON + 6 * HOUR_MS)
})

test('the same price is the same object every time, also when a variant is asked', () => {
  const offer = offerOf(
    version(scheduled({ windows: [evening], load: { floorPpm: 1_000_000, ceilingPpm: 2_000_000 } })),
    version(fixed, 2, NOON + 24 * HOUR_MS),
  )
  const seen = new Map<unknown, Offer>()
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 48 * 60 }), fc.integer({ min: 0, max: 20 }), (minute, fillStep) => {
      const at = { nowMs: NOON + minute * 60_000, fillStep }
      const now = priceNow(offer, at)
      expect(seen.get(now.price) ?? now).toBe(now)
      seen.set(now.price, now)
      for (const variant of seen.values()) expect(priceNow(variant, at)).toBe(now)
      expect({ ...now, price: undefined }).toEqual({ ...offer, price: undefined })
    }),
  )
})

const ppm = fc.integer({ min: 50_000, max: 10_000_000 })
const plainRules: fc.Arbitrary<PlainRule> = fc.oneof(
  fc.record({ kind: fc.constant('multiplier' as const), ppm }),
  fc
    .tuple(fc.integer({ min: 0, max: 1_000_000 }), fc.integer({ min: 0, max: 1_000_000 }))
    .map(([input, output]) => ({
      kind: 'fixed' as const,
      perMTok: { input: (input / 1_000).toFixed(3), output: (output / 1_000).toFixed(3) },
      perRequest: '0.000001',
    })),
)
const loads = fc.tuple(ppm, ppm).map(([a, b]) => ({ floorPpm: Math.min(a, b), ceilingPpm: Math.max(a, b) }))

test('a price that follows the load never falls as the listing fills, and stays between floor and ceiling', () => {
  let accepted = 0
  fc.assert(
    fc.property(plainRules, loads, (base, load) => {
      const rule = { kind: 'scheduled' as const, base, load }
      if (!priceRule.safeParse(rule).success) return
      accepted += 1
      const offer = offerOf(version(rule))
      const plain = compilePrices([version(base)], list, 500n).at(NOON, 0).price
      const steps = Array.from(
        { length: 21 },
        (_, fillStep) => priceNow(offer, { nowMs: NOON, fillStep }).price,
      )
      const scaled = plain.multiplierPpm * 1_000_000n
      for (const [step, { multiplierPpm, nanosPerRequest, table }] of steps.entries()) {
        expect(multiplierPpm).toBeGreaterThanOrEqual(steps[step - 1]?.multiplierPpm ?? 50_000n)
        expect({ nanosPerRequest, table }).toEqual({
          nanosPerRequest: plain.nanosPerRequest,
          table: plain.table,
        })
        // Within one part per million of the list price, upwards: the one rounding.
        expect(multiplierPpm * 1_000_000n).toBeGreaterThanOrEqual(
          (scaled / 1_000_000n) * BigInt(load.floorPpm),
        )
        expect((multiplierPpm - 1n) * 1_000_000n).toBeLessThan(
          (scaled / 1_000_000n) * BigInt(load.ceilingPpm),
        )
      }
    }),
    { numRuns: 500 },
  )
  expect(accepted).toBeGreaterThan(50)
})

test('with a floor of one the price of an idle listing is exactly its base', () => {
  fc.assert(
    fc.property(plainRules, ppm, (base, ceilingPpm) => {
      const rule = { kind: 'scheduled' as const, base, load: { floorPpm: 1_000_000, ceilingPpm } }
      if (!priceRule.safeParse(rule).success) return
      expect(compilePrices([version(rule)], list, 0n).at(NOON, 0).price).toEqual(
        compilePrices([version(base)], list, 0n).at(NOON, 0).price,
      )
    }),
  )
})

test('a load that would leave the bounds of a price is refused', () => {
  const isRule = (rule: unknown) => priceRule.safeParse(rule).success
  const load = { floorPpm: 500_000, ceilingPpm: 2_000_000 }
  expect(isRule({ kind: 'scheduled', base: { kind: 'multiplier', ppm: 100_000 }, load })).toBe(true)
  expect(isRule({ kind: 'scheduled', base: { kind: 'multiplier', ppm: 99_999 }, load })).toBe(true)
  expect(isRule({ kind: 'scheduled', base: { kind: 'multiplier', ppm: 99_998 }, load })).toBe(false)
  expect(isRule({ kind: 'scheduled', base: { kind: 'multiplier', ppm: 5_000_001 }, load })).toBe(false)
  const dear: PlainRule = { kind: 'fixed', perMTok: { input: '1', output: '6000' } }
  expect(isRule({ kind: 'scheduled', base: dear, load })).toBe(false)
  expect(isRule({ kind: 'scheduled', base: half, load, windows: [{ ...evening, price: dear }] })).toBe(false)
})

test.each([
  ['nothing over its base', {}],
  ['no windows in its list', { windows: [] }],
  ['a floor above its ceiling', { load: { floorPpm: 2_000_000, ceilingPpm: 1_000_000 } }],
  ['a ceiling without a floor', { load: { ceilingPpm: 1_000_000 } }],
  ['an hour that is none', { windows: [{ ...evening, from: '24:00' }] }],
  ['a window without a length', { windows: [{ ...evening, to: '18:00' }] }],
  ['a day that is none', { windows: [{ ...evening, days: ['someday'] }] }],
  ['a day twice', { windows: [{ ...evening, days: ['mon', 'mon'] }] }],
  ['no days in its list', { windows: [{ ...evening, days: [] }] }],
  ['a zone that is none', { windows: [{ ...evening, timeZone: 'Mars/Olympus' }] }],
  ['windows that overlap', { windows: [evening, { ...evening, from: '21:59', to: '23:00' }] }],
  ['windows in a window', { windows: [{ ...evening, price: { kind: 'scheduled', base: half } }] }],
  [
    'too many windows',
    {
      windows: Array.from({ length: 49 }, (_, at) => ({
        ...evening,
        from: `00:${String(at).padStart(2, '0')}`,
        to: `00:${String(at + 1).padStart(2, '0')}`,
      })),
    },
  ],
])('a schedule with %s is no price', (_what, change) => {
  expect(priceRule.safeParse({ kind: 'scheduled', base: half, ...change }).success).toBe(false)
})

test('fill comes in steps of five percent', () => {
  expect([0, 0.049, 0.05, 0.15, 0.5, 0.999, 1, 1.2, -1, Number.NaN].map(fillStepOf)).toEqual([
    0, 0, 1, 3, 10, 19, 20, 20, 0, 0,
  ])
  const offer = offerOf(version(scheduled({ load: { floorPpm: 1_000_000, ceilingPpm: 2_000_000 } })))
  const at = (fillStep: number) => priceNow(offer, { nowMs: NOON, fillStep })
  expect([at(-3), at(Number.NaN), at(99), at(3.7)]).toEqual([at(0), at(0), at(20), at(3)])
})
