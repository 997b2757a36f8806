import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  BASE_WINDOW,
  compileTimetable,
  nextWindowMs,
  standingAt,
  type Timetable,
  type WindowTimes,
  weekdays,
} from './price-schedule.ts'
import { canonicalZone, offsetAt } from './zone-offset.ts'

const MINUTE_MS = 60_000
const WEEK_MINUTES = 10_080
const zones = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'Asia/Kolkata',
  'Australia/Lord_Howe',
  'Asia/Kathmandu',
]

function timetableOf(windows: readonly WindowTimes[]): Timetable {
  const timetable = compileTimetable(windows)
  if ('message' in timetable) throw new Error(`windows[${timetable.index}] ${timetable.message}`)
  return timetable
}

/** Every window that claims an instant, by the words of its rule and a clock of its own: days, wall time, midnight. */
function claimants(windows: readonly WindowTimes[], atMs: number): number[] {
  return windows.flatMap(({ days = weekdays, from, to, timeZone }, index) => {
    const text = new Intl.DateTimeFormat('en-GB', {
      timeZone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    }).format(atMs)
    const [day = '', time = ''] = text.split(' ').map((part) => part.replace(',', '').toLowerCase())
    const today = weekdays.indexOf(day as (typeof weekdays)[number])
    const began = (ago: number) => days.includes(weekdays[(today - ago + 7) % 7] as (typeof weekdays)[number])
    if (from < to) return began(0) && time >= from && time < to ? [index] : []
    return (began(0) && time >= from) || (began(1) && time < to) ? [index] : []
  })
}

const clockTime = fc
  .integer({ min: 0, max: 1_439 })
  .map(
    (minute) => `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`,
  )
const windowTimes = fc.record({
  days: fc.option(fc.subarray([...weekdays], { minLength: 1 }), { nil: undefined }),
  from: clockTime,
  to: fc.oneof(clockTime, fc.constant('24:00')),
})
const schedules = fc
  .tuple(fc.constantFrom(...zones), fc.array(windowTimes, { minLength: 1, maxLength: 4 }))
  .map(([timeZone, drafts]) =>
    drafts.map((draft) => ({ ...draft, timeZone })).filter(({ from, to }) => from !== to),
  )
  .filter((windows) => windows.length > 0)

test('every minute of a week belongs to exactly one window or to the base, whatever the windows are', () => {
  let compiled = 0
  fc.assert(
    fc.property(schedules, fc.integer({ min: 0, max: 52 }), (windows, week) => {
      const timetable = compileTimetable(windows)
      if ('message' in timetable) return
      compiled += 1
      expect(timetable.starts[0]).toBe(0)
      const startMs = Date.UTC(2026, 0, 5) + week * WEEK_MINUTES * MINUTE_MS
      // A prime step meets every minute of the hour over the runs.
      for (let minute = 0; minute < WEEK_MINUTES; minute += 37) {
        const atMs = startMs + minute * MINUTE_MS
        const claimed = claimants(windows, atMs)
        expect(claimed.length).toBeLessThanOrEqual(1)
        expect(standingAt(timetable, atMs).window).toBe(claimed[0] ?? BASE_WINDOW)
      }
    }),
    { numRuns: 60 },
  )
  expect(compiled).toBeGreaterThan(10)
})

test('windows that overlap are refused, and only those', () => {
  fc.assert(
    fc.property(schedules, (drawn) => {
      const windows = drawn.map((window) => ({ ...window, timeZone: 'UTC' }))
      const minutes = new Array<number>(WEEK_MINUTES).fill(0)
      for (const [minute] of minutes.entries()) {
        minutes[minute] = 0
      }
      for (const { days = weekdays, from, to } of windows) {
        const begin = Number(from.slice(0, 2)) * 60 + Number(from.slice(3))
        const end = Number(to.slice(0, 2)) * 60 + Number(to.slice(3))
        for (const day of days) {
          for (let at = begin; at < (end > begin ? end : end + 1_440); at += 1) {
            const minute = (weekdays.indexOf(day) * 1_440 + at) % WEEK_MINUTES
            minutes[minute] = (minutes[minute] as number) + 1
          }
        }
      }
      expect('message' in compileTimetable(windows)).toBe(minutes.some((count) => count > 1))
    }),
    { numRuns: 200 },
  )
})

