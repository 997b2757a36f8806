import { LRUCache } from 'lru-cache'
import type { Clock } from '../platform/clock.ts'
import { GatewayError } from '../platform/errors.ts'

/** What is revoked must stop within 5 s everywhere: nothing older than 4 s is served, which leaves 1 s for the read. */
const FRESH_MS = 4_000
// From 3 s on, one read in the background replaces the entry, so that a busy caller never waits.
const REFRESH_AHEAD_MS = 3_000
const REFRESH_RETRY_MS = 250
const MISS_MS = 2_000
// Reads wait for five connections; more than this in line and the answer would come too late to matter.
const READS_MAX = 1_000

export interface FreshCache<Value extends object> {
  /** The value at once when a fresh one is held, else what `read` finds; one read per key at a time. What `read` throws is thrown. */
  get(key: string, read: () => Promise<Value>): Value | Promise<Value>
  /** Forgets what matches, and keeps nothing that a read already under way brings home. */
  forget(matches: (value: Value) => boolean): void
}

interface Entry<Value> {
  value: Value
  /** When its read began: what was revoked later may not be known to it. */
  readAtMs: number
  refreshAtMs: number
}

/** A bounded cache that would rather wait for the database than serve what is older than `FRESH_MS`. Failed reads are not kept. */
export function createFreshCache<Value extends object>({
  max,
  isMiss,
  clock,
}: {
  max: number
  /** Misses live shorter and apart, so that a flood of guesses cannot push out the callers we know. */
  isMiss: (value: Value) => boolean
  clock: Clock
}): FreshCache<Value> {
  const kept = new LRUCache<string, Entry<Value>>({ max })
  const missed = new LRUCache<string, Entry<Value>>({ max })
  const reads = new Map<string, Promise<Value>>()
  let generation = 0

  function readOnce(key: string, read: () => Promise<Value>): Promise<Value> {
    const running = reads.get(key)
    if (running) return running
    if (reads.size >= READS_MAX) {
      throw new GatewayError(
        'overloaded',
        'Too many sign-ins are being checked at once. Retry in a second.',
        { retryAfterMs: 1_000 },
      )
    }
    const readAtMs = clock.monotonicMs()
    // Called before anything is awaited: what `read` can refuse by itself is thrown at once.
    const started = keep(key, readAtMs, read()).finally(() => {
      if (reads.get(key) === started) reads.delete(key)
    })
    reads.set(key, started)
    return started
  }

  async function keep(key: string, readAtMs: number, reading: Promise<Value>): Promise<Value> {
    const bornIn = generation
    const value = await reading
    if (bornIn !== generation) return value
    const miss = isMiss(value)
    ;(miss ? kept : missed).delete(key)
    ;(miss ? missed : kept).set(key, { value, readAtMs, refreshAtMs: readAtMs + REFRESH_AHEAD_MS })
    return value
  }

  return {
    get(key, read) {
      const nowMs = clock.monotonicMs()
      const entry = kept.get(key)
      if (entry && nowMs - entry.readAtMs < FRESH_MS) {
        if (nowMs >= entry.refreshAtMs && reads.size < READS_MAX) {
          entry.refreshAtMs = nowMs + REFRESH_RETRY_MS
          // The entry serves on; whoever comes after its end hears about the failure.
          readOnce(key, read).catch(() => {})
        }
        return entry.value
      }
      const miss = missed.get(key)
      if (miss && nowMs - miss.readAtMs < MISS_MS) return miss.value
      return readOnce(key, read)
    },
    forget(matches) {
      generation += 1
      reads.clear()
      for (const cache of [kept, missed]) {
        for (const [key, { value }] of cache.entries()) if (matches(value)) cache.delete(key)
      }
    },
  }
}
