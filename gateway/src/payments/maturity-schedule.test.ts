import fc from 'fast-check'
import { expect, test } from 'vitest'
import { maturityHorizon, maturitySchedule } from './maturity-schedule.ts'

const nowMs = Date.parse('2026-11-22T15:30:00Z')

test('a day’s earnings may be paid out when it and the days of the hold are over', () => {
  const { day, youngSince } = maturityHorizon(nowMs, 7)
  expect([day, youngSince?.toISOString()]).toEqual(['2026-11-14', '2026-11-15T00:00:00.000Z'])
  expect(maturityHorizon(nowMs, 0)).toEqual({ day: '2026-11-22', youngSince: undefined })
})

test('the schedule says which part of what is pending matures when, the soonest first', () => {
  const schedule = maturitySchedule({
    pendingNanos: 60n,
    earned: [
      { day: '2026-11-21', nanos: 20n },
      { day: '2026-11-16', nanos: 30n },
    ],
    holdDays: 7,
    nowMs,
  })
  expect(schedule.map(({ at, amountNanos }) => [at.toISOString().slice(0, 10), amountNanos])).toEqual([
    // Older than the hold: at the next run.
    ['2026-11-22', 10n],
    ['2026-11-24', 30n],
    ['2026-11-29', 20n],
  ])
})

test('the schedule comes to what is pending, whatever was taken out meanwhile', () => {
  const days = fc.array(
    fc.record({
      day: fc.integer({ min: 15, max: 22 }).map((day) => `2026-11-${day}`),
      nanos: fc.bigInt({ min: 1n, max: 100n }),
    }),
  )
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 400n }), days, (pendingNanos, earned) => {
      const schedule = maturitySchedule({ pendingNanos, earned, holdDays: 7, nowMs })
      expect(schedule.reduce((sum, { amountNanos }) => sum + amountNanos, 0n)).toBe(pendingNanos)
      const times = schedule.map(({ at }) => at.getTime())
      expect(times).toEqual([...times].sort((a, b) => a - b))
    }),
  )
})
