/** What is being used of one listing, or of one of its models: requests at once, per minute, per day and per month. */
import { CalendarWindow, type Spent } from '../limits/calendar-window.ts'
import { SlidingWindow, WINDOW_MS } from '../limits/sliding-window.ts'
import type { CapacityLimits } from '../marketplace/offer.ts'

/** Which limit does not take a request. */
export type CapacityKind = 'rate' | 'concurrency' | 'day' | 'month'

/** When a place comes free is unknown while requests run; telling a second is better than nothing. */
const PLACE_RETRY_MS = 1_000

/**
 * The upstream counts a request when it arrives, later than we do by a time that differs from one to the next: two
 * windows' worth that we saw a minute apart may reach it closer together. A second covers a lost packet at connecting.
 */
const JITTER_MS = 1_000
const RATE_WINDOW_MS = WINDOW_MS + JITTER_MS

export interface Asked {
  tokens: number
  nanos: bigint
  /** Of the places. */
  share: number
}

export class Use {
  running = 0
  readonly calendar: CalendarWindow
  /** Why `waitMs` last said to wait; written instead of returned, because it is asked for every offer of every request. */
  fullBy: CapacityKind = 'rate'
  private requests: SlidingWindow | undefined
  private tokens: SlidingWindow | undefined
  /** The last that were seen; for whoever looks at the listing without an offer of it. */
  limits: CapacityLimits

  // Of the limits, what is asked most: an offer has thirty members, and reading some of a thousand offers is what takes time.
  private places: number | undefined
  private hasDays = false
  private fittedTo: CapacityLimits | undefined

  constructor(limits: CapacityLimits, spent?: Spent) {
    this.limits = limits
    this.calendar = new CalendarWindow(spent)
    this.fit(limits)
  }

  /** Brings the windows to the present limits; what was taken under the old ones stays taken. */
  fit(limits: CapacityLimits): void {
    this.limits = limits
    this.fittedTo = limits
    this.places = limits.concurrency
    this.hasDays = limitsDays(limits)
    this.requests = fitted(this.requests, limits.requestsPerMinute)
    this.tokens = fitted(this.tokens, limits.tokensPerMinute)
  }

  /** Takes what `waitMs` has just said that fits. Returns the day it counts for. */
  take(asked: Asked, { nowMs, wallMs }: { nowMs: number; wallMs: number }): number {
    this.running += 1
    this.requests?.count(1, nowMs)
    this.tokens?.count(asked.tokens, nowMs)
    return this.calendar.take(asked, wallMs)
  }

  /** The request that was taken then was never sent. */
  uncountRequest(takenAtMs: number): void {
    this.requests?.correct(-1, takenAtMs)
  }

  correctRate(tokens: number, takenAtMs: number): void {
    this.tokens?.correct(tokens, takenAtMs)
  }

  /** 0 when it fits, `Infinity` when it never does. Writes `fullBy`. `wallMs` is read only where days are limited. */
  waitMs(limits: CapacityLimits, asked: Asked, nowMs: number, wallMs: () => number): number {
    // A limit that was raised since opens at once, not when somebody next gets in.
    if (limits !== this.fittedTo) this.fit(limits)
    const requestWaitMs = this.requests?.waitMs(1, nowMs) ?? 0
    const tokenWaitMs = this.tokens?.waitMs(asked.tokens, nowMs) ?? 0
    let waitMs = requestWaitMs > tokenWaitMs ? requestWaitMs : tokenWaitMs
    this.fullBy = 'rate'
    if (this.places !== undefined && this.running >= shareOf(this.places, asked.share)) {
      if (waitMs === 0) this.fullBy = 'concurrency'
      waitMs = Math.max(waitMs, PLACE_RETRY_MS)
    }
    return this.hasDays ? this.calendarWaitMs(limits, asked, { waitMs, wallMs: wallMs() }) : waitMs
  }

  private calendarWaitMs(
    limits: CapacityLimits,
    asked: Asked,
    { waitMs, wallMs }: { waitMs: number; wallMs: number },
  ): number {
    const refusal = this.calendar.refusal(limits, asked, wallMs)
    if (!refusal) return waitMs
    this.fullBy = refusal.kind
    // What running requests have set aside comes back with them.
    if (refusal.untilMs === undefined) return Math.max(waitMs, PLACE_RETRY_MS)
    return Math.max(waitMs, refusal.untilMs - wallMs, 1)
  }

