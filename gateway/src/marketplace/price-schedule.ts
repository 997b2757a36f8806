/**
 * When a price holds: windows of the week in a seller's local time, compiled into a timetable in which every minute
 * belongs to exactly one window or to none. Pure; what is asked often is a comparison of numbers.
 */
import { canonicalZone, offsetAt } from './zone-offset.ts'

export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
export type Weekday = (typeof weekdays)[number]

export interface WindowTimes {
  /** The days on which it begins; left out: every day. */
  days?: readonly Weekday[] | undefined
  /** `HH:MM`, from 00:00. */
  from: string
  /** `HH:MM`, to 24:00; at or before `from` it is on the next day. */
  to: string
  timeZone: string
}

/** No window: the base rule. */
export const BASE_WINDOW = -1

export interface Timetable {
  timeZone: string
  /** Minutes of the local week, Monday 00:00 being 0, at which another window begins; ascending, the first is 0. */
  starts: readonly number[]
  /** Which window begins there, or `BASE_WINDOW`. */
  windows: readonly number[]
}

/** Why windows make no timetable, and at which of them. */
export interface TimetableFault {
  index: number
  message: string
}

const MINUTE_MS = 60_000
const DAY_MINUTES = 1_440
const WEEK_MINUTES = 7 * DAY_MINUTES
const WEEK_MS = WEEK_MINUTES * MINUTE_MS
// 1970 began on a Thursday.
const FIRST_MONDAY_MS = 4 * DAY_MINUTES * MINUTE_MS

interface Interval {
  fromMinute: number
  toMinute: number
  window: number
}

/**
 * The timetable of `windows`, or what is wrong with them: an unknown zone, two zones (whether their windows overlap would
 * depend on the season), or two windows at the same time.
 */
export function compileTimetable(windows: readonly WindowTimes[]): Timetable | TimetableFault {
  const names = windows.map(({ timeZone }) => canonicalZone(timeZone))
  const timeZone = names[0]
  for (const [index, name] of names.entries()) {
    if (name === undefined) return { index, message: `no time zone '${windows[index]?.timeZone}' is known` }
    if (name !== timeZone) return { index, message: 'all windows of a price are in the same time zone' }
  }
  if (timeZone === undefined) return { index: 0, message: 'name at least one window' }
  const intervals = windows.flatMap(intervalsOf).sort((a, b) => a.fromMinute - b.fromMinute)
  const overlap = intervals.find(({ fromMinute }, at) => fromMinute < (intervals[at - 1]?.toMinute ?? 0))
  if (overlap) {
    const other = intervals[intervals.indexOf(overlap) - 1] as Interval
    return { index: overlap.window, message: `overlaps windows[${other.window}]` }
  }
  return { timeZone, ...fillGaps(intervals) }
}

/** The window's stretches of the week; one that runs over the week's end is two. */
function intervalsOf({ days = weekdays, from, to }: WindowTimes, window: number): Interval[] {
  const begin = minuteOf(from)
  const end = minuteOf(to)
  const length = end > begin ? end - begin : end + DAY_MINUTES - begin
  return days.flatMap((day) => {
    const fromMinute = weekdays.indexOf(day) * DAY_MINUTES + begin
    const toMinute = fromMinute + length
    if (toMinute <= WEEK_MINUTES) return [{ fromMinute, toMinute, window }]
    return [
      { fromMinute, toMinute: WEEK_MINUTES, window },
      { fromMinute: 0, toMinute: toMinute - WEEK_MINUTES, window },
    ]
  })
}

function minuteOf(text: string): number {
  return Number(text.slice(0, 2)) * 60 + Number(text.slice(3))
}

function fillGaps(intervals: readonly Interval[]): Pick<Timetable, 'starts' | 'windows'> {
  const starts: number[] = []
  const windows: number[] = []
  const begin = (minute: number, window: number) => {
    if (windows.at(-1) === window || minute === WEEK_MINUTES) return
    starts.push(minute)
    windows.push(window)
  }
  let done = 0
  for (const { fromMinute, toMinute, window } of intervals) {
    if (fromMinute > done) begin(done, BASE_WINDOW)
    begin(fromMinute, window)
    done = toMinute
  }
  if (done < WEEK_MINUTES) begin(done, BASE_WINDOW)
  return { starts, windows }
}

/** What holds at an instant, and a stretch around it in which that cannot change. */
export interface Standing {
  window: number
  fromMs: number
  untilMs: number
}

/**
 * The window at `nowMs`, by the zone's wall clock: an hour that the clocks skip is in no window, one that they repeat is
 * in its window twice. `untilMs` may come early (at a change of the clocks); then the answer is asked for again.
 */
export function standingAt({ timeZone, starts, windows }: Timetable, nowMs: number): Standing {
  const { offsetMs, fromMs, untilMs } = offsetAt(timeZone, nowMs)
  const intoWeekMs = modulo(nowMs + offsetMs - FIRST_MONDAY_MS, WEEK_MS)
  const at = lastAtOrBefore(starts, intoWeekMs / MINUTE_MS)
  const begunMs = nowMs - intoWeekMs + (starts[at] as number) * MINUTE_MS
  const endMs = nowMs - intoWeekMs + (starts[at + 1] ?? WEEK_MINUTES) * MINUTE_MS
  return {
    window: windows[at] as number,
    fromMs: Math.max(begunMs, fromMs),
    untilMs: Math.min(endMs, untilMs),
  }
}

// The ends of weeks and changes of the clocks between two windows: more than a week never passes without one.
const MAX_STEPS = 24

/** When another window begins; undefined when the same one always holds. */
export function nextWindowMs(timetable: Timetable, nowMs: number): number | undefined {
  if (timetable.starts.length === 1) return undefined
  const { window, untilMs } = standingAt(timetable, nowMs)
  let atMs = untilMs
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const next = standingAt(timetable, atMs)
    if (next.window !== window) return atMs
    atMs = next.untilMs
  }
  return undefined
}

function lastAtOrBefore(starts: readonly number[], minute: number): number {
  let low = 0
  let high = starts.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((starts[middle] as number) <= minute) low = middle
    else high = middle - 1
  }
  return low
}

function modulo(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor
}
