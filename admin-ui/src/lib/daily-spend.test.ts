import { expect, test } from 'vitest'
import { dailySpend } from './daily-spend.ts'

test('days without requests are there and cost nothing, and the last one is today', () => {
  const nowMs = new Date(2026, 10, 22, 15, 30).getTime()
  const midnight = (day: number): string => new Date(2026, 10, day).toISOString()
  const days = dailySpend(
    [
      { id: midnight(20), costNanos: '9007199254740993', requests: 3 },
      { id: midnight(22), costNanos: '5', requests: 1 },
      { id: midnight(1), costNanos: '7', requests: 1 },
    ],
    { nowMs, days: 4 },
  )
  expect(days.map(({ costNanos }) => costNanos)).toEqual([0n, 9_007_199_254_740_993n, 0n, 5n])
  expect(days.map(({ atMs }) => new Date(atMs).getDate())).toEqual([19, 20, 21, 22])
})
