/** Waiting for database errors that pass by themselves. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Clock } from '../platform/clock.ts'
import { isTransient } from '../platform/transient-errors.ts'

const FIRST_WAIT_MS = 5
const LONGEST_WAIT_MS = 1_000

export interface Patience {
  clock: Clock
  patienceMs: number
  onRetry?: (error: unknown, attempt: number) => void
}

/** Runs `operation` again, with growing jittered waits, while its error is transient and `patienceMs` have not passed. */
export async function retryTransient<Result>(
  operation: () => Promise<Result>,
  { clock, patienceMs, onRetry }: Patience,
): Promise<Result> {
  const deadlineMs = clock.monotonicMs() + patienceMs
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await operation()
    } catch (error) {
      const waitMs = Math.random() * Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempt)
      if (!isTransient(error) || clock.monotonicMs() + waitMs > deadlineMs) throw error
      onRetry?.(error, attempt)
      await delay(waitMs)
    }
  }
}
