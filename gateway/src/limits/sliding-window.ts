/**
 * Counts what was taken in the last minute and lets through at most `limit` in any sliding window, wherever
 * the window is laid. A fixed window would let twice the limit pass around its border.
 */

/** Length of a window unless said otherwise; vendors state their limits per minute. */
export const WINDOW_MS = 60_000

const BUCKET_MS = 1_000

export type Taken = { ok: true } | { ok: false; retryAfterMs: number }

/**
 * At most `limit` in any window. One bucket a second; a bucket counts until its youngest taking is a window old, which
 * can only refuse too much (by less than a second's worth), never admit too much. Times are milliseconds of a
 * clock that does not go back; a reading that does is taken as the last one seen.
 */
export class SlidingWindow {
  private limit: number
  private readonly windowMs: number
  // A window of 60 s touches at most 61 one-second buckets, so a slot is free again before it is needed.
  private readonly slots: number
  private total = 0
  private seenMs = 0
  /** Absolute number of the oldest second that may still count. */
  private oldestSecond = 0
  private readonly amounts: Float64Array
  private readonly seconds: Float64Array
  private readonly youngestMs: Float64Array

  /** `windowMs` is a whole number of seconds. */
  constructor(limit: number, windowMs = WINDOW_MS) {
    this.limit = limit
    this.windowMs = windowMs
    this.slots = Math.ceil(windowMs / BUCKET_MS) + 1
    this.amounts = new Float64Array(this.slots)
    this.seconds = new Float64Array(this.slots).fill(-1)
    this.youngestMs = new Float64Array(this.slots)
  }

  /** Takes `amount` if it fits. `retryAfterMs` is when it will, if nobody else comes; `Infinity` if it never can. */
  take(amount: number, nowMs: number): Taken {
    const retryAfterMs = this.waitMs(amount, nowMs)
    if (retryAfterMs > 0) return { ok: false, retryAfterMs }
    this.add(amount, this.seenMs)
    return { ok: true }
  }

  /** Takes `amount` of which `waitMs` has just said that it fits. */
  count(amount: number, nowMs: number): void {
    this.add(amount, this.advance(nowMs))
  }

  /** How long until `amount` fits if nobody else takes: 0 now, `Infinity` never. Takes nothing. */
  waitMs(amount: number, nowMs: number): number {
    const now = this.advance(nowMs)
    if (amount > this.limit) return Number.POSITIVE_INFINITY
    let excess = this.total + amount - this.limit
    for (let second = this.oldestSecond; excess > 0 && second < this.oldestSecond + this.slots; second += 1) {
      const slot = second % this.slots
      if (this.seconds[slot] !== second) continue
      excess -= this.amounts[slot] as number
      if (excess <= 0) return (this.youngestMs[slot] as number) + this.windowMs - now
    }
    return 0
  }

  /**
   * Replaces an estimate by the fact: adds `delta` to what was taken at `takenAtMs`. What has left the window
   * since is given back by time already; a shortfall found that late counts from now.
   */
  correct(delta: number, takenAtMs: number): void {
    const second = Math.floor(takenAtMs / BUCKET_MS)
    const slot = second % this.slots
    if (this.seconds[slot] === second) {
      const before = this.amounts[slot] as number
      const after = Math.max(0, before + delta)
      this.amounts[slot] = after
      this.total += after - before
    } else if (delta > 0) this.add(delta, this.seenMs)
  }

  /** What could be taken now; never below 0, though a correction may have found more used than allowed. */
  remaining(nowMs: number): number {
    this.advance(nowMs)
    return Math.max(0, this.limit - this.total)
  }

  /** What could be taken now, of the limit: 0 to 1. */
  remainingShare(nowMs: number): number {
    return this.limit > 0 ? this.remaining(nowMs) / this.limit : 0
  }

  /** How long until everything taken so far has left the window. */
  resetMs(nowMs: number): number {
    const now = this.advance(nowMs)
    let lastMs = now
    for (let slot = 0; slot < this.slots; slot += 1) {
      if ((this.seconds[slot] as number) < this.oldestSecond || this.amounts[slot] === 0) continue
      lastMs = Math.max(lastMs, (this.youngestMs[slot] as number) + this.windowMs)
    }
    return lastMs - now
  }

  /** True when nothing counts any more: forgetting this window then forgets nothing. */
  isIdle(nowMs: number): boolean {
    this.advance(nowMs)
    return this.total === 0
  }

  /** The limit may change while the window lives; what was taken stays taken. */
  setLimit(limit: number): void {
    this.limit = limit
  }

  private add(amount: number, nowMs: number): void {
    if (amount <= 0) return
    const second = Math.floor(nowMs / BUCKET_MS)
    const slot = second % this.slots
    if (this.seconds[slot] !== second) {
      this.seconds[slot] = second
      this.amounts[slot] = 0
    }
    this.amounts[slot] = (this.amounts[slot] as number) + amount
    this.youngestMs[slot] = nowMs
    this.total += amount
  }

  /** Moves to `nowMs` in whole milliseconds, so that waiting `retryAfterMs` is long enough to the bit. */
  private advance(nowMs: number): number {
    const now = Math.floor(nowMs)
    // Within one millisecond nothing leaves the window: a thousand listings are looked at in one.
    if (now <= this.seenMs) return this.seenMs
    this.seenMs = now
    const newestSecond = Math.floor(now / BUCKET_MS)
    // Everything that still counts lies within that many seconds of the oldest: no walk is longer.
    const lastSecond = Math.min(newestSecond, this.oldestSecond + this.slots - 1)
    while (this.total > 0 && this.oldestSecond <= lastSecond && this.expire(now)) this.oldestSecond += 1
    if (this.total === 0) this.oldestSecond = newestSecond
    return now
  }

  /** Clears the oldest second; false while it still counts. */
  private expire(nowMs: number): boolean {
    const slot = this.oldestSecond % this.slots
    if (this.seconds[slot] !== this.oldestSecond) return true
    if ((this.youngestMs[slot] as number) + this.windowMs > nowMs) return false
    this.total -= this.amounts[slot] as number
    this.amounts[slot] = 0
    this.seconds[slot] = -1
    return true
  }
}
