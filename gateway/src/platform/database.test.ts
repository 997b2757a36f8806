import { type AddressInfo, createServer } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts'
import { connectClient, openDatabase, uniqueViolation } from './database.ts'
import { uuidv7 } from './ids.ts'
import { createLogger } from './logger.ts'

let scene: TestDatabase
beforeAll(async () => {
  scene = await createTestDatabase()
})
afterAll(() => scene.drop())

const user = (email: string) => ({ id: uuidv7(), name: 'A', email })

test('a taken e-mail address is told by its column, through Prisma and through SQL', async () => {
  const { prisma, pool } = scene.database
  await prisma.user.create({ data: user('a@example.org') })
  const viaPrisma = await prisma.user.create({ data: user('a@example.org') }).catch((error: unknown) => error)
  expect(uniqueViolation(viaPrisma)).toEqual(['email'])
  const viaSql = await pool
    .query(`INSERT INTO "user" (id, name, email, "updatedAt") VALUES ($1, 'A', 'a@example.org', now())`, [
      uuidv7(),
    ])
    .catch((error: unknown) => error)
  expect(uniqueViolation(viaSql)).toEqual(['email'])
})

test('columns in capitals and pairs of columns are told by their plain names', async () => {
  const { prisma } = scene.database
  const owner = await prisma.user.create({ data: user('b@example.org') })
  const account = () => ({ id: uuidv7(), accountId: 'x', providerId: 'password', userId: owner.id })
  await prisma.account.create({ data: account() })
  const error = await prisma.account.create({ data: account() }).catch((thrown: unknown) => thrown)
  expect(uniqueViolation(error)).toEqual(['providerId', 'accountId'])
})

test('any other error is not a violation of uniqueness', async () => {
  const { prisma, pool } = scene.database
  const missing = await prisma.user.delete({ where: { id: uuidv7() } }).catch((error: unknown) => error)
  const wrong = await pool.query('SELECT nothing_like_this').catch((error: unknown) => error)
  for (const error of [missing, wrong, new Error('x'), undefined, 'x', null]) {
    expect(uniqueViolation(error)).toBeUndefined()
  }
})

test('the server may end every connection at any moment: the queries that ran fail, the next ones work', async () => {
  const { prisma, pool, ledgerPool } = scene.database
  const crashes: unknown[] = []
  const note = (error: unknown) => void crashes.push(error)
  process.on('uncaughtException', note)
  try {
    await Promise.all([prisma.setting.count(), pool.query('SELECT 1')])
    const held = await ledgerPool.connect()
    const waiting = expect(pool.query('SELECT pg_sleep(30)')).rejects.toThrow()
    await untilRuns('SELECT pg_sleep(30)')
    await endConnections()
    await waiting
    // A connection that is checked out and idle is lost too; its holder learns it from the next query.
    await expect(held.query('SELECT 1')).rejects.toThrow()
    held.release(true)
    expect(await prisma.setting.count()).toBe(0)
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    expect((await ledgerPool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
  } finally {
    process.off('uncaughtException', note)
  }
  expect(crashes).toEqual([])
})

test('a statement that runs for too long is ended by the server', async () => {
  await expect(scene.database.pool.query('SELECT pg_sleep(30)')).rejects.toThrow(/statement timeout/)
})

test('a caller does not wait for ever for a connection, neither when all are taken nor when nobody answers', async () => {
  const logger = createLogger({ level: 'silent' })
  const open = (url: string) => openDatabase({ url, applicationName: 'test', logger, connectMs: 200 })
  const busy = open(scene.url)
  const taken = await Promise.all(Array.from({ length: 4 }, () => busy.ledgerPool.connect()))
  await expect(busy.ledgerPool.query('SELECT 1')).rejects.toThrow(/timeout/)
  // The ledger's being busy does not keep others waiting.
  expect((await busy.pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
  for (const client of taken) client.release()
  await busy.close()

  const silent = createServer(() => {})
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const nobody = open(`postgresql://u:p@127.0.0.1:${(silent.address() as AddressInfo).port}/x`)
  await expect(nobody.pool.query('SELECT 1')).rejects.toThrow(/timeout/)
  await expect(nobody.prisma.setting.count()).rejects.toThrow()
  await nobody.close()
  silent.close()
})

async function untilRuns(sql: string): Promise<void> {
  const admin = await connectClient(scene.adminUrl)
  const running = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query = $1 AND state = 'active'`
  while ((await admin.query(running, [sql])).rowCount === 0);
  await admin.end()
}

async function endConnections(): Promise<void> {
  const admin = await connectClient(scene.adminUrl)
  await admin.query(
    `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid()`,
  )
  await admin.end()
}
