import fc from 'fast-check'
import { expect, test } from 'vitest'
import { priceNow } from '../src/marketplace/offer-price.ts'
import { type PriceRule, priceRule } from '../src/marketplace/price-rule.ts'
import { compilePrices } from '../src/marketplace/price-versions.ts'
import { priceUsage, worstCase } from '../src/metering/price-usage.ts'
import { makeOffer } from './support/market.ts'

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
const usage = {
  uncachedInput: 1_000,
  cacheRead: 10,
  cacheWrite5m: 0,
  cacheWrite1h: 0,
  audioInput: 0,
  output: 500,
  audioOutput: 0,
  reasoning: 0,
}
const NOON = Date.UTC(2026, 0, 7, 12)
const HOUR_MS = 3_600_000
const fixed = { kind: 'fixed', perMTok: { input: '1', output: '2' }, perRequest: '0.001' }
const half = { kind: 'multiplier', ppm: 500_000 }
const evening = { from: '18:00', to: '22:00', timeZone: 'UTC', price: fixed }

function offerOf(rule: PriceRule) {
  const schedule = compilePrices([{ version: 1, rule, fromMs: 0 }], list, 500n)
  return Object.freeze({ ...makeOffer('a'), price: schedule.at(NOON, 0).price, schedule })
}

function scheduled(change: object): PriceRule {
  return priceRule.parse({ kind: 'scheduled', base: half, ...change })
}

test('windows and load together: the load moves whichever price the window says', () => {
  const rule = scheduled({ windows: [evening], load: { floorPpm: 1_000_000, ceilingPpm: 1_500_000 } })
  const offer = offerOf(rule)
  const costAt = (hour: number, fillStep: number) =>
    priceUsage(usage, priceNow(offer, { nowMs: NOON + (hour - 12) * HOUR_MS, fillStep }).price)
  // 1,000 + 10 prompt tokens and 500 of the answer: at half the list price, and at $1, $2 and a tenth of a cent.
  const base = (1_000n * 150_000n + 10n * 75_000n + 500n * 600_000n) / 2_000n
  const inWindow = 1_010n * 1_000n + 500n * 2_000n + 1_000_000n
  expect([costAt(12, 0), costAt(12, 20)]).toEqual([base, (base * 3n + 1n) / 2n])
  expect([costAt(19, 0), costAt(19, 10), costAt(19, 20)]).toEqual([
    inWindow,
    (inWindow * 5n) / 4n,
    (inWindow * 3n) / 2n,
  ])
})

test('what is held at a price covers what is billed at it, at every step of fill', () => {
  const offer = offerOf(scheduled({ load: { floorPpm: 333_333, ceilingPpm: 1_777_777 } }))
  for (let fillStep = 0; fillStep <= 20; fillStep += 1) {
    const { price } = priceNow(offer, { nowMs: NOON, fillStep })
    const held = worstCase({ inputTokens: 1_010, maxOutputTokens: 500, price })
    expect(held).toBeGreaterThanOrEqual(priceUsage(usage, price))
  }
})

const tokens = fc.integer({ min: 0, max: 200_000 })

test('a buyer never pays less for coming to a fuller listing, and never below nothing', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 100_000, max: 5_000_000 }),
      fc.integer({ min: 500_000, max: 2_000_000 }),
      tokens,
      tokens,
      (ppm, floorPpm, uncachedInput, output) => {
        const load = { floorPpm, ceilingPpm: 2_000_000 }
        const offer = offerOf(scheduled({ base: { kind: 'multiplier', ppm }, load }))
        const used = { ...usage, uncachedInput, output }
        const costs = Array.from({ length: 21 }, (_, fillStep) =>
          priceUsage(used, priceNow(offer, { nowMs: NOON, fillStep }).price),
        )
        expect(costs[0]).toBeGreaterThanOrEqual(0n)
        for (const [step, cost] of costs.entries()) expect(cost).toBeGreaterThanOrEqual(costs[step - 1] ?? 0n)
      },
    ),
  )
})
