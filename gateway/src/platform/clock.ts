/** Time as the house sees it: wall time for what people read, monotonic time for every interval. */
export interface Clock {
  /** Milliseconds since 1970, wall clock. */
  nowMs(): number
  /** Milliseconds from an arbitrary start; never goes back. */
  monotonicMs(): number
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
}
