import type { Database } from '../platform/database.ts'
import type { Logger } from '../platform/logger.ts'
import { touchKeys } from './store.ts'

const FLUSH_MS = 60_000
// As many as the verifier can hold; more uses in one minute are counted a minute later.
const KEYS_MAX = 50_000

export interface UseRecorder {
  note(keyId: string, nowMs: number): void
  flush(): Promise<void>
  close(): Promise<void>
}

/** Remembers when each key was last used and writes it once a minute: a hint for people, never worth a write per request. */
export function createUseRecorder({
  database,
  logger,
}: {
  database: Database
  logger?: Logger
}): UseRecorder {
  let uses = new Map<string, number>()

  async function flush(): Promise<void> {
    if (uses.size === 0) return
    const batch = uses
    uses = new Map()
    try {
      await touchKeys(database, batch)
    } catch (error) {
      // Lost on purpose: the next use writes it again.
      logger?.warn({ err: error, keys: batch.size }, 'the last uses of keys could not be written')
    }
  }

  const timer = setInterval(() => void flush(), FLUSH_MS)
  timer.unref()
  return {
    note(keyId, nowMs) {
      if (uses.size < KEYS_MAX || uses.has(keyId)) uses.set(keyId, nowMs)
    },
    flush,
    async close() {
      clearInterval(timer)
      await flush()
    },
  }
}
