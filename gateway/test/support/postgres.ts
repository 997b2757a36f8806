/** Global set-up: one PostgreSQL server for the whole run, with a migrated database that each test file clones. */
import { createHash } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'
import { connectClient } from '../../src/platform/database.ts'
import { startEmbeddedPostgres } from '../../src/platform/embedded-postgres.ts'
import { createLogger } from '../../src/platform/logger.ts'
import { migrate, readMigrations } from '../../src/platform/migrate.ts'

export interface TestServer {
  adminUrl: string
  appUrl: string
  template: string
}

declare module 'vitest' {
  interface ProvidedContext {
    postgres: TestServer
  }
}

export const migrationsDir = fileURLToPath(new URL('../../../prisma/migrations', import.meta.url))

// The data is thrown away, so nothing waits for the disk; two workers with several databases each need connections.
const settings = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '300' }

export default async function startTestServer(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = mkdtempSync(join(tmpdir(), 'bourse-test-'))
  chmodSync(dataDir, 0o711)
  const logger = createLogger({ level: 'warn' })
  const server = await startEmbeddedPostgres({ dataDir, logger, settings })
  const template = await makeTemplate(server.adminUrl)
  project.provide('postgres', { adminUrl: server.adminUrl, appUrl: server.appUrl, template })
  return async () => {
    await server.stop()
    rmSync(dataDir, { recursive: true, force: true })
  }
}

/** A migrated database that nobody can connect to, named by what its migrations say. */
async function makeTemplate(adminUrl: string): Promise<string> {
  const hash = createHash('sha256')
  for (const { name, checksum } of readMigrations(migrationsDir)) hash.update(`${name}:${checksum}\n`)
  const template = `template_${hash.digest('hex').slice(0, 12)}`
  const admin = await connectClient(adminUrl)
  try {
    await admin.query(`CREATE DATABASE ${template}`)
    const url = new URL(adminUrl)
    url.pathname = template
    await migrate({ url: url.href, migrationsDir, logger: createLogger({ level: 'warn' }) })
    await admin.query(`ALTER DATABASE ${template} IS_TEMPLATE true ALLOW_CONNECTIONS false`)
    return template
  } finally {
    await admin.end()
  }
}
