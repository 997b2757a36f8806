/**
 * Keeps the sums and the request log level with the books. One node at a time; what one began and did not commit, the next
 * does again from the same mark, so that everything booked is counted once.
 */
import type { Clock } from '../platform/clock.ts'
import type { Database } from '../platform/database.ts'
import type { JobBoard } from '../platform/job-board.ts'
import type { Logger } from '../platform/logger.ts'
import { lowestIdAt } from './id-bounds.ts'
import { countBlock } from './rollup-store.ts'

const EVERY_MS = 1_500
const BLOCK = 2_000
/** Of one turn; what is left has its turn after the others. */
const BLOCKS_AT_ONCE = 50
const DAY_MS = 86_400_000

export interface Rollup {
  /** Counts what can be counted now; resolves when that is committed. */
  countNow(): Promise<void>
  close(): Promise<void>
}

export interface RollupDeps {
  database: Pick<Database, 'pool'>
  clock: Clock
  logger: Pick<Logger, 'error'>
  jobs: Pick<JobBoard, 'watch'>
  keptDays: number
  /** After each turn, also when nothing was new. */
  onCounted: () => Promise<void>
  /** 1.5 s unless told. */
  everyMs?: number
}

export function createRollup({
  database,
  clock,
  logger,
  jobs,
  keptDays,
  onCounted,
  everyMs = EVERY_MS,
}: RollupDeps): Rollup {
  let running: Promise<void> | undefined
  let isClosed = false

  const count = jobs.watch({ name: 'Count usage', everyMs }, async () => {
    const keepFromId = lowestIdAt(clock.nowMs() - keptDays * DAY_MS)
    for (let blocks = 0; blocks < BLOCKS_AT_ONCE && !isClosed; blocks += 1) {
      const counted = await countBlock(database.pool, { limit: BLOCK, keepFromId })
      if (!counted || (counted.booked < BLOCK && counted.unbilled < BLOCK)) break
    }
    await onCounted()
  })

  function countNow(): Promise<void> {
    running ??= count().finally(() => {
      running = undefined
    })
    return running
  }

  const timer = setInterval(() => {
    countNow().catch((error) => logger.error({ err: error }, 'usage could not be counted'))
  }, everyMs)
  timer.unref()

  return {
    countNow,
    async close() {
      isClosed = true
      clearInterval(timer)
      await running?.catch(() => undefined)
    },
  }
}
