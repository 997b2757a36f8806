/** A throw-away PostgreSQL server with the durability of a real one, which a test may kill and start again. */
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { connectClient } from '../../src/platform/database.ts'
import { startEmbeddedPostgres } from '../../src/platform/embedded-postgres.ts'
import { createLogger } from '../../src/platform/logger.ts'
import { findPostgres } from '../../src/platform/postgres-binaries.ts'
import { launchServer, type ServerProcess } from '../../src/platform/postgres-server.ts'
import { processIdentity } from '../../src/platform/process-identity.ts'

export interface DatabaseServer {
  /** The superuser's URL of a database. */
  url(database: string): string
  port(): number
  createDatabase(): Promise<string>
  /** SIGKILL to the postmaster; resolves when it is gone. What it was doing for others ends as it may. */
  kill(): Promise<void>
  /** Starts it again on its data, on another port. */
  restart(): Promise<void>
  stop(): Promise<void>
}

// A leftover of a killed run is found and ended by the next one: see support/postgres.ts.
const PREFIX = 'bourse-test-crash-'
const POLL_MS = 10

export async function startDatabaseServer(): Promise<DatabaseServer> {
  const dataDir = mkdtempSync(join(tmpdir(), PREFIX))
  chmodSync(dataDir, 0o711)
  const logger = createLogger({ level: 'silent' })
  const first = await startEmbeddedPostgres({ dataDir, logger })
  const { adminPassword, folder } = JSON.parse(readFileSync(join(dataDir, 'postgres.json'), 'utf8'))
  let server: Pick<ServerProcess, 'pid' | 'port' | 'stop'> = first
  const url = (database: string) =>
    `postgresql://postgres:${adminPassword}@127.0.0.1:${server.port}/${database}`
  return {
    url,
    port: () => server.port,
    async createDatabase() {
      const name = `crash_${randomBytes(6).toString('hex')}`
      const admin = await connectClient(url('postgres'))
      try {
        await admin.query(`CREATE DATABASE ${name}`)
        return name
      } finally {
        await admin.end()
      }
    },
    async kill() {
      process.kill(server.pid, 'SIGKILL')
      while (processIdentity(server.pid) !== undefined) await delay(POLL_MS)
    },
    async restart() {
      const cluster = { folder, adminPassword, binaries: findPostgres({ dataDir }), logger }
      server = await launchServer({ ...cluster, settings: {}, logFile: join(dataDir, 'postgres.log') })
    },
    async stop() {
      await server.stop()
      // Gives back the lock of the folder; its server has ended.
      await first.stop()
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}
