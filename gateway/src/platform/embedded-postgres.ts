/**
 * PostgreSQL for machines that have none: starts the server that npm installed, on a free loopback port, with its
 * data under DATA_DIR; adopts the one that a killed gateway left running.
 */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { connectClient, type DatabaseClient, escapeIdentifier, escapeLiteral } from './database.ts'
import type { Logger } from './logger.ts'
import { findPostgres, type PostgresBinaries, rootStateFolder, type ServerUser } from './postgres-binaries.ts'
import { adoptServer, launchServer, type ServerProcess, serverEnvironment } from './postgres-server.ts'
import { takeProcessLock } from './process-lock.ts'

export interface EmbeddedPostgres {
  /** As the superuser: for migrations. */
  adminUrl: string
  /** As `bourse_app`, a member of `gateway_app`: what the gateway serves with. */
  appUrl: string
  pid: number
  port: number
  /** True when the server was already running. */
  adopted: boolean
  /** Shuts the server down and waits until it has ended; its data is safe either way. */
  stop(): Promise<void>
}

export interface EmbeddedPostgresOptions {
  dataDir: string
  logger: Logger
  /** Server settings beside our own, for example `fsync: 'off'` in tests. */
  settings?: Record<string, string>
  /** Where the server's programs are, if not where npm put them. */
  nativeDir?: string
}

/** What DATA_DIR/postgres.json keeps, readable by its owner only. `port` and `pid` are those of the last start. */
interface ServerRecord {
  version: number
  folder: string
  adminPassword: string
  appPassword: string
  port?: number
  pid?: number
}

const DATABASE = 'bourse'
const APP_ROLE = 'bourse_app'
// The group role that migrations grant to; it cannot log in.
const APP_GROUP = 'gateway_app'

/**
 * Starts or adopts the embedded server of `dataDir` and makes sure that its database and roles exist.
 * Throws a message for the operator when another gateway uses the folder, when the data is of another PostgreSQL
 * major version, or when there is no server for this platform.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const dataDir = resolve(options.dataDir)
  // 0711: a server that runs as another user must pass through; what is inside has its own modes.
  mkdirSync(dataDir, { recursive: true, mode: 0o711 })
  const lock = takeProcessLock(
    join(dataDir, 'postgres.lock'),
    (pid) =>
      `Another gateway (process ${pid}) is using ${dataDir}. Stop it, or give this one its own DATA_DIR and PORT.`,
  )
  try {
    const binaries = findPostgres({ dataDir, ...(options.nativeDir ? { nativeDir: options.nativeDir } : {}) })
    const record = openCluster(dataDir, binaries)
    const { server, adopted } = await runServer(options, dataDir, binaries, record)
    writeRecord(dataDir, { ...record, port: server.port, pid: server.pid })
    const urls = await prepareDatabase(record, server.port)
    options.logger.info({ port: server.port, serverPid: server.pid, adopted }, 'embedded PostgreSQL is ready')
    const stop = async () => {
      await server.stop()
      lock.release()
    }
    return { ...urls, pid: server.pid, port: server.port, adopted, stop }
  } catch (error) {
    lock.release()
    throw error
  }
}

/** The record of this folder's cluster; makes the cluster first if there is none. */
function openCluster(dataDir: string, binaries: PostgresBinaries): ServerRecord {
  const record = readRecord(dataDir)
  const folder = record?.folder ?? join(dataDir, 'postgres')
  if (!existsSync(join(folder, 'PG_VERSION'))) return createCluster(dataDir, binaries)
  if (!record) {
    throw new Error(
      `${join(dataDir, 'postgres.json')} is missing or damaged, and without it the database in ${folder} cannot be opened. Restore it from your backup, or give the gateway another DATA_DIR.`,
    )
  }
  const version = Number(readFileSync(join(folder, 'PG_VERSION'), 'utf8'))
  if (version !== binaries.major) {
    throw new Error(
      `The database in ${folder} was written by PostgreSQL ${version}; this release of the gateway brings PostgreSQL ${binaries.major}. Start the earlier release once more, save the data with pg_dump, and load it into a new DATA_DIR; or set DATABASE_URL to a server of your own.`,
    )
  }
  return record
}

