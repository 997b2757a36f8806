/**
 * Keeps a row of every request that reached a key. Written behind the answers, in batches; while the database is away some
 * thousands wait, and those beyond are counted and forgotten: what was billed comes back from the books.
 */
import type { Catalog } from '../catalog/catalog.ts'
import type { RequestEnded } from '../inference/deps.ts'
import type { Clock } from '../platform/clock.ts'
import type { Database } from '../platform/database.ts'
import type { Logger } from '../platform/logger.ts'
import { pause } from '../platform/pause.ts'
import { isTransient } from '../platform/transient-errors.ts'
import { lowestIdAt } from './id-bounds.ts'
import { forgetRequests, insertRequests } from './log-store.ts'
import { requestRow } from './request-row.ts'

// A row is about a kilobyte while it waits.
const MAX_WAITING = 20_000
const BATCH_MAX = 500
const GATHER_MS = 200
const RETRY_MS = 2_000
const FORGET_EVERY_MS = 3_600_000
const FORGET_BATCH = 5_000
const DAY_MS = 86_400_000

export interface RequestLog {
  /** On the request's path: only puts it in line. */
  ended(request: RequestEnded): void
  /** Resolves when everything told so far is written or given up. */
  idle(): Promise<void>
  lost(): number
  close(): Promise<void>
}

export interface RequestLogDeps {
  database: Pick<Database, 'pool'>
  catalog: Pick<Catalog, 'find'>
  clock: Clock
  logger: Pick<Logger, 'warn'>
  keptDays: number
  /** These rows can be read now. */
  onWritten: (ids: readonly string[]) => void
}

export function createRequestLog(deps: RequestLogDeps): RequestLog {
  const { database, catalog, clock, logger, keptDays, onWritten } = deps
  let waiting: RequestEnded[] = []
  let writing: Promise<void> | undefined
  let lost = 0
  const closing = new AbortController()

  async function write(): Promise<void> {
    while (waiting.length > 0) {
      await pause(GATHER_MS, closing.signal)
      const batch = waiting.slice(0, BATCH_MAX)
      try {
        await insertRequests(
          database,
          batch.map((ended) => requestRow(ended, catalog)),
        )
      } catch (error) {
        logger.warn({ err: error, requests: waiting.length }, 'requests were not written to the log')
        if (closing.signal.aborted) break
        if (isTransient(error)) {
          await pause(RETRY_MS, closing.signal)
          continue
        }
        // What the database will never take must not keep the others waiting.
        lost += batch.length
      }
      waiting = waiting.slice(batch.length)
      onWritten(batch.map(({ id }) => id))
    }
    writing = undefined
  }

  async function forget(): Promise<void> {
    const beforeId = lowestIdAt(clock.nowMs() - keptDays * DAY_MS)
    try {
      while ((await forgetRequests(database, { beforeId, limit: FORGET_BATCH })) >= FORGET_BATCH) {
        await pause(GATHER_MS, closing.signal)
        if (closing.signal.aborted) return
      }
    } catch (error) {
      logger.warn({ err: error }, 'old requests were not forgotten')
    }
  }

  const forgetting = setInterval(() => void forget(), FORGET_EVERY_MS)
  forgetting.unref()

  return {
    ended(request) {
      if (waiting.length >= MAX_WAITING) {
        lost += 1
        return
      }
      waiting.push(request)
      writing ??= write()
    },
    async idle() {
      while (writing) await writing
    },
    lost: () => lost,
    async close() {
      clearInterval(forgetting)
      closing.abort()
      await writing
    },
  }
}
