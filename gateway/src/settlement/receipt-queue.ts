/** Requests that were just booked, on their way to a signature: gathered for a moment, then signed in batches. */
import type { Logger } from '../platform/logger.ts'
import { pause } from '../platform/pause.ts'
import { isTransient } from '../platform/transient-errors.ts'

export interface ReceiptQueue {
  /** Takes note of a booked request. When the queue is full it is forgotten here, and found by the search. */
  add(id: string): void
  waiting(): number
  /** Resolves when everything noted so far is signed or given up. */
  idle(): Promise<void>
  /** Signs what is waiting without pauses and gives up what cannot be signed now. */
  close(): Promise<void>
}

// A minute of a thousand requests a second; an id takes some 100 bytes.
const QUEUE_MAX = 60_000
const BATCH_MAX = 250
// Nobody waits for a receipt, so a batch may fill for a moment: at 1,000 requests a second it holds a hundred.
const GATHER_MS = 100
const RETRY_MIN_MS = 500
const RETRY_MAX_MS = 30_000

export function createReceiptQueue({
  sign,
  logger,
}: {
  /** Signs a batch; must be safe to repeat. */
  sign: (ids: readonly string[]) => Promise<unknown>
  logger: Pick<Logger, 'warn' | 'error'>
}): ReceiptQueue {
  let waiting: string[] = []
  let pumping: Promise<void> | undefined
  const closing = new AbortController()

  async function pump(): Promise<void> {
    await pause(GATHER_MS, closing.signal)
    let retryMs = RETRY_MIN_MS
    while (waiting.length > 0) {
      const batch = waiting.slice(0, BATCH_MAX)
      waiting = waiting.slice(BATCH_MAX)
      try {
        await sign(batch)
        retryMs = RETRY_MIN_MS
      } catch (error) {
        if (!isTransient(error) || closing.signal.aborted) {
          logger.error(
            { err: error, receipts: batch.length },
            'receipts were not signed; the next search tries again',
          )
          continue
        }
        logger.warn({ err: error, receipts: batch.length, retryMs }, 'receipts wait for the database')
        waiting = batch.concat(waiting)
        await pause(retryMs, closing.signal)
        retryMs = Math.min(retryMs * 2, RETRY_MAX_MS)
      }
    }
    pumping = undefined
  }

  return {
    add(id) {
      if (closing.signal.aborted || waiting.length >= QUEUE_MAX) return
      waiting.push(id)
      pumping ??= pump()
    },
    waiting: () => waiting.length,
    async idle() {
      while (pumping) await pumping
    },
    async close() {
      closing.abort()
      while (pumping) await pumping
    },
  }
}
