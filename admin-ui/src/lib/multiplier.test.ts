import { expect, test } from 'vitest'
import { formatMultiplier, parseMultiplier } from './multiplier.ts'

test('a factor on the list price is exact in parts per million, both ways', () => {
  for (const [typed, ppm] of [
    ['1', 1_000_000],
    ['0.95', 950_000],
    ['1.000001', 1_000_001],
    ['10', 10_000_000],
  ] as const) {
    expect(parseMultiplier(typed)).toBe(ppm)
    expect(formatMultiplier(ppm)).toBe(typed)
  }
})

test('what is no factor is refused', () => {
  for (const typed of ['', '0', '-1', '1,5', '1e2', '0.0000001', 'free'])
    expect(parseMultiplier(typed), typed).toBeUndefined()
})
