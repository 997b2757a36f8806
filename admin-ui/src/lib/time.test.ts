import { expect, test } from 'vitest'
import { formatAgo, formatMoment, formatUtc } from './time.ts'

const now = Date.parse('2026-03-10T12:00:00Z')

test('a time in the past is told in the unit that fits', () => {
  expect(formatAgo('2026-03-10T11:59:30Z', now)).toBe('just now')
  expect(formatAgo('2026-03-10T11:18:00Z', now)).toBe('42 min ago')
  expect(formatAgo('2026-03-10T09:00:00Z', now)).toBe('3 h ago')
  expect(formatAgo('2026-03-01T12:00:00Z', now)).toBe('9 d ago')
  expect(formatAgo('2026-01-01T12:00:00Z', now)).toMatch(/2026|26/)
})

test('a clock that runs a little ahead is not the future', () => {
  expect(formatAgo('2026-03-10T12:00:04Z', now)).toBe('just now')
})

test('an unreadable time is shown as it came', () => {
  expect(formatAgo('soon', now)).toBe('soon')
  expect(formatMoment('soon')).toBe('soon')
  expect(formatUtc('soon')).toBe('soon')
})

test('the hover text is UTC', () => {
  expect(formatUtc('2026-03-10T14:00:05.123+02:00')).toBe('2026-03-10 12:00:05 UTC')
})