test('nothing changes before the next change, and something does then', () => {
  fc.assert(
    fc.property(
      schedules,
      fc.integer({ min: Date.UTC(2026, 0, 1), max: Date.UTC(2027, 0, 1) }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (windows, nowMs, share) => {
        const timetable = compileTimetable(windows)
        if ('message' in timetable) return
        const { window } = standingAt(timetable, nowMs)
        const changeMs = nextWindowMs(timetable, nowMs)
        if (changeMs === undefined) {
          expect(new Set(timetable.windows).size).toBe(1)
          return
        }
        expect(changeMs).toBeGreaterThan(nowMs)
        expect(standingAt(timetable, changeMs).window).not.toBe(window)
        expect(standingAt(timetable, changeMs - 1).window).toBe(window)
        expect(standingAt(timetable, nowMs + Math.floor(share * (changeMs - nowMs))).window).toBe(window)
      },
    ),
    { numRuns: 300 },
  )
})

const night = { from: '22:00', to: '06:00', timeZone: 'Europe/Berlin' }

test('a window over midnight belongs to the day on which it begins', () => {
  const timetable = timetableOf([{ ...night, days: ['sun'] }])
  const at = (day: number, hour: number) => standingAt(timetable, Date.UTC(2026, 0, day, hour - 1)).window
  // 4 January 2026 is a Sunday; in winter Berlin is an hour ahead.
  expect([at(4, 21), at(4, 22), at(5, 1), at(5, 5), at(5, 6), at(5, 23)]).toEqual([-1, 0, 0, 0, -1, -1])
})

test('a night in which the clocks go forward is seven hours long, and one in which they go back nine', () => {
  const timetable = timetableOf([night])
  const hoursFrom = (fromMs: number) => ((nextWindowMs(timetable, fromMs) ?? 0) - fromMs) / 3_600_000
  expect(hoursFrom(Date.UTC(2026, 2, 28, 21))).toBe(7)
  expect(hoursFrom(Date.UTC(2026, 9, 24, 20))).toBe(9)
  expect(hoursFrom(Date.UTC(2026, 6, 24, 20))).toBe(8)
})

test('a window inside the hour that the clocks skip does not come, and one inside the hour they repeat comes twice', () => {
  const timetable = timetableOf([{ from: '02:15', to: '02:45', timeZone: 'Europe/Berlin' }])
  const minutesOn = (fromMs: number) => {
    let minutes = 0
    for (let at = 0; at < 1_440; at += 1)
      if (standingAt(timetable, fromMs + at * MINUTE_MS).window === 0) minutes += 1
    return minutes
  }
  expect(minutesOn(Date.UTC(2026, 2, 28, 12))).toBe(0)
  expect(minutesOn(Date.UTC(2026, 9, 24, 12))).toBe(60)
  expect(minutesOn(Date.UTC(2026, 5, 24, 12))).toBe(30)
})

test('the offset of a zone is what its clocks say, at every hour around the changes of the clocks', () => {
  for (const zone of zones) {
    for (const startMs of [Date.UTC(2026, 2, 1), Date.UTC(2026, 9, 1)]) {
      for (let hour = 0; hour < 45 * 24; hour += 1) {
        const atMs = startMs + hour * 3_600_000 + 1_800_000
        const local = new Date(atMs + offsetAt(zone, atMs).offsetMs).toISOString().slice(11, 16)
        const shown = new Intl.DateTimeFormat('en-GB', { timeZone: zone, timeStyle: 'short' }).format(atMs)
        expect(`${zone} ${local}`).toBe(`${zone} ${shown}`)
      }
    }
  }
})

test.each([
  ['an unknown zone', [{ ...night, timeZone: 'Mars/Olympus' }], 0],
  ['an offset for a zone', [{ ...night, timeZone: '+01:00' }], 0],
  ['two zones', [night, { ...night, from: '07:00', to: '08:00', timeZone: 'UTC' }], 1],
  ['two windows at once, over midnight', [night, { ...night, days: ['mon'], from: '05:00', to: '07:00' }], 1],
  [
    'two windows at once, over the end of the week',
    [
      { ...night, days: ['sun'] },
      { ...night, days: ['mon'], from: '05:59', to: '07:00' },
    ],
    1,
  ],
] as [string, WindowTimes[], number][])('%s makes no timetable', (_what, windows, index) => {
  expect(compileTimetable(windows)).toMatchObject({ index })
})

test('a zone has one spelling, however it is written', () => {
  expect([canonicalZone('europe/BERLIN'), canonicalZone('UTC'), canonicalZone('Nowhere')]).toEqual([
    'Europe/Berlin',
    'UTC',
    undefined,
  ])
})
