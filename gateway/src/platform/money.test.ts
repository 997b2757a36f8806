import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ceilDiv, formatScaled, formatUsd, NANOS_PER_USD, parseScaled } from './money.ts'

const amount = fc.bigInt({ min: -(10n ** 26n), max: 10n ** 26n })

test('money is shown as a plain decimal without exponent or trailing zeros', () => {
  expect(formatUsd(0n)).toBe('0')
  expect(formatUsd(1n)).toBe('0.000000001')
  expect(formatUsd(1500n)).toBe('0.0000015')
  expect(formatUsd(NANOS_PER_USD)).toBe('1')
  expect(formatUsd(-20_500_000_000n)).toBe('-20.5')
  expect(formatUsd(10n ** 30n)).toBe('1000000000000000000000')
  expect(formatScaled(7n, 0)).toBe('7')
})

test('an amount that was shown reads back exactly', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 10n ** 18n - 1n }),
      fc.integer({ min: 0, max: 18 }),
      (value, scale) => {
        expect(parseScaled(formatScaled(value, scale), scale)).toBe(value)
      },
    ),
  )
})

test('what is shown is the amount divided by its scale, sign included', () => {
  fc.assert(
    fc.property(amount, fc.integer({ min: 0, max: 18 }), (value, scale) => {
      const text = formatScaled(value, scale)
      expect(text).toMatch(/^-?(0|[1-9]\d*)(\.\d*[1-9])?$/)
      const [whole = '', fraction = ''] = text.split('.')
      expect(BigInt(whole.replace('-', '') + fraction.padEnd(scale, '0'))).toBe(value < 0n ? -value : value)
      expect(text.startsWith('-')).toBe(value < 0n)
    }),
  )
})

test('a price is read exactly, with as many decimals as its unit has', () => {
  expect(parseScaled('0.15', 6)).toBe(150_000n)
  expect(parseScaled('3', 6)).toBe(3_000_000n)
  expect(parseScaled('0.000001', 6)).toBe(1n)
  expect(parseScaled('007.10', 2)).toBe(710n)
  expect(parseScaled('999999999999999999.999999999999999999', 18)).toBe(10n ** 36n - 1n)
})

test('anything that is not a plain decimal is refused instead of being guessed', () => {
  const wrong = [
    '',
    ' ',
    '.',
    '.5',
    '5.',
    '-1',
    '+1',
    '1e3',
    '1,5',
    '1_000',
    '0x10',
    'NaN',
    'Infinity',
    ' 1',
    '1\n',
    '٣',
    '1.0000001',
    '1'.repeat(19),
  ]
  for (const text of wrong) expect(parseScaled(text, 6), JSON.stringify(text)).toBeUndefined()
})

test('a division rounds up to the next whole number, and not when there is none', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 10n ** 30n }),
      fc.bigInt({ min: 1n, max: 10n ** 15n }),
      (dividend, divisor) => {
        const quotient = ceilDiv(dividend, divisor)
        expect(quotient * divisor >= dividend).toBe(true)
        expect((quotient - 1n) * divisor < dividend).toBe(true)
      },
    ),
  )
  expect(ceilDiv(0n, 5n)).toBe(0n)
  expect(ceilDiv(10n, 5n)).toBe(2n)
  expect(ceilDiv(11n, 5n)).toBe(3n)
})
