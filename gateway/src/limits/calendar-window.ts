/**
 * Counts tokens and money of the UTC day and month. What running requests have set aside is counted as used, and is
 * known apart, because it may come back before the window ends.
 */

const DAY_MS = 86_400_000

/** What may be used in a day and a month; left out: no limit. Money in nano-dollars. */
export interface CalendarLimits {
  tokensPerDay?: number
  tokensPerMonth?: number
  nanosPerDay?: bigint
  nanosPerMonth?: bigint
}

export interface Amount {
  tokens: number
  nanos: bigint
}

/** What was used before this process counted, in the day and the month (that day included) of `atMs`. */
export interface Spent {
  /** Wall clock. */
  atMs: number
  day: Amount
  month: Amount
}

/**
 * Why an amount does not fit. `untilMs` (wall clock) is when the window ends, `Infinity` for what no window holds, and
 * undefined when only what running requests have set aside is in the way.
 */
export interface CalendarRefusal {
  kind: 'day' | 'month'
  untilMs: number | undefined
}

/** A window that is used up, and when it ends. */
export interface WindowClosed {
  kind: 'day' | 'month'
  untilMs: number
}

interface Count extends Amount {
  heldTokens: number
  heldNanos: bigint
}

/** Times are milliseconds of the wall clock; one that goes back stays in the window it has reached. */
export class CalendarWindow {
  private dayMs = Number.NEGATIVE_INFINITY
  private dayEndMs = Number.NEGATIVE_INFINITY
  private monthMs = Number.NEGATIVE_INFINITY
  private monthEndMs = Number.NEGATIVE_INFINITY
  private day: Count
  /** This month without today. */
  private before: Count
  // Whether a request was refused in this window for want of what is not merely set aside.
  private readonly refused = { day: false, month: false }

  constructor(spent?: Spent) {
    this.day = countOf(spent?.day)
    this.before = countOf(spent && minus(spent.month, spent.day))
    if (spent) this.enter(spent.atMs)
  }

  /** Adds what was used before, of the same window. */
  add({ day, month }: Spent): void {
    this.day = plus(this.day, countOf(day))
    this.before = plus(this.before, countOf(minus(month, day)))
  }

  /** Sets `amount` aside, whether or not it fits. Returns the day it counts for, which the end of it is told. */
  take({ tokens, nanos }: Amount, nowMs: number): number {
    this.advance(nowMs)
    const day = this.day
    day.tokens += tokens
    day.heldTokens += tokens
    if (nanos !== 0n) {
      day.nanos += nanos
      day.heldNanos += nanos
    }
    return this.dayMs
  }

  /** What was set aside on `dayMs` counts as used until `correct` knows better. */
  keep(dayMs: number, taken: Amount, nowMs: number): void {
    const count = this.countFor(dayMs, nowMs)
    if (count) release(count, taken)
  }

  /** What was set aside on `dayMs` is over and came to `used`. A window that has ended needs no correction. */
  settle(dayMs: number, { taken, used }: { taken: Amount; used: Amount }, nowMs: number): void {
    const count = this.countFor(dayMs, nowMs)
    if (!count) return
    release(count, taken)
    change(count, taken, used)
  }

  /** What was kept came to `used` after all. */
  correct(dayMs: number, { taken, used }: { taken: Amount; used: Amount }, nowMs: number): void {
    const count = this.countFor(dayMs, nowMs)
    if (count) change(count, taken, used)
  }

  /** Undefined when `amount` fits. A refusal is remembered: see `closed`. */
  refusal(limits: CalendarLimits, amount: Amount, nowMs: number): CalendarRefusal | undefined {
    this.advance(nowMs)
    const { tokensPerDay, tokensPerMonth, nanosPerDay, nanosPerMonth } = limits
    const limitsMonth = tokensPerMonth !== undefined || nanosPerMonth !== undefined
    const month = limitsMonth ? this.look('month', limits, amount) : undefined
    if (month && month.untilMs !== undefined) return month
    const limitsDay = tokensPerDay !== undefined || nanosPerDay !== undefined
    return (limitsDay ? this.look('day', limits, amount) : undefined) ?? month
  }

  /** The window, if any, that has to refuse whatever comes, and when it ends. */
  closed(limits: CalendarLimits, nowMs: number): WindowClosed | undefined {
    this.advance(nowMs)
    if (this.isClosed('month', limits)) return { kind: 'month', untilMs: this.monthEndMs }
    if (this.isClosed('day', limits)) return { kind: 'day', untilMs: this.dayEndMs }
    return undefined
  }

  /** Of the fullest limit, 0 to 1; above 1 when a limit was lowered. */
  fill(limits: CalendarLimits, nowMs: number): number {
    this.advance(nowMs)
    return Math.max(this.fillOf('day', limits), this.fillOf('month', limits))
  }

  /** Used and set aside, today and this month. */
  used(nowMs: number): { day: Amount; month: Amount } {
    this.advance(nowMs)
    return {
      day: { tokens: this.tokens('day'), nanos: this.nanos('day') },
      month: { tokens: this.tokens('month'), nanos: this.nanos('month') },
    }
  }

  /** True when nothing counts any more: forgetting this window then forgets nothing. */
  isIdle(nowMs: number): boolean {
    this.advance(nowMs)
    return this.tokens('month') === 0 && this.nanos('month') === 0n
  }

