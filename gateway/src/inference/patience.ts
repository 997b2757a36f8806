import type { Clock } from '../platform/clock.ts'

// A timer that fires this late was held up by our own event loop; what waits in the sockets gets one more turn.
const LATE_MS = 250

/** Calls `onEnd` when `ms` are over, unless it is stopped before. */
export function startPatience(clock: Clock, ms: number, onEnd: () => void): { stop(): void } {
  const dueMs = clock.monotonicMs() + ms
  let timer = setTimeout(() => {
    if (clock.monotonicMs() - dueMs > LATE_MS) timer = setTimeout(onEnd, LATE_MS)
    else onEnd()
  }, ms)
  return { stop: () => clearTimeout(timer) }
}
