import { connectClient, type DatabaseClient } from '../platform/database.ts'
import type { Logger } from '../platform/logger.ts'
import { listenForKeys } from './store.ts'

const RECONNECT_MS = 1_000

export interface KeyChanges {
  close(): Promise<void>
}

/**
 * Calls `onChange` with the id of a changed key or organisation, and with `undefined` whenever the connection was
 * lost or made again: changes in between were not heard.
 */
export function followKeyChanges({
  databaseUrl,
  logger,
  onChange,
}: {
  databaseUrl?: string
  logger?: Logger
  onChange: (id: string | undefined) => void
}): KeyChanges {
  let client: DatabaseClient | undefined
  let timer: NodeJS.Timeout | undefined
  let closed = false

  async function connect(url: string): Promise<void> {
    try {
      const fresh = await connectClient(url, 'bourse/keys')
      fresh.once('end', () => lost(url))
      client = fresh
      if (closed) await fresh.end()
      else await listenForKeys(fresh, onChange)
      onChange(undefined)
    } catch (error) {
      logger?.warn({ err: error }, 'changes of keys cannot be heard; they take effect within 4 s')
      if (client) await client.end().catch(() => {})
      else lost(url)
    }
  }

  function lost(url: string): void {
    client = undefined
    if (closed) return
    onChange(undefined)
    timer = setTimeout(() => void connect(url), RECONNECT_MS)
    timer.unref()
  }

  const first = databaseUrl === undefined ? undefined : connect(databaseUrl)
  return {
    async close() {
      closed = true
      clearTimeout(timer)
      await first
      await client?.end()
    },
  }
}
