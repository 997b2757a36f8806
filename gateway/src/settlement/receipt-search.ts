/** Finds what was booked and never signed: by a process that was killed, or while the queue was full. */
import { setTimeout as delay } from 'node:timers/promises'
import { findUnsigned, keepProgress, type ReceiptPool, searchBounds } from './receipt-store.ts'

// Records looked at by one statement, and signed by one batch.
const LOOK_AT = 1_000
const BATCH_MAX = 250
// After a batch requests have the processor for themselves: a backlog is worked off at some 2,500 a second.
const BREATH_MS = 50
// What was booked just now is in some process's queue.
const GRACE_MS = 5_000
// A settlement that began before the search may commit after it; the server ends its statement after 4.5 s.
const OVERLAP_MS = 60_000

/** Signs every usage record without a receipt since the last search; returns how many there were. Stops when aborted. */
export async function searchUnsigned({
  pool,
  sign,
  signal,
  graceMs = GRACE_MS,
}: {
  pool: ReceiptPool
  sign: (ids: readonly string[]) => Promise<unknown>
  signal: AbortSignal
  graceMs?: number
}): Promise<number> {
  const { after, until } = await searchBounds(pool, graceMs)
  let cursor = after
  let found = 0
  while (!signal.aborted) {
    const { ids, next } = await findUnsigned(pool, { after: cursor, until, limit: LOOK_AT })
    if (!next) {
      await keepProgress(pool, until, OVERLAP_MS)
      break
    }
    for (let start = 0; start < ids.length && !signal.aborted; start += BATCH_MAX) {
      await sign(ids.slice(start, start + BATCH_MAX))
      await delay(BREATH_MS, undefined, { ref: false, signal }).catch(() => undefined)
    }
    found += ids.length
    cursor = next
  }
  return found
}
