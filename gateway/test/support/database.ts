import { randomBytes } from 'node:crypto'
import { inject } from 'vitest'
import { connectClient, type Database, openDatabase } from '../../src/platform/database.ts'
import { createLogger } from '../../src/platform/logger.ts'
import type {} from './postgres.ts'

export interface EmptyDatabase {
  /** As the gateway connects: a login role that is a member of `gateway_app`. */
  url: string
  /** As the superuser: for migrations, and for looking at what the gateway may not see. */
  adminUrl: string
  drop(): Promise<void>
}

export interface TestDatabase extends EmptyDatabase {
  /** Opened with `url`; `drop` closes it. */
  database: Database
}

/** A fresh migrated database of its own, in about 50 ms. Drop it in `afterAll`. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const empty = await createFrom(inject('postgres').template)
  const logger = createLogger({ level: 'error' })
  // A machine that runs several suites at once may take more than the second that a caller gets in earnest.
  const database = openDatabase({ url: empty.url, applicationName: 'bourse-test', logger, connectMs: 10_000 })
  return {
    ...empty,
    database,
    async drop() {
      await database.close()
      await empty.drop()
    },
  }
}

/** A fresh database without any table. */
export function createEmptyDatabase(): Promise<EmptyDatabase> {
  return createFrom('template0')
}

async function createFrom(template: string): Promise<EmptyDatabase> {
  const server = inject('postgres')
  const name = `test_${randomBytes(6).toString('hex')}`
  // file_copy: 50 ms, where the default writes the whole template to the log.
  await asAdmin(server.adminUrl, `CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY file_copy`)
  return {
    url: databaseUrl(server.appUrl, name),
    adminUrl: databaseUrl(server.adminUrl, name),
    drop: () => asAdmin(server.adminUrl, `DROP DATABASE ${name} WITH (FORCE)`),
  }
}

async function asAdmin(url: string, sql: string): Promise<void> {
  const admin = await connectClient(url)
  try {
    await admin.query(sql)
  } finally {
    await admin.end()
  }
}

function databaseUrl(serverUrl: string, name: string): string {
  const url = new URL(serverUrl)
  url.pathname = name
  return url.href
}
