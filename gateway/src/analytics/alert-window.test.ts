import { expect, test } from 'vitest'
import { windowStart } from './alert-window.ts'

test.each([
  ['day', '2026-11-22T23:59:59Z', '2026-11-22'],
  ['week', '2026-11-22T23:59:59Z', '2026-11-16'],
  ['week', '2026-11-23T00:00:00Z', '2026-11-23'],
  ['week', '2026-01-01T12:00:00Z', '2025-12-29'],
  ['month', '2026-11-30T23:00:00Z', '2026-11-01'],
] as const)('the %s that %s is in began on %s', (period, now, start) => {
  expect(windowStart(period, Date.parse(now)).toISOString()).toBe(`${start}T00:00:00.000Z`)
})
