/** What the system page reads of the database. Private to this folder. */
import type { Database } from '../platform/database.ts'

export interface DatabaseFacts {
  version: string
  sizeBytes: string
  migrations: { name: string; appliedAt: Date }[]
  mailsQueued: number
}

export async function readDatabaseFacts({ pool }: Pick<Database, 'pool'>): Promise<DatabaseFacts> {
  const { rows } = await pool.query<Omit<DatabaseFacts, 'migrations'>>(
    `SELECT current_setting('server_version') AS version, pg_database_size(current_database())::text AS "sizeBytes",
       (SELECT count(*)::integer FROM mail WHERE state = 'queued') AS "mailsQueued"`,
  )
  const { rows: migrations } = await pool.query<DatabaseFacts['migrations'][number]>(
    `SELECT migration_name AS name, finished_at AS "appliedAt" FROM _prisma_migrations
     WHERE finished_at IS NOT NULL ORDER BY migration_name`,
  )
  return { ...(rows[0] as Omit<DatabaseFacts, 'migrations'>), migrations }
}
