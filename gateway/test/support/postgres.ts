/** Global set-up: one PostgreSQL server for the whole run, with a migrated database that each test file clones. */
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'
import { connectClient } from '../../src/platform/database.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/platform/embedded-postgres.ts'
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

const PREFIX = 'bourse-test-'
const logger = createLogger({ level: 'warn' })

// The data is thrown away, so nothing waits for the disk; two workers with several databases each need connections.
const settings = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '300' }

export default async function startTestServer(project: TestProject): Promise<() => Promise<void>> {
  await removeLeftovers()
  const dataDir = mkdtempSync(join(tmpdir(), PREFIX))
  chmodSync(dataDir, 0o711)
  const server = await startEmbeddedPostgres({ dataDir, logger, settings })
  const remove = () => removeServer(server, dataDir)
  try {
    const template = await makeTemplate(server.adminUrl)
    project.provide('postgres', { adminUrl: server.adminUrl, appUrl: server.appUrl, template })
    return remove
  } catch (error) {
    await remove()
    throw error
  }
}

async function removeServer(server: EmbeddedPostgres, dataDir: string): Promise<void> {
  // First, so that a run that starts right now does not take the folder for a leftover.
  rmSync(join(dataDir, 'postgres.json'), { force: true })
  await server.stop()
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 })
}

/** Ends the servers of runs that were killed. A run that lives has the lock of its folder, so it is left alone. */
async function removeLeftovers(): Promise<void> {
  const folders = readdirSync(tmpdir()).filter((name) => name.startsWith(PREFIX))
  for (const dataDir of folders.map((name) => join(tmpdir(), name))) {
    // Without this file the run is still making its database, or nothing runs that could be ended.
    if (!existsSync(join(dataDir, 'postgres.json'))) continue
    try {
      const left = await startEmbeddedPostgres({
        dataDir,
        logger: createLogger({ level: 'silent' }),
        settings,
      })
      await removeServer(left, dataDir)
    } catch {
      // In use, or another user's.
    }
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
    await migrate({ url: url.href, migrationsDir, logger })
    await admin.query(`ALTER DATABASE ${template} IS_TEMPLATE true ALLOW_CONNECTIONS false`)
    return template
  } finally {
    await admin.end()
  }
}
