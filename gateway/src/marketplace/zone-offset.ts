/** How far a time zone's clocks are from UTC at an instant, and until when: cheap enough to ask for every offer. */

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
/** A window's end is at most a week away: further ahead nobody looks. */
const LOOK_AHEAD_DAYS = 8

/** From `fromMs` until `untilMs`, the zone's clocks are `offsetMs` ahead of UTC. */
export interface OffsetSpan {
  offsetMs: number
  fromMs: number
  untilMs: number
}

// Both are bounded by the number of zones, because only names in their canonical spelling come here.
const formats = new Map<string, Intl.DateTimeFormat>()
const spans = new Map<string, OffsetSpan>()

/** What a zone may be called: a region and a place, or UTC. Offsets such as +01:00 know no daylight saving. */
const ZONE_NAME = /^[A-Za-z_]{1,32}(\/[A-Za-z0-9_+-]{1,32}){0,2}$/
// Some 600 names exist, but any mixture of capitals is a name too.
const MAX_NAMES = 2_000
const canonicalNames = new Map<string, string | undefined>()

/** The one spelling of an IANA time zone; undefined for a name that this Node.js does not know. */
export function canonicalZone(name: string): string | undefined {
  if (!canonicalNames.has(name)) {
    if (canonicalNames.size >= MAX_NAMES) canonicalNames.clear()
    canonicalNames.set(name, ZONE_NAME.test(name) ? resolve(name) : undefined)
  }
  return canonicalNames.get(name)
}

function resolve(name: string): string | undefined {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: name }).resolvedOptions().timeZone
  } catch {
    return undefined
  }
}

/** The span around `nowMs`; ends at the next change of the zone's clocks, or eight days later when there is none. */
export function offsetAt(timeZone: string, nowMs: number): OffsetSpan {
  const known = spans.get(timeZone)
  if (known && nowMs >= known.fromMs && nowMs < known.untilMs) return known
  const span = findSpan(timeZone, nowMs)
  spans.set(timeZone, span)
  return span
}

function findSpan(timeZone: string, nowMs: number): OffsetSpan {
  const fromMs = Math.floor(nowMs / MINUTE_MS) * MINUTE_MS
  const offsetMs = readOffset(timeZone, fromMs)
  for (let day = 1; day <= LOOK_AHEAD_DAYS; day += 1) {
    const aheadMs = fromMs + day * DAY_MS
    if (readOffset(timeZone, aheadMs) === offsetMs) continue
    return {
      offsetMs,
      fromMs,
      untilMs: firstChange(timeZone, { offsetMs, afterMs: aheadMs - DAY_MS, byMs: aheadMs }),
    }
  }
  return { offsetMs, fromMs, untilMs: fromMs + LOOK_AHEAD_DAYS * DAY_MS }
}

/** The minute at which the offset stops being `offsetMs`: clocks are set on whole minutes. */
function firstChange(
  timeZone: string,
  { offsetMs, afterMs, byMs }: { offsetMs: number; afterMs: number; byMs: number },
): number {
  let before = afterMs / MINUTE_MS
  let after = byMs / MINUTE_MS
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2)
    if (readOffset(timeZone, middle * MINUTE_MS) === offsetMs) before = middle
    else after = middle
  }
  return after * MINUTE_MS
}

function readOffset(timeZone: string, atMs: number): number {
  if (timeZone === 'UTC') return 0
  const parts: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {}
  for (const { type, value } of formatOf(timeZone).formatToParts(atMs)) parts[type] = Number(value)
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0 } = parts
  return Date.UTC(year, month - 1, day, hour, minute) - atMs
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone)
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
    })
    formats.set(timeZone, format)
  }
  return format
}
