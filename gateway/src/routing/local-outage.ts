/**
 * Tells an outage of ours from outages of theirs: when connections to three unrelated origins fail within five seconds
 * and nobody answered meanwhile, the network that failed is the one we all share.
 */

/** reliability.md, I21. */
const ORIGINS = 3
const WITHIN_MS = 5_000

export interface LocalOutage {
  /** A connection to `origin` failed. Says whether that began an outage. */
  connectionFailed(origin: string, nowMs: number): boolean
  /** Somebody outside answered, whatever it was. */
  answered(): void
  isOn(nowMs: number): boolean
  /** How often it came to one. */
  count(): number
}

export function createLocalOutage(): LocalOutage {
  // The last failure of each origin since anybody answered: at most as many as make an outage.
  const failedAtMs = new Map<string, number>()
  let untilMs = Number.NEGATIVE_INFINITY
  let count = 0

  return {
    connectionFailed(origin, nowMs) {
      for (const [other, atMs] of failedAtMs) if (atMs <= nowMs - WITHIN_MS) failedAtMs.delete(other)
      if (failedAtMs.size < ORIGINS || failedAtMs.has(origin)) failedAtMs.set(origin, nowMs)
      if (failedAtMs.size < ORIGINS) return false
      const begins = nowMs >= untilMs
      if (begins) count += 1
      untilMs = nowMs + WITHIN_MS
      return begins
    },
    answered() {
      if (failedAtMs.size === 0) return
      failedAtMs.clear()
      untilMs = Number.NEGATIVE_INFINITY
    },
    isOn: (nowMs) => nowMs < untilMs,
    count: () => count,
  }
}
