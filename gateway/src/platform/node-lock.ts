/**
 * One process per node, over machines and containers: DATA_DIR's lock file knows the processes of its own system only,
 * and a shared volume is seen by two. The database is what both of them have.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { connectClient, type DatabaseClient } from './database.ts'
import type { Logger } from './logger.ts'

// How long a predecessor may take to end, or the server to notice that it has.
const TAKE_MS = 10_000
const TRY_AGAIN_MS = 250
const RECONNECT_MS = 1_000

export interface NodeLock {
  release(): Promise<void>
}

interface NodeLockOptions {
  databaseUrl: string
  nodeId: string
  logger: Pick<Logger, 'warn'>
  /** Called when another process took the lock while the database was away. */
  onLost: (error: Error) => void
  takeMs?: number
}

/** Takes the node for this process until it is released. Throws a message for the operator when another one has it. */
export async function lockNode(options: NodeLockOptions): Promise<NodeLock> {
  const { logger, onLost } = options
  let released = false
  let client = await take(options)

  function watch(): void {
    client.once('end', () => {
      if (!released) void again()
    })
  }

  async function again(): Promise<void> {
    while (!released) {
      try {
        client = await take(options)
        if (released) await client.end()
        else watch()
        return
      } catch (error) {
        if (error instanceof NodeTaken) {
          onLost(error)
          return
        }
        logger.warn({ err: error }, 'the lock of this node is taken again when the database is back')
        await delay(RECONNECT_MS, undefined, { ref: false })
      }
    }
  }

  watch()
  return {
    async release() {
      released = true
      await client.end().catch(() => undefined)
    },
  }
}

class NodeTaken extends Error {}

async function take({ databaseUrl, nodeId, takeMs = TAKE_MS }: NodeLockOptions): Promise<DatabaseClient> {
  const client = await connectClient(databaseUrl, 'bourse/node')
  try {
    const deadlineMs = performance.now() + takeMs
    for (;;) {
      const { rows } = await client.query<{ taken: boolean }>(
        'SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS taken',
        [`bourse node ${nodeId}`],
      )
      if (rows[0]?.taken) return client
      if (performance.now() > deadlineMs) {
        throw new NodeTaken(
          'Another gateway runs with a copy of this DATA_DIR, or shares it. Give each gateway a DATA_DIR of its own.',
        )
      }
      await delay(TRY_AGAIN_MS)
    }
  } catch (error) {
    await client.end().catch(() => undefined)
    throw error
  }
}
