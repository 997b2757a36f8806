/**
 * Group commit: whatever is asked for while a batch is in flight forms the next one, so a lone caller waits for
 * nothing and a crowd shares the price of a commit. Every operation gets its own result.
 */
import type { Clock } from '../platform/clock.ts'
import { GatewayError } from '../platform/errors.ts'
import type { Metrics } from '../platform/metrics.ts'
import { isTransient } from '../platform/transient-errors.ts'
import { retryTransient } from './transient.ts'

// Larger batches hold their locks longer than they save commits.
const BATCH_MAX = 500
// What a second of commits can work off; beyond it a caller is better served by another node, or later.
const QUEUE_MAX = 5_000

export interface Batcher<Operation, Result> {
  /** Throws `overloaded` when the queue is full, `unavailable` when patience ran out; else what the operation met. */
  add(operation: Operation): Promise<Result>
  queued(): number
  /** Whether the next one would be refused. */
  full(): boolean
  /** Resolves when everything that was added has its result; refuses what comes later. */
  close(): Promise<void>
}

export interface BatcherOptions<Operation, Result> {
  /** For metrics. */
  name: string
  /** Commits all or none, and must be safe to repeat; returns one result per operation, in order. */
  run: (operations: readonly Operation[]) => Promise<readonly Result[]>
  /** How long errors that pass by themselves are waited out. */
  patienceMs: number
  /** Called with an operation that fails alone; its caller hears what this returns. Must not throw. */
  onPoison: (operation: Operation, error: unknown) => Promise<GatewayError>
  onRetry: (error: unknown, attempt: number) => void
  /** Called with operations given up on while nobody knew whether they were committed. */
  onDoubt?: (operations: readonly Operation[]) => void
  clock: Clock
  metrics?: Pick<Metrics, 'batchCommitted'>
}

interface Waiting<Operation, Result> {
  operation: Operation
  resolve: (result: Result) => void
  reject: (error: unknown) => void
}

export function createBatcher<Operation, Result>(
  options: BatcherOptions<Operation, Result>,
): Batcher<Operation, Result> {
  let queue: Waiting<Operation, Result>[] = []
  let pumping: Promise<void> | undefined
  let closed = false

  async function pump(): Promise<void> {
    // After the current turn, so that requests that arrived together travel together.
    await Promise.resolve()
    while (queue.length > 0) {
      const batch = queue.slice(0, BATCH_MAX)
      queue = queue.slice(BATCH_MAX)
      await commit(batch, options)
    }
    pumping = undefined
  }

  return {
    add(operation) {
      if (closed) return Promise.reject(new GatewayError('shutting_down', 'The gateway is stopping. Retry.'))
      if (queue.length >= QUEUE_MAX) {
        return Promise.reject(
          new GatewayError('overloaded', 'Too many requests are waiting for their booking. Retry shortly.', {
            retryAfterMs: 1_000,
          }),
        )
      }
      return new Promise<Result>((resolve, reject) => {
        queue.push({ operation, resolve, reject })
        pumping ??= pump()
      })
    },
    queued: () => queue.length,
    full: () => queue.length >= QUEUE_MAX,
    async close() {
      closed = true
      while (pumping) await pumping
    },
  }
}

/** Settles every waiting operation of the batch; never throws. */
async function commit<Operation, Result>(
  batch: readonly Waiting<Operation, Result>[],
  options: BatcherOptions<Operation, Result>,
): Promise<void> {
  const { clock, metrics, name } = options
  const operations = batch.map(({ operation }) => operation)
  try {
    const startedMs = clock.monotonicMs()
    const results = await retryTransient(() => options.run(operations), options)
    if (results.length !== batch.length) {
      throw new Error(`${name}: ${results.length} results for ${batch.length} operations`)
    }
    metrics?.batchCommitted({
      queue: name,
      size: batch.length,
      durationMs: clock.monotonicMs() - startedMs,
    })
    for (const [index, { resolve }] of batch.entries()) resolve(results[index] as Result)
  } catch (error) {
    await blame(batch, error, options)
  }
}

/** Everybody hears of an outage; a refused batch is halved until the one to blame stands alone. */
async function blame<Operation, Result>(
  batch: readonly Waiting<Operation, Result>[],
  error: unknown,
  options: BatcherOptions<Operation, Result>,
): Promise<void> {
  if (isTransient(error)) {
    options.onDoubt?.(batch.map(({ operation }) => operation))
    const outage = new GatewayError(
      'unavailable',
      'The ledger cannot be reached at the moment. Retry in a few seconds.',
      {
        cause: error,
        retryAfterMs: 1_000,
      },
    )
    for (const { reject } of batch) reject(outage)
    return
  }
  const [first] = batch
  if (batch.length === 1 && first) {
    first.reject(await options.onPoison(first.operation, error))
    return
  }
  const middle = Math.ceil(batch.length / 2)
  await commit(batch.slice(0, middle), options)
  await commit(batch.slice(middle), options)
}
