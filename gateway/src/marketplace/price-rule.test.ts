import fc from 'fast-check'
import { expect, test } from 'vitest'
import { GatewayError } from '../platform/errors.ts'
import { type PriceRule, priceOf, priceRule } from './price-rule.ts'

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

test('a multiplier leaves the list price as it is and is applied once, when a request is priced', () => {
  expect(priceOf({ kind: 'multiplier', ppm: 900_000 }, list, 500n)).toEqual({
    table: list,
    nanosPerRequest: 0n,
    multiplierPpm: 900_000n,
    feeBps: 500n,
  })
})

test('a multiplier of an unknown list price is refused: nothing is ever free by mistake', () => {
  expect(() => priceOf({ kind: 'multiplier', ppm: 1_000_000 }, undefined, 0n)).toThrow(GatewayError)
})

test('fixed prices need no list price, and classes left out cost what they replace', () => {
  const rule: PriceRule = {
    kind: 'fixed',
    perMTok: { input: '0.15', output: '0.6', cacheRead: '0.0375', cacheWrite: '0.2' },
    perRequest: '0.001',
  }
  expect(priceOf(rule, undefined, 0n)).toEqual({
    table: {
      base: {
        uncachedInput: 150_000n,
        cacheRead: 37_500n,
        cacheWrite5m: 200_000n,
        cacheWrite1h: 200_000n,
        audioInput: 150_000n,
        output: 600_000n,
        audioOutput: 600_000n,
      },
      tiers: [],
    },
    nanosPerRequest: 1_000_000n,
    multiplierPpm: 1_000_000n,
    feeBps: 0n,
  })
})

test('every price that is accepted is exact to the pico-dollar', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10_000_000_000n }), (pico) => {
      const text = `${pico / 1_000_000n}.${(pico % 1_000_000n).toString().padStart(6, '0')}`
      const rule = priceRule.parse({ kind: 'fixed', perMTok: { input: text, output: '0' } })
      expect(priceOf(rule, undefined, 0n).table.base.uncachedInput).toBe(pico)
    }),
  )
})

const one = { input: '1', output: '1' }

test('classes that vendors charge more for may cost as much more as with the dearest of them', () => {
  const perMTok = { ...one, cacheWrite: '1.25', cacheWrite1h: '2', audioInput: '66.7', audioOutput: '33.3' }
  expect(priceRule.safeParse({ kind: 'fixed', perMTok }).success).toBe(true)
})

test.each([
  ['a number', { kind: 'fixed', perMTok: { input: 0.15, output: '1' } }],
  ['an exponent', { kind: 'fixed', perMTok: { input: '1e-3', output: '1' } }],
  ['a sign', { kind: 'fixed', perMTok: { input: '-1', output: '1' } }],
  ['seven decimals', { kind: 'fixed', perMTok: { input: '0.0000001', output: '1' } }],
  ['a typing error of three zeros', { kind: 'fixed', perMTok: { input: '15000', output: '1' } }],
  ['no output price', { kind: 'fixed', perMTok: { input: '1' } }],
  ['an unknown class', { kind: 'fixed', perMTok: { input: '1', output: '1', images: '1' } }],
  [
    'a cache that costs more than what it spares',
    { kind: 'fixed', perMTok: { ...one, cacheRead: '1.000001' } },
  ],
  ['a cache that is written for a fortune', { kind: 'fixed', perMTok: { ...one, cacheWrite: '9000' } }],
  ['the same for an hour', { kind: 'fixed', perMTok: { ...one, cacheWrite1h: '2.000001' } }],
  ['sound beyond every vendor', { kind: 'fixed', perMTok: { ...one, audioInput: '101' } }],
  ['a voice beyond every vendor', { kind: 'fixed', perMTok: { ...one, audioOutput: '101' } }],
  [
    'a request price too fine',
    { kind: 'fixed', perMTok: { input: '1', output: '1' }, perRequest: '0.0000000001' },
  ],
  ['a multiplier below 5 %', { kind: 'multiplier', ppm: 49_999 }],
  ['a multiplier above ten', { kind: 'multiplier', ppm: 10_000_001 }],
  ['a broken multiplier', { kind: 'multiplier', ppm: 1_000_000.5 }],
  ['an unknown kind', { kind: 'auction' }],
])('%s is no price', (_what, rule) => {
  expect(priceRule.safeParse(rule).success).toBe(false)
})
