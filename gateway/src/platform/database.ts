/**
 * The doors to PostgreSQL: Prisma for CRUD, a pool for other SQL, and a small pool of the ledger's own, so that
 * a slow page in the console cannot hold up a request's hold. No other file knows `pg` or Prisma's adapter.
 */
import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { PrismaClient } from '../generated/prisma/client.ts'
import type { Logger } from './logger.ts'
import { causes } from './transient-errors.ts'

export type Pool = pg.Pool
export type DatabaseClient = pg.Client

export interface Database {
  prisma: PrismaClient
  /** General SQL. */
  pool: Pool
  /** The ledger's own connections. */
  ledgerPool: Pool
  close(): Promise<void>
}

const POOL_SIZE = 5
const LEDGER_POOL_SIZE = 4
// A server that does not take a connection in a second is as good as gone for a caller who waits.
const CONNECT_MS = 1_000
// People who look at a page wait a little longer than programs do.
const PERSON_CONNECT_MS = 3_000
// Nobody waits for these connections, so a busy machine gets more time.
const CLIENT_CONNECT_MS = 5_000
// The server gives a statement up first, so that it does not work on for nobody; the client's own limit is for a
// server that is frozen and says nothing at all (measured: without it, queries hang for minutes).
const STATEMENT_MS = 4_500
const QUERY_MS = 5_000
const IDLE_IN_TRANSACTION_MS = 10_000

export interface DatabaseOptions {
  url: string
  applicationName: string
  logger: Logger
  /** How long a caller waits for a connection, a second unless told. */
  connectMs?: number
}

/** Opens the pools; connects on first use. Losing the server fails the running queries and nothing else. */
export function openDatabase({
  url,
  applicationName,
  logger,
  connectMs = CONNECT_MS,
}: DatabaseOptions): Database {
  const poolOf = (max: number, name: string, patienceMs = connectMs) =>
    openPool({ url, max, name: `${applicationName}/${name}`, connectMs: patienceMs, logger })
  const pool = poolOf(POOL_SIZE, 'general')
  const ledgerPool = poolOf(LEDGER_POOL_SIZE, 'ledger')
  const prismaPool = poolOf(POOL_SIZE, 'prisma', Math.max(connectMs, PERSON_CONNECT_MS))
  const prisma = new PrismaClient({ adapter: new PrismaPg(prismaPool), log: [] })
  return {
    prisma,
    pool,
    ledgerPool,
    async close() {
      await prisma.$disconnect()
      await Promise.all([pool, ledgerPool, prismaPool].map((each) => each.end()))
    },
  }
}

/** One connection outside the pools: for migrations, LISTEN and administration. The caller ends it. */
export async function connectClient(url: string, applicationName = 'bourse'): Promise<DatabaseClient> {
  const client = new pg.Client({
    connectionString: url,
    application_name: applicationName,
    connectionTimeoutMillis: CLIENT_CONNECT_MS,
    keepAlive: true,
  })
  // Without a listener a lost connection would end the process; the next query reports it anyway.
  client.on('error', () => {})
  try {
    await client.connect()
  } catch (error) {
    await client.end().catch(() => {})
    throw error
  }
  return client
}

/** Resolves when the database answers. */
export async function ping({ pool }: Pick<Database, 'pool'>): Promise<void> {
  await pool.query('SELECT 1')
}

export const escapeIdentifier = pg.escapeIdentifier
export const escapeLiteral = pg.escapeLiteral

/**
 * The columns whose uniqueness `error` says was violated, whether it came through Prisma or `pg`;
 * `undefined` for any other error, an empty list when the server did not name them.
 */
export function uniqueViolation(error: unknown): string[] | undefined {
  for (const cause of causes(error)) {
    if (cause.kind === 'UniqueConstraintViolation') return columnsOf(cause)
    if (cause.code === '23505') return typeof cause.detail === 'string' ? columnsIn(cause.detail) : []
  }
  return undefined
}

/** `Key ("providerId", "accountId")=(a, b) already exists.` names the columns. */
function columnsIn(detail: string): string[] {
  const match = /^Key \((.*?)\)=/.exec(detail)
  return match?.[1] ? match[1].split(', ').map(unquoted) : []
}

/** Prisma's adapter keeps the constraint's name only, and Prisma names it `table_column_column_key`; no column has `_`. */
function columnsOf({ table, constraint }: Record<string, unknown>): string[] {
  const { index, fields } = (constraint ?? {}) as { index?: string; fields?: string[] }
  if (fields) return fields.map(unquoted)
  const prefix = `${table}_`
  if (!index?.startsWith(prefix) || !index.endsWith('_key')) return []
  return index.slice(prefix.length, -'_key'.length).split('_')
}

function unquoted(name: string): string {
  return name.replace(/^"(.*)"$/, '$1')
}

function openPool({
  url,
  max,
  name,
  connectMs,
  logger,
}: {
  url: string
  max: number
  name: string
  connectMs: number
  logger: Logger
}): Pool {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: name,
    max,
    connectionTimeoutMillis: connectMs,
    query_timeout: QUERY_MS,
    statement_timeout: STATEMENT_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    keepAlive: true,
  })
  pool.on('error', (error) => {
    // While the pool closes, a server that is quicker in closing loses us nothing.
    if (!pool.ending) logger.warn({ err: error, pool: name }, 'an idle database connection was lost')
  })
  // A connection that is checked out has no listener of the pool's, and an error without listener ends the process.
  pool.on('connect', (client) => {
    client.on('error', () => {})
  })
  return pool
}
