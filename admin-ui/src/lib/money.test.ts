import { expect, test } from 'vitest'
import {
  comparePrices,
  decimalsFor,
  formatPrice,
  formatSignedUsd,
  formatUsd,
  parseNanos,
  parseUsdInput,
  priceDecimals,
  splitHeadlineUsd,
} from './money.ts'

/** Thin spaces shown as plain ones, so that the expectations can be read. */
const seen = (text: string): string => text.replaceAll('\u202f', ' ')

test('a tiny cost keeps its digits instead of becoming zero', () => {
  expect(seen(formatUsd(43_200n))).toBe('$0.000 043 2')
  expect(seen(formatUsd(1n))).toBe('$0.000 000 001')
  expect(formatUsd(0n)).toBe('$0.00')
})

test('an amount above what a float can hold is shown to the last digit', () => {
  expect(seen(formatUsd(parseNanos('9007199254740993123456789')))).toBe('$9,007,199,254,740,993.123 456 789')
})

test('a loss has a real minus sign and a credit says plus', () => {
  expect(formatUsd(-1_500_000_000n)).toBe('\u2212$1.50')
  expect(formatSignedUsd(10_000_000_000n)).toBe('+$10.00')
  expect(formatSignedUsd(-10_000_000_000n)).toBe('\u2212$10.00')
  expect(formatSignedUsd(0n)).toBe('$0.00')
})

test('a column of amounts gets the decimals of its most exact one', () => {
  const amounts = [10_000_000_000n, -367_000n, 0n]
  expect(decimalsFor(amounts)).toBe(6)
  expect(amounts.map((nanos) => seen(formatUsd(nanos, decimalsFor(amounts))))).toEqual([
    '$10.000 000',
    '\u2212$0.000 367',
    '$0.000 000',
  ])
})

test('a headline shows cents large and loses no digit below them', () => {
  const { main, rest } = splitHeadlineUsd(24_998_633_200n)
  expect(main).toBe('$24.99')
  expect(seen(rest)).toBe('8 633 2')
  expect(splitHeadlineUsd(25_000_000_000n)).toEqual({ main: '$25.00', rest: '' })
  expect(splitHeadlineUsd(-25_000_000_000n).main).toBe('\u2212$25.00')
})

test('a string that is not whole nano-dollars is refused', () => {
  for (const text of ['', '1.5', '1e9', ' 1', '0x10', '--1', 'NaN', '1'.repeat(31)]) {
    expect(() => parseNanos(text), text).toThrow(/nano-dollars/)
  }
  expect(parseNanos('-7')).toBe(-7n)
})

test('what an operator types becomes the exact amount or nothing', () => {
  expect(parseUsdInput('12')).toBe(12_000_000_000n)
  expect(parseUsdInput(' $0.000000001 ')).toBe(1n)
  expect(parseUsdInput('0.1')).toBe(100_000_000n)
  for (const text of ['', '-1', '1,000', '1e3', '0.0000000001', 'ten', '.5', '1.']) {
    expect(parseUsdInput(text), text).toBeUndefined()
  }
})

test('prices of a column line up and are compared without floats', () => {
  const prices = ['0.15', '2.5', '10', '0.075']
  expect(priceDecimals(prices)).toBe(3)
  expect(prices.map((price) => formatPrice(price, 3))).toEqual(['$0.150', '$2.500', '$10.000', '$0.075'])
  expect([...prices].sort(comparePrices)).toEqual(['0.075', '0.15', '2.5', '10'])
  expect(comparePrices('0.1', '0.10')).toBe(0)
  expect(comparePrices('0.10000000000000000001', '0.1')).toBe(1)
  expect(comparePrices('free?', '99999')).toBe(1)
  expect(formatPrice('on request')).toBe('on request')
})