  /** Share of the scarcest limit that is left, 0 to 1. */
  headroom(limits: CapacityLimits, share: number, { nowMs, wallMs }: Times): number {
    if (limits !== this.fittedTo) this.fit(limits)
    let least = 1
    if (this.places !== undefined) {
      const all = shareOf(this.places, share)
      least = (all - this.running) / all
    }
    if (this.requests) least = Math.min(least, this.requests.remainingShare(nowMs))
    if (this.tokens) least = Math.min(least, this.tokens.remainingShare(nowMs))
    if (this.hasDays) least = Math.min(least, 1 - this.calendar.fill(limits, wallMs()))
    return Math.max(0, least)
  }

  /** Used and allowed, of every limit there is. */
  readings(nowMs: number, wallMs: number): CapacityReadings {
    const { requestsPerMinute, tokensPerMinute, concurrency } = this.limits
    const { tokensPerDay, tokensPerMonth, nanosPerDay, nanosPerMonth } = this.limits
    const { day, month } = this.calendar.used(wallMs)
    const readings: CapacityReadings = {}
    if (concurrency !== undefined) readings.concurrency = { used: this.running, limit: concurrency }
    if (requestsPerMinute !== undefined)
      readings.requestsPerMinute = rateReading(this.requests, requestsPerMinute, nowMs)
    if (tokensPerMinute !== undefined)
      readings.tokensPerMinute = rateReading(this.tokens, tokensPerMinute, nowMs)
    if (tokensPerDay !== undefined) readings.tokensPerDay = { used: day.tokens, limit: tokensPerDay }
    if (tokensPerMonth !== undefined) readings.tokensPerMonth = { used: month.tokens, limit: tokensPerMonth }
    if (nanosPerDay !== undefined) readings.nanosPerDay = { used: day.nanos, limit: nanosPerDay }
    if (nanosPerMonth !== undefined) readings.nanosPerMonth = { used: month.nanos, limit: nanosPerMonth }
    return readings
  }

  isIdle(nowMs: number, wallMs: number): boolean {
    return this.isRateIdle(nowMs) && this.calendar.isIdle(wallMs)
  }

  isRateIdle(nowMs: number): boolean {
    return (
      this.running === 0 && (this.requests?.isIdle(nowMs) ?? true) && (this.tokens?.isIdle(nowMs) ?? true)
    )
  }

  /** Gives back the 3 KB of windows that hold nothing; the calendar is small and stays. The next look makes new ones. */
  dropWindows(): void {
    this.fittedTo = undefined
    this.requests = undefined
    this.tokens = undefined
  }
}

interface Times {
  nowMs: number
  wallMs: () => number
}

interface Reading<Value> {
  used: Value
  limit: Value
}

export interface CapacityReadings {
  concurrency?: Reading<number>
  requestsPerMinute?: Reading<number>
  tokensPerMinute?: Reading<number>
  tokensPerDay?: Reading<number>
  tokensPerMonth?: Reading<number>
  nanosPerDay?: Reading<bigint>
  nanosPerMonth?: Reading<bigint>
}

/** What has served nothing lately is idle; only a request larger than it ever takes does not fit. */
export function fitsUnused(limits: CapacityLimits, { tokens, nanos }: Asked): boolean {
  const { requestsPerMinute, tokensPerMinute, concurrency } = limits
  if ((requestsPerMinute ?? 1) < 1 || (tokensPerMinute ?? tokens) < tokens || (concurrency ?? 1) < 1)
    return false
  const { tokensPerDay, tokensPerMonth, nanosPerDay, nanosPerMonth } = limits
  if ((tokensPerDay ?? tokens) < tokens || (tokensPerMonth ?? tokens) < tokens) return false
  return (nanosPerDay ?? nanos) >= nanos && (nanosPerMonth ?? nanos) >= nanos
}

function limitsDays({ tokensPerDay, tokensPerMonth, nanosPerDay, nanosPerMonth }: CapacityLimits): boolean {
  return (
    tokensPerDay !== undefined ||
    tokensPerMonth !== undefined ||
    nanosPerDay !== undefined ||
    nanosPerMonth !== undefined
  )
}

function shareOf(concurrency: number, share: number): number {
  return share === 1 ? concurrency : Math.min(concurrency, Math.max(1, Math.floor(concurrency * share)))
}

function fitted(window: SlidingWindow | undefined, limit: number | undefined): SlidingWindow | undefined {
  if (limit === undefined) return undefined
  if (!window) return new SlidingWindow(limit, RATE_WINDOW_MS)
  window.setLimit(limit)
  return window
}

function rateReading(window: SlidingWindow | undefined, limit: number, nowMs: number): Reading<number> {
  return { used: limit - (window?.remaining(nowMs) ?? limit), limit }
}
