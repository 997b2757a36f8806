/**
 * Applies the reviewed SQL of prisma/migrations. Writes the same table, checksums and lock as Prisma Migrate, so
 * `npx prisma migrate deploy` and the gateway can take turns on one database.
 */
import { createHash, randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { connectClient, type DatabaseClient } from './database.ts'
import type { Logger } from './logger.ts'

interface Migration {
  name: string
  sql: string
  checksum: string
}

interface AppliedMigration {
  migration_name: string
  checksum: string
  finished_at: Date | null
}

// The key that Prisma Migrate itself locks with.
const LOCK_KEY = 72_707_369
const LOCK_POLL_MS = 100
// Another gateway may be building an index; longer than this and somebody should look.
const LOCK_PATIENCE_MS = 600_000

/**
 * Applies what the database does not have yet, oldest first, each in a transaction of its own. Gateways that start
 * together wait for each other. Throws when an applied file was changed or an earlier one failed half-way.
 */
export async function migrate({
  url,
  migrationsDir,
  logger,
}: {
  url: string
  migrationsDir: string
  logger: Logger
}): Promise<{ applied: string[] }> {
  const migrations = readMigrations(migrationsDir)
  const client = await connectClient(url, 'bourse/migrate')
  try {
    await lock(client)
    await client.query(CREATE_TABLE)
    const known = await readApplied(client)
    refuseSurprises(migrations, known, logger)
    const applied: string[] = []
    for (const migration of migrations) {
      if (known.has(migration.name)) continue
      await apply(client, migration)
      logger.info({ migration: migration.name }, 'migration applied')
      applied.push(migration.name)
    }
    return { applied }
  } finally {
    // Closing the connection releases the lock.
    await client.end()
  }
}

const CREATE_TABLE = `CREATE TABLE IF NOT EXISTS _prisma_migrations (
  id VARCHAR(36) PRIMARY KEY NOT NULL,
  checksum VARCHAR(64) NOT NULL,
  finished_at TIMESTAMPTZ,
  migration_name VARCHAR(255) NOT NULL,
  logs TEXT,
  rolled_back_at TIMESTAMPTZ,
  started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  applied_steps_count INTEGER NOT NULL DEFAULT 0
)`

/** The migrations in the order they apply: by folder name, which starts with a time. */
export function readMigrations(migrationsDir: string): Migration[] {
  const migrations = readdirSync(migrationsDir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
    .map((name) => {
      const sql = readFileSync(join(migrationsDir, name, 'migration.sql'), 'utf8')
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') }
    })
  if (migrations.length === 0) throw new Error(`There are no migrations in ${migrationsDir}.`)
  return migrations
}

async function lock(client: DatabaseClient): Promise<void> {
  const deadline = performance.now() + LOCK_PATIENCE_MS
  while (performance.now() < deadline) {
    // Asked again and again instead of waiting inside PostgreSQL: a waiting statement holds a snapshot, and
    // CREATE INDEX CONCURRENTLY in the process that has the lock would wait for that snapshot for ever.
    const { rows } = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1) AS locked', [
      LOCK_KEY,
    ])
    if (rows[0]?.locked) return
    await delay(LOCK_POLL_MS)
  }
  throw new Error(
    'Another process has been migrating this database for 10 minutes. Look at pg_stat_activity.',
  )
}

async function readApplied(client: DatabaseClient): Promise<Map<string, AppliedMigration>> {
  const { rows } = await client.query<AppliedMigration>(
    'SELECT migration_name, checksum, finished_at FROM _prisma_migrations WHERE rolled_back_at IS NULL ORDER BY started_at',
  )
  return new Map(rows.map((row) => [row.migration_name, row]))
}

function refuseSurprises(
  migrations: Migration[],
  known: Map<string, AppliedMigration>,
  logger: Logger,
): void {
  for (const { name, checksum } of migrations) {
    const row = known.get(name)
    if (row && row.finished_at === null) {
      throw new Error(
        `The migration ${name} failed half-way earlier. Repair what it left, then run: npx prisma migrate resolve --rolled-back ${name}`,
      )
    }
    if (row && row.checksum !== checksum) {
      throw new Error(
        `The migration ${name} was changed after it had been applied. Restore the file, and put the change into a new migration.`,
      )
    }
  }
  const ours = new Set(migrations.map((migration) => migration.name))
  const foreign = [...known.keys()].filter((name) => !ours.has(name))
  // A newer release was here: its migrations keep working with the one before it, so this is worth a line, no more.
  if (foreign.length > 0)
    logger.warn({ migrations: foreign }, 'the database has migrations this release does not know')
}

async function apply(client: DatabaseClient, migration: Migration): Promise<void> {
  if (/^--\s*no-transaction\b/.test(migration.sql)) return applyOutside(client, migration)
  await client.query('BEGIN')
  try {
    await client.query(migration.sql)
    await client.query(
      `INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name, applied_steps_count)
       VALUES ($1, $2, now(), $3, 1)`,
      [randomUUID(), migration.checksum, migration.name],
    )
    await client.query('COMMIT')
  } catch (cause) {
    await client.query('ROLLBACK').catch(() => {})
    throw failed(migration, cause)
  }
}

/** For what PostgreSQL refuses inside a transaction: one statement, noted before it starts and after it ended. */
async function applyOutside(client: DatabaseClient, migration: Migration): Promise<void> {
  const id = randomUUID()
  await client.query('INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES ($1, $2, $3)', [
    id,
    migration.checksum,
    migration.name,
  ])
  try {
    await client.query(migration.sql)
  } catch (cause) {
    const error = failed(migration, cause)
    await client.query('UPDATE _prisma_migrations SET logs = $2 WHERE id = $1', [id, error.message])
    throw error
  }
  await client.query(
    'UPDATE _prisma_migrations SET finished_at = now(), applied_steps_count = 1 WHERE id = $1',
    [id],
  )
}

function failed(migration: Migration, cause: unknown): Error {
  return new Error(`The migration ${migration.name} failed: ${(cause as Error).message}`, { cause })
}
