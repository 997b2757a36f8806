/** That the kill points of the crash test are where it says: each is shown by what the server then has. */
import pg from 'pg'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createEmptyDatabase, type EmptyDatabase } from '../support/database.ts'
import { type PostgresProxy, startPostgresProxy } from '../support/postgres-proxy.ts'

let database: EmptyDatabase
let proxy: PostgresProxy
let pool: pg.Pool
let beside: pg.Pool

beforeAll(async () => {
  database = await createEmptyDatabase()
  const url = new URL(database.adminUrl)
  proxy = await startPostgresProxy(Number(url.port))
  url.port = String(proxy.port)
  pool = new pg.Pool({ connectionString: url.href, max: 1 })
  beside = new pg.Pool({ connectionString: database.adminUrl, max: 1 })
  // A connection that breaks while it rests is no news here.
  for (const each of [pool, beside]) each.on('error', () => undefined)
  await beside.query('CREATE TABLE note (said text)')
})
afterAll(async () => {
  await proxy.close()
  await Promise.all([pool.end(), beside.end()])
  await database.drop()
})

const write = (said: string) =>
  pool.query({ name: 'write-note', text: 'INSERT INTO note VALUES ($1)', values: [said] })
const written = async (said: string) =>
  (await beside.query('SELECT FROM note WHERE said = $1', [said])).rowCount

test('before: the server never sees the statement', async () => {
  await write('first')
  const acted = proxy.arm({ statement: 'write-note', moment: 'before', act: ({ cut }) => cut() })
  await expect(write('before')).rejects.toThrow(/terminated/)
  await acted
  expect(await written('before')).toBe(0)
})

test('after: it is committed when the trap springs, and whoever asked never hears of it', async () => {
  let seen: Promise<number | null> | undefined
  const acted = proxy.arm({
    statement: 'write-note',
    moment: 'after',
    act: ({ cut }) => {
      seen = written('after')
      cut()
    },
  })
  await expect(write('after')).rejects.toThrow(/terminated/)
  await acted
  expect(await seen).toBe(1)
})

test('during: the server has the statement, and the trap knows which of its processes runs it', async () => {
  let pid: number | undefined
  const acted = proxy.arm({
    statement: 'write-note',
    moment: 'during',
    act: ({ backendPid }) => {
      pid = backendPid
    },
  })
  await write('during')
  await acted
  expect(await written('during')).toBe(1)
  const { rows } = await pool.query('SELECT pg_backend_pid() AS pid')
  expect(pid).toBe(rows[0].pid)
})

test('the n-th run is counted from when the trap was set, and a disarmed trap stays open', async () => {
  const acted = proxy.arm({
    statement: 'write-note',
    moment: 'before',
    occurrence: 2,
    act: ({ cut }) => cut(),
  })
  await write('one')
  await expect(write('two')).rejects.toThrow(/terminated/)
  await acted
  expect([await written('one'), await written('two')]).toEqual([1, 0])
  void proxy.arm({ statement: 'write-note', moment: 'before', act: ({ cut }) => cut() })
  proxy.disarm()
  await write('three')
  expect(await written('three')).toBe(1)
})

test('a stalled statement waits for ever, and others of its server go on', async () => {
  proxy.stall('write-note')
  const before = proxy.seen.get('write-note') ?? 0
  const waiting = write('stalled').catch((error: Error) => error.message)
  await vi.waitUntil(() => (proxy.seen.get('write-note') ?? 0) > before)
  expect(await written('stalled')).toBe(0)
  proxy.stall(undefined)
  const other = new pg.Client({ connectionString: database.adminUrl })
  await other.connect()
  await other.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = '' AND pid <> pg_backend_pid() AND query NOT LIKE '%said = $1%'",
  )
  await other.end()
  expect(await waiting).toMatch(/terminated/)
  await write('later')
  expect([await written('stalled'), await written('later')]).toEqual([0, 1])
})
