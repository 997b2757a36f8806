import fc from 'fast-check'
import { expect, test } from 'vitest'
import { noUsage, type Usage } from '../providers/usage.ts'
import { checkUsage } from './check-usage.ts'
import { priceUsage } from './price-usage.ts'

const bounds = { maxOutputTokens: 1_000, contextWindow: 128_000 }
const flagOf = (reported: Usage | undefined) => {
  const checked = checkUsage(reported, bounds)
  return checked.usage ? undefined : checked.flag
}

test('a plausible report is billed as it is', () => {
  const reported = { ...noUsage, uncachedInput: 900, cacheRead: 100, output: 1_000, reasoning: 1_000 }
  expect(checkUsage(reported, bounds)).toEqual({ usage: reported })
})

test('zero is a report, absence is not', () => {
  expect(checkUsage(noUsage, bounds)).toEqual({ usage: noUsage })
  expect(flagOf(undefined)).toBe('not_reported')
})

test('a report that cannot be true falls back to our own count, with the reason', () => {
  expect(flagOf({ ...noUsage, output: -5 })).toBe('not_a_count')
  expect(flagOf({ ...noUsage, output: 1.5 })).toBe('not_a_count')
  expect(flagOf({ ...noUsage, output: Number.NaN })).toBe('not_a_count')
  expect(flagOf({ ...noUsage, reasoning: -1 })).toBe('not_a_count')
  expect(flagOf({ ...noUsage, output: '12' as never })).toBe('not_a_count')
  expect(flagOf({ ...noUsage, uncachedInput: 675_947_905 })).toBe('input_above_context')
  expect(flagOf({ ...noUsage, cacheRead: 100_000, cacheWrite1h: 100_000 })).toBe('input_above_context')
  expect(flagOf({ ...noUsage, output: 2_000 })).toBe('output_above_maximum')
  expect(flagOf({ ...noUsage, output: 700, audioOutput: 700 })).toBe('output_above_maximum')
})

test('rounded windows and a few tokens of the vendor`s own are believed', () => {
  expect(flagOf({ ...noUsage, uncachedInput: 131_072, output: 1_100 })).toBeUndefined()
})

test('without a known window only the absurd is refused', () => {
  const unknown = { maxOutputTokens: 1_000 }
  expect(checkUsage({ ...noUsage, uncachedInput: 2_000_000 }, unknown).usage).toBeDefined()
  expect(checkUsage({ ...noUsage, uncachedInput: 10_000_001 }, unknown).usage).toBeUndefined()
})

test('more reasoning than output is trimmed, since it has no price', () => {
  const reported = { ...noUsage, output: 10, reasoning: 25 }
  expect(checkUsage(reported, bounds)).toEqual({ usage: { ...reported, reasoning: 10 } })
})

test('whatever passes can be priced', () => {
  const any = fc.oneof(fc.integer(), fc.double(), fc.nat(2_000), fc.constant(undefined as never))
  const price = {
    table: {
      base: {
        uncachedInput: 1n,
        cacheRead: 1n,
        cacheWrite5m: 1n,
        cacheWrite1h: 1n,
        audioInput: 1n,
        output: 1n,
        audioOutput: 1n,
      },
      tiers: [],
    },
    nanosPerRequest: 0n,
    multiplierPpm: 1_000_000n,
    feeBps: 0n,
  }
  fc.assert(
    fc.property(
      fc.record({
        uncachedInput: any,
        cacheRead: any,
        cacheWrite5m: any,
        cacheWrite1h: any,
        audioInput: any,
        output: any,
        audioOutput: any,
        reasoning: any,
      }),
      (reported) => {
        const { usage } = checkUsage(reported, bounds)
        if (usage) expect(priceUsage(usage, price) >= 0n).toBe(true)
      },
    ),
  )
})
