/** Hears of changed listings: at once by LISTEN, and by a poll of the market's version when that is not to be had. */
import { connectClient, type Database, type DatabaseClient } from '../platform/database.ts'
import type { Logger } from '../platform/logger.ts'
import { listenForListings, marketVersion } from './store.ts'

const POLL_MS = 2_000
const RECONNECT_MS = 1_000

export interface MarketFollower {
  close(): Promise<void>
}

/** Calls `onChange` after changes, `onPoll` at each turn that reached the database. Losing the database ends nothing. */
export function followMarket({
  database,
  databaseUrl,
  logger,
  onChange,
  onPoll,
}: {
  database: Database
  /** Without it changes are heard by the poll only, within 2 s. */
  databaseUrl?: string | undefined
  logger: Logger
  onChange: () => Promise<void>
  onPoll: () => Promise<void>
}): MarketFollower {
  let client: DatabaseClient | undefined
  let reconnect: NodeJS.Timeout | undefined
  let polling: Promise<void> | undefined
  let version: string | undefined
  let closed = false

  async function connect(url: string): Promise<void> {
    try {
      client = await connectClient(url, 'bourse/marketplace')
      client.once('end', () => lost(url))
      await listenForListings(client, heard)
      // What changed while nobody listened was not heard.
      heard()
    } catch (error) {
      logger.warn({ err: error }, 'changes of listings cannot be heard; they take effect within 2 s')
      if (client) await client.end().catch(() => {})
      else lost(url)
    }
  }

  function heard(): void {
    onChange().catch(unread)
  }

  function unread(error: unknown): void {
    logger.warn({ err: error }, 'the market could not be read; offers stay as they were')
  }

  function lost(url: string): void {
    client = undefined
    if (closed) return
    reconnect = setTimeout(() => {
      connecting = connect(url)
    }, RECONNECT_MS)
    reconnect.unref()
  }

  async function poll(): Promise<void> {
    try {
      const current = await marketVersion(database)
      if (version !== current) await onChange()
      version = current
      await onPoll()
    } catch (error) {
      unread(error)
    } finally {
      polling = undefined
    }
  }

  let connecting = databaseUrl === undefined ? undefined : connect(databaseUrl)
  // A poll that a frozen database holds up is not joined by others.
  const timer = setInterval(() => {
    polling ??= poll()
  }, POLL_MS)
  timer.unref()

  return {
    async close() {
      closed = true
      clearInterval(timer)
      clearTimeout(reconnect)
      await connecting
      await polling
      await client?.end()
    },
  }
}
