import { randomUUID } from 'node:crypto'
import type { Database } from './database.ts'
import { fixSetting } from './store.ts'

/** Names the database over its life, also when it is restored elsewhere: what belongs to its books is kept under it. */
export async function installationId(database: Database): Promise<string> {
  return String(await fixSetting(database, 'installation', randomUUID()))
}