  private look(kind: Kind, limits: CalendarLimits, { tokens, nanos }: Amount): CalendarRefusal | undefined {
    const { tokenLimit, nanoLimit } = limitsOf(kind, limits)
    const leftTokens = tokenLimit === undefined ? Number.POSITIVE_INFINITY : tokenLimit - this.tokens(kind)
    const leftNanos = nanoLimit === undefined ? nanos + 1n : nanoLimit - this.nanos(kind)
    const untilMs = kind === 'day' ? this.dayEndMs : this.monthEndMs
    if (tokens <= leftTokens && nanos <= leftNanos) {
      // With something left, only one that was refused before can be closed.
      if (leftTokens > 0 && leftNanos > 0n && !this.refused[kind]) return undefined
      return this.isClosed(kind, limits) ? { kind, untilMs } : undefined
    }
    if (tokens > (tokenLimit ?? tokens) || nanos > (nanoLimit ?? nanos))
      return { kind, untilMs: Number.POSITIVE_INFINITY }
    if (tokens <= leftTokens + this.heldTokens(kind) && nanos <= leftNanos + this.heldNanos(kind))
      return { kind, untilMs: undefined }
    this.refused[kind] = true
    return { kind, untilMs }
  }

  /**
   * A window with less than a twentieth left that has had to refuse is over: what is left fits no usual request, and a
   * listing that takes the odd small one all day would never be seen to rest.
   */
  private isClosed(kind: Kind, limits: CalendarLimits): boolean {
    const { tokenLimit, nanoLimit } = limitsOf(kind, limits)
    const tokens = this.tokens(kind) - this.heldTokens(kind)
    if (tokenLimit !== undefined && tokens >= (this.refused[kind] ? tokenLimit * 0.95 : tokenLimit))
      return true
    if (nanoLimit === undefined) return false
    const nanos = this.nanos(kind) - this.heldNanos(kind)
    return nanos * 20n >= nanoLimit * (this.refused[kind] ? 19n : 20n)
  }

  private fillOf(kind: Kind, limits: CalendarLimits): number {
    const { tokenLimit, nanoLimit } = limitsOf(kind, limits)
    return Math.max(
      tokenLimit === undefined ? 0 : this.tokens(kind) / tokenLimit,
      nanoLimit === undefined ? 0 : Number(this.nanos(kind)) / Number(nanoLimit),
    )
  }

  private tokens(kind: Kind): number {
    return kind === 'day' ? this.day.tokens : this.day.tokens + this.before.tokens
  }

  private nanos(kind: Kind): bigint {
    return kind === 'day' ? this.day.nanos : this.day.nanos + this.before.nanos
  }

  private heldTokens(kind: Kind): number {
    return kind === 'day' ? this.day.heldTokens : this.day.heldTokens + this.before.heldTokens
  }

  private heldNanos(kind: Kind): bigint {
    return kind === 'day' ? this.day.heldNanos : this.day.heldNanos + this.before.heldNanos
  }

  /** What counts for a taking of that day; undefined when it was in another month. */
  private countFor(dayMs: number, nowMs: number): Count | undefined {
    this.advance(nowMs)
    if (dayMs === this.dayMs) return this.day
    return dayMs >= this.monthMs ? this.before : undefined
  }

  private advance(nowMs: number): void {
    if (nowMs < this.dayEndMs) return
    const sameMonth = nowMs < this.monthEndMs
    this.before = sameMonth ? plus(this.before, this.day) : countOf()
    this.day = countOf()
    this.refused.day = false
    if (!sameMonth) this.refused.month = false
    this.enter(nowMs)
  }

  private enter(nowMs: number): void {
    const now = new Date(nowMs)
    this.dayMs = Math.floor(nowMs / DAY_MS) * DAY_MS
    this.dayEndMs = this.dayMs + DAY_MS
    this.monthMs = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1)
    this.monthEndMs = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1)
  }
}

type Kind = CalendarRefusal['kind']

function release(count: Count, { tokens, nanos }: Amount): void {
  count.heldTokens -= tokens
  if (nanos !== 0n) count.heldNanos -= nanos
}

function change(count: Count, taken: Amount, used: Amount): void {
  count.tokens += used.tokens - taken.tokens
  if (used.nanos !== taken.nanos) count.nanos += used.nanos - taken.nanos
}

function limitsOf(
  kind: Kind,
  { tokensPerDay, tokensPerMonth, nanosPerDay, nanosPerMonth }: CalendarLimits,
): { tokenLimit: number | undefined; nanoLimit: bigint | undefined } {
  return kind === 'day'
    ? { tokenLimit: tokensPerDay, nanoLimit: nanosPerDay }
    : { tokenLimit: tokensPerMonth, nanoLimit: nanosPerMonth }
}

function countOf({ tokens, nanos }: Amount = { tokens: 0, nanos: 0n }): Count {
  return { tokens, nanos, heldTokens: 0, heldNanos: 0n }
}

function minus(a: Amount, b: Amount): Amount {
  return { tokens: a.tokens - b.tokens, nanos: a.nanos - b.nanos }
}

function plus(a: Count, b: Count): Count {
  return {
    tokens: a.tokens + b.tokens,
    nanos: a.nanos + b.nanos,
    heldTokens: a.heldTokens + b.heldTokens,
    heldNanos: a.heldNanos + b.heldNanos,
  }
}
