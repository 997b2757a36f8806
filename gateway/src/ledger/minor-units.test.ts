import fc from 'fast-check'
import { expect, test } from 'vitest'
import { minorToNanos, nanosPerMinorUnit, nanosToMinorFloor } from './minor-units.ts'

test.each([
  ['usd', 1_000n, 10n],
  ['EUR', 1_050n, 10n],
  ['jpy', 10n, 10n],
  ['KRW', 10n, 10n],
  ['kwd', 10_000n, 10n],
  ['tnd', 10_990n, 10n],
  // Without cents, but counted in hundredths by Stripe.
  ['isk', 1_000n, 10n],
  ['ugx', 1_000n, 10n],
])('ten %s are %d of its minor units', (currency, minor, whole) => {
  expect(minorToNanos(currency, minor) / 1_000_000_000n).toBe(whole)
  expect(nanosToMinorFloor(currency, minorToNanos(currency, minor))).toEqual({ minor, restNanos: 0n })
})

test('what is smaller than the unit is left over, and nothing is lost', () => {
  expect(nanosToMinorFloor('usd', 19_999_999n)).toEqual({ minor: 1n, restNanos: 9_999_999n })
  const currency = fc.constantFrom('usd', 'jpy', 'kwd', 'isk')
  fc.assert(
    fc.property(currency, fc.bigInt({ min: 0n, max: 10n ** 20n }), (code, nanos) => {
      const { minor, restNanos } = nanosToMinorFloor(code, nanos)
      expect(minorToNanos(code, minor) + restNanos).toBe(nanos)
      expect(restNanos >= 0n && restNanos < nanosPerMinorUnit(code)).toBe(true)
    }),
  )
})

test('what is no currency, or below zero, is refused', () => {
  for (const code of ['', 'us', 'usdt', 'u$d', '___'])
    expect(() => minorToNanos(code, 1n)).toThrow('not the code')
  expect(minorToNanos('usd', -1n)).toBe(-10_000_000n)
  expect(() => nanosToMinorFloor('usd', -1n)).toThrow('must not be below zero')
})
