/**
 * A PostgreSQL server of one test file's own, migrated, on a port that it keeps, so that stopping, killing, pausing or
 * crowding it hurts nobody else. `close` ends it and removes its data.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { connectClient, openDatabase } from '../../src/platform/database.ts'
import { startEmbeddedPostgres } from '../../src/platform/embedded-postgres.ts'
import { createLogger } from '../../src/platform/logger.ts'
import { migrate } from '../../src/platform/migrate.ts'
import { findPostgres } from '../../src/platform/postgres-binaries.ts'
import { serverEnvironment } from '../../src/platform/postgres-server.ts'
import type { TestDatabase } from './database.ts'
import { migrationsDir } from './postgres.ts'

// Below the range from which systems give out ports, so that nobody is given ours while the server is away.
const FIRST_PORT = 20_000
const PORTS = 10_000
const POLL_MS = 20
const START_MS = 60_000

export interface PostgresServer {
  /** As the superuser, to the database of `testDatabase`. */
  adminUrl: string
  /** As the gateway: a login role that may only call the ledger's functions. */
  appUrl: string
  /** For `startTestGateway`; its `drop` closes the connections and leaves the server. */
  testDatabase(): TestDatabase
  /** Rows of one query as the superuser, over a connection of its own. */
  query<Row extends object>(sql: string, values?: unknown[]): Promise<Row[]>
  /** A superuser's URL of another database of this server, or another role's. */
  urlOf(change: { user?: string; password?: string; database?: string }): string
  /** `fast` rolls back what runs and ends in order; `kill` is SIGKILL of the server and all of its processes. */
  stop(how: 'fast' | 'kill'): Promise<void>
  /** Again on the same port, after `stop`. */
  start(): Promise<void>
  /** SIGSTOP for the server and all its processes: connections stay and nothing answers. */
  pause(): void
  resume(): void
  /** Thaws it and starts it where it is not running. For `afterEach`. */
  heal(): Promise<void>
  /** SIGKILL of one process that serves a connection. The server then ends all the others and recovers. */
  killBackend(pid: number): void
  close(): Promise<void>
}

/** `settings` are the server's own, such as `max_connections`. Its data is thrown away, so nothing waits for the disk. */
export async function startPostgresServer(settings: Record<string, string> = {}): Promise<PostgresServer> {
  const dataDir = mkdtempSync(join(tmpdir(), 'bourse-server-'))
  chmodSync(dataDir, 0o711)
  const cluster = await makeCluster(dataDir)
  const port = await keptPort()
  const urls = {
    adminUrl: onPort(cluster.adminUrl, port),
    appUrl: onPort(cluster.appUrl, port),
  }
  const flags = {
    ...settings,
    fsync: 'off',
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
  }
  let child: ChildProcess
  const start = async () => {
    child = launch(dataDir, cluster.folder, flags)
    await untilReady(urls.adminUrl, child)
  }
  await start()
  const pid = () => child.pid as number
  const everyProcess = () => [pid(), ...childrenOf(pid())]
  const stop = async (how: 'fast' | 'kill') => {
    const ended = once(child, 'exit')
    if (how === 'kill') signal(everyProcess(), 'SIGKILL')
    else signal([pid()], 'SIGINT')
    await ended
  }
  return {
    ...urls,
    testDatabase: () => ({
      url: urls.appUrl,
      adminUrl: urls.adminUrl,
      ...opened(urls.appUrl),
    }),
    query: (sql, values) => ask(urls.adminUrl, sql, values),
    urlOf({ user, password, database }) {
      const url = new URL(urls.adminUrl)
      if (user !== undefined) url.username = user
      if (password !== undefined) url.password = password
      if (database !== undefined) url.pathname = database
      return url.href
    },
    stop,
    start,
    pause: () => signal(everyProcess(), 'SIGSTOP'),
    resume: () => signal(everyProcess(), 'SIGCONT'),
    async heal() {
      if (isOver(child)) await start()
      else signal(everyProcess(), 'SIGCONT')
    },
    killBackend: (backend) => signal([backend], 'SIGKILL'),
    async close() {
      if (!isOver(child)) await stop('kill')
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

/** A migrated cluster on disk that nobody serves. */
async function makeCluster(dataDir: string) {
  const logger = createLogger({ level: 'error' })
  const embedded = await startEmbeddedPostgres({ dataDir, logger, settings: { fsync: 'off' } })
  try {
    await migrate({ url: embedded.adminUrl, migrationsDir, logger })
  } finally {
    await embedded.stop()
  }
  const { folder } = JSON.parse(readFileSync(join(dataDir, 'postgres.json'), 'utf8')) as { folder: string }
  return { folder, adminUrl: embedded.adminUrl, appUrl: embedded.appUrl }
}

function launch(dataDir: string, folder: string, flags: Record<string, string>): ChildProcess {
  const binaries = findPostgres({ dataDir })
  const args = Object.entries(flags).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  return spawn(binaries.program('postgres'), ['-D', folder, ...args], {
    ...binaries.user,
    ...serverEnvironment(),
    cwd: folder,
    stdio: 'ignore',
  })
}

const isOver = ({ exitCode, signalCode }: ChildProcess) => exitCode !== null || signalCode !== null

async function untilReady(url: string, child: ChildProcess): Promise<void> {
  const deadlineMs = performance.now() + START_MS
  for (;;) {
    try {
      await ask(url, 'SELECT 1')
      return
    } catch (error) {
      if (isOver(child) || performance.now() > deadlineMs) throw error
      await delay(POLL_MS)
    }
  }
}

function opened(url: string): Pick<TestDatabase, 'database' | 'drop'> {
  const database = openDatabase({
    url,
    applicationName: 'bourse-story',
    logger: createLogger({ level: 'silent' }),
    connectMs: 10_000,
  })
  return { database, drop: () => database.close() }
}

async function ask<Row extends object>(url: string, sql: string, values: unknown[] = []): Promise<Row[]> {
  const client = await connectClient(url, 'story')
  try {
    return (await client.query<Row>(sql, values)).rows
  } finally {
    await client.end()
  }
}

function onPort(address: string, port: number): string {
  const url = new URL(address)
  url.port = String(port)
  return url.href
}

async function keptPort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS)
    if (await isFree(port)) return port
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

/** The processes that a server has made for connections and for its own work. */
function childrenOf(parent: number): number[] {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
  const rows = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
  return rows.flatMap(([pid, ppid]) => (ppid === parent && pid !== undefined ? [pid] : []))
}

function signal(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name)
    } catch {
      // It ended in the meantime.
    }
  }
}