/** Makes a cluster beside its final place and moves it there whole, so that a kill in between leaves nothing half-made. */
function createCluster(dataDir: string, binaries: PostgresBinaries): ServerRecord {
  const folder = clusterFolder(dataDir, binaries)
  const record = { version: binaries.major, folder, adminPassword: newPassword(), appPassword: newPassword() }
  const draft = `${folder}.new`
  const passwordFile = `${folder}.password`
  rmSync(draft, { recursive: true, force: true })
  mkdirSync(draft, { recursive: true, mode: 0o700 })
  writeFileSync(passwordFile, record.adminPassword, { mode: 0o600 })
  const { user } = binaries
  if (user) for (const path of [draft, passwordFile]) chownSync(path, user.uid, user.gid)
  const made = spawnSync(
    binaries.program('initdb'),
    [
      '-D',
      draft,
      '-U',
      'postgres',
      '-A',
      'scram-sha-256',
      `--pwfile=${passwordFile}`,
      '-E',
      'UTF8',
      '--no-locale',
    ],
    { ...user, ...serverEnvironment(), cwd: dirname(draft), encoding: 'utf8' },
  )
  rmSync(passwordFile, { force: true })
  if (made.status !== 0) {
    rmSync(draft, { recursive: true, force: true })
    throw new Error(
      `PostgreSQL could not create its database in ${folder}: ${(made.error?.message ?? made.stderr).trim()}`,
    )
  }
  writeRecord(dataDir, record)
  renameSync(draft, folder)
  return record
}

/** Inside DATA_DIR, or, if the server's user cannot reach that, in the system's state folder. */
function clusterFolder(dataDir: string, { user }: PostgresBinaries): string {
  if (!user || mayEnter(dataDir, user)) return join(dataDir, 'postgres')
  mkdirSync(rootStateFolder, { recursive: true, mode: 0o755 })
  return join(rootStateFolder, `data-${randomBytes(6).toString('hex')}`)
}

function mayEnter(folder: string, user: ServerUser): boolean {
  const { mode, uid, gid } = statSync(folder)
  const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001
  const parent = dirname(folder)
  return (mode & bit) !== 0 && (parent === folder || mayEnter(parent, user))
}

async function runServer(
  { logger, settings = {} }: EmbeddedPostgresOptions,
  dataDir: string,
  binaries: PostgresBinaries,
  record: ServerRecord,
): Promise<{ server: ServerProcess; adopted: boolean }> {
  const cluster = { folder: record.folder, adminPassword: record.adminPassword, binaries, logger }
  const running = await adoptServer(cluster)
  if (running) return { server: running, adopted: true }
  return {
    server: await launchServer({ ...cluster, settings, logFile: join(dataDir, 'postgres.log') }),
    adopted: false,
  }
}

async function prepareDatabase(
  record: ServerRecord,
  port: number,
): Promise<{ adminUrl: string; appUrl: string }> {
  const url = (user: string, password: string, database: string) =>
    `postgresql://${user}:${password}@127.0.0.1:${port}/${database}`
  const admin = await connectClient(url('postgres', record.adminPassword, 'postgres'))
  try {
    await ensureRoles(admin, record.appPassword)
    const { rowCount } = await admin.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE])
    if (rowCount === 0) await admin.query(`CREATE DATABASE ${escapeIdentifier(DATABASE)}`)
  } finally {
    await admin.end()
  }
  return {
    adminUrl: url('postgres', record.adminPassword, DATABASE),
    appUrl: url(APP_ROLE, record.appPassword, DATABASE),
  }
}

async function ensureRoles(admin: DatabaseClient, appPassword: string): Promise<void> {
  const { rows } = await admin.query<{ rolname: string }>(
    'SELECT rolname FROM pg_roles WHERE rolname = ANY($1)',
    [[APP_GROUP, APP_ROLE]],
  )
  const known = new Set(rows.map((row) => row.rolname))
  if (!known.has(APP_GROUP)) await admin.query(`CREATE ROLE ${escapeIdentifier(APP_GROUP)} NOLOGIN`)
  if (!known.has(APP_ROLE)) {
    await admin.query(
      `CREATE ROLE ${escapeIdentifier(APP_ROLE)} LOGIN PASSWORD ${escapeLiteral(appPassword)}`,
    )
  }
  await admin.query(`GRANT ${escapeIdentifier(APP_GROUP)} TO ${escapeIdentifier(APP_ROLE)}`)
}

function readRecord(dataDir: string): ServerRecord | undefined {
  try {
    return JSON.parse(readFileSync(join(dataDir, 'postgres.json'), 'utf8')) as ServerRecord
  } catch {
    return undefined
  }
}

function writeRecord(dataDir: string, record: ServerRecord): void {
  const file = join(dataDir, 'postgres.json')
  writeFileSync(`${file}.new`, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600, flush: true })
  renameSync(`${file}.new`, file)
}

function newPassword(): string {
  // Hex needs no escaping, neither in SQL nor in a URL.
  return randomBytes(24).toString('hex')
}
