import fc from 'fast-check'
import { expect, test } from 'vitest'
import { retryHintMs } from './retry-hint.ts'

const now = Date.UTC(2026, 0, 10, 12, 0, 0)
const hint = (headers: Record<string, string | string[]>) => retryHintMs(headers, now)

test('every way to say when is understood', () => {
  expect(hint({ 'retry-after-ms': '1500' })).toBe(1500)
  expect(hint({ 'retry-after': '7' })).toBe(7000)
  expect(hint({ 'retry-after': '0.25' })).toBe(250)
  expect(hint({ 'retry-after': 'Sat, 10 Jan 2026 12:00:30 GMT' })).toBe(30_000)
  expect(hint({ 'x-ratelimit-reset-requests': '1s' })).toBe(1000)
  expect(hint({ 'x-ratelimit-reset-tokens': '6m0s' })).toBe(360_000)
  expect(hint({ 'x-ratelimit-reset-tokens': '1h2m3.5s' })).toBe(3_723_500)
  expect(hint({ 'x-ratelimit-reset-tokens': '20ms' })).toBe(20)
  expect(hint({ 'x-ratelimit-reset': String(now / 1000 + 9) })).toBe(9000)
  expect(hint({ 'x-ratelimit-reset': String(now + 9000) })).toBe(9000)
  expect(hint({ 'x-ratelimit-reset-requests': '12.5' })).toBe(12_500)
  expect(hint({ 'anthropic-ratelimit-input-tokens-reset': '2026-01-10T12:00:05Z' })).toBe(5000)
})

test('the longest hint counts, of the buckets that are empty', () => {
  expect(hint({ 'retry-after': '2', 'retry-after-ms': '3000', 'x-ratelimit-reset-tokens': '1s' })).toBe(3000)
  expect(
    hint({
      'x-ratelimit-remaining-requests': '50',
      'x-ratelimit-reset-requests': '24h',
      'x-ratelimit-reset-tokens': '4s',
    }),
  ).toBe(4000)
  expect(hint({ 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '9s' })).toBe(9000)
})

test("a date is measured on the upstream's clock when it tells it", () => {
  const date = 'Sat, 10 Jan 2026 12:10:00 GMT'
  expect(hint({ 'retry-after': 'Sat, 10 Jan 2026 12:10:20 GMT', date })).toBe(20_000)
  expect(
    hint({ 'retry-after': 'Sat, 10 Jan 2026 12:00:20 GMT', date: 'Thu, 01 Jan 1970 00:00:00 GMT' }),
  ).toBe(20_000)
})

test('what is past, endless or no time at all is no hint', () => {
  const values = [
    '-5',
    'soon',
    '',
    ' ',
    'NaN',
    'Infinity',
    '1e3',
    '0x10',
    '99999999999999999999',
    '1s2',
    's',
    '5 s',
    '٣',
    '2026-01-10T11:00:00Z',
  ]
  for (const value of values) {
    expect(hint({ 'retry-after': value }), value).toBeUndefined()
    expect(hint({ 'retry-after-ms': value }), value).toBeUndefined()
    expect(hint({ 'x-ratelimit-reset-tokens': value }), value).toBeUndefined()
  }
  expect(hint({ 'retry-after': 'Sat, 10 Jan 2026 11:59:00 GMT' })).toBeUndefined()
  expect(hint({ 'retry-after': '86401' })).toBeUndefined()
  expect(hint({})).toBeUndefined()
})

test('whatever the headers hold, a hint is a whole number from zero to a day', () => {
  const value = fc.oneof(
    fc.string(),
    fc.double().map(String),
    fc.integer().map(String),
    fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
    fc.stringMatching(/^[0-9.hms-]{0,60}$/),
  )
  const names = [
    'retry-after',
    'retry-after-ms',
    'date',
    'x-ratelimit-reset',
    'x-ratelimit-reset-tokens',
    'x-ratelimit-remaining-tokens',
    'anthropic-ratelimit-tokens-reset',
  ]
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom(...names), value),
      fc.integer({ min: 0, max: 2 ** 42 }),
      (headers, nowMs) => {
        const found = retryHintMs(headers, nowMs)
        if (found !== undefined)
          expect(Number.isInteger(found) && found >= 0 && found <= 86_400_000).toBe(true)
      },
    ),
    { numRuns: 5000 },
  )
})

test('a length that is said plainly comes back as it was said', () => {
  fc.assert(
    fc.property(fc.nat(86_400), (seconds) => {
      const text = `${Math.floor(seconds / 3600)}h${Math.floor((seconds % 3600) / 60)}m${seconds % 60}s`
      expect(hint({ 'retry-after': String(seconds) })).toBe(seconds * 1000)
      expect(hint({ 'x-ratelimit-reset-tokens': text })).toBe(seconds * 1000)
      if (seconds > 0)
        expect(hint({ 'retry-after': new Date(now + seconds * 1000).toUTCString() })).toBe(seconds * 1000)
    }),
  )
})

test('a header that came twice is read like one that came once', () => {
  expect(hint({ 'retry-after': ['7', '7'], date: ['Sat, 10 Jan 2026 12:00:00 GMT'] })).toBe(7000)
  expect(hint({ 'x-ratelimit-reset-tokens': ['4s', '9s'], 'x-ratelimit-remaining-tokens': ['0'] })).toBe(4000)
  expect(hint({ 'retry-after': [] })).toBeUndefined()
})
