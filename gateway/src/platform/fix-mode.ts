import type { Database } from './database.ts'
import { fixSetting } from './store.ts'

/** Writes the mode into a new database; throws a message for the operator when the database was made in the other one. */
export async function fixMode(database: Database, mode: 'play' | 'live'): Promise<void> {
  const fixed = await fixSetting(database, 'mode', mode)
  if (fixed === mode) return
  throw new Error(
    `This database was made in ${String(fixed)} mode and the gateway is set to ${mode}. Play money and real money never mix: set GATEWAY_MODE=${String(fixed)}, or use another database.`,
  )
}
