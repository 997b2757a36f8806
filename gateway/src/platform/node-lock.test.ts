import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts'
import { connectClient } from './database.ts'
import { lockNode } from './node-lock.ts'

let database: TestDatabase
const logger = { warn: vi.fn() }

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

const lock = (nodeId: string, onLost: (error: Error) => void = () => undefined) =>
  lockNode({ databaseUrl: database.url, nodeId, logger, onLost, takeMs: 300 })

/** Ends the sessions that hold node locks, as a restart of the server does. */
async function cutSessions(): Promise<void> {
  const admin = await connectClient(database.adminUrl)
  await admin.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE application_name = 'bourse/node' AND datname = current_database()`,
  )
  await admin.end()
}

/** The processes of the server that hold a node's lock. */
async function sessions(): Promise<number[]> {
  const admin = await connectClient(database.adminUrl)
  const { rows } = await admin.query<{ pid: number }>(
    `SELECT pid FROM pg_locks JOIN pg_stat_activity USING (pid)
     WHERE locktype = 'advisory' AND granted AND application_name = 'bourse/node' AND datname = current_database()`,
  )
  await admin.end()
  return rows.map(({ pid }) => pid)
}

test('two gateways with the same node do not run side by side; others are not in the way', async () => {
  const first = await lock('node-a')
  await expect(lock('node-a')).rejects.toThrow(/Give each gateway a DATA_DIR of its own/)
  const other = await lock('node-b')
  await first.release()
  const second = await lock('node-a')
  await Promise.all([second.release(), other.release()])
})

test('a start waits for its predecessor to end', async () => {
  const first = await lock('node-c')
  const second = lock('node-c')
  setTimeout(() => void first.release(), 50)
  await (await second).release()
})

test('after the server has cut the session the lock is taken again', async () => {
  const lost = vi.fn()
  const held = await lock('node-d', lost)
  await expect.poll(sessions).toHaveLength(1)
  const before = await sessions()
  await cutSessions()
  await expect
    .poll(
      async () => {
        const now = await sessions()
        return now.length === 1 && now[0] !== before[0]
      },
      { timeout: 10_000 },
    )
    .toBe(true)
  await expect(lock('node-d')).rejects.toThrow()
  expect(lost).not.toHaveBeenCalled()
  await held.release()
})

test('a gateway whose node was taken over meanwhile is told', async () => {
  const lost = vi.fn()
  await lock('node-e', lost)
  const thief = await connectClient(database.adminUrl)
  const stealing = thief.query(`SELECT pg_advisory_lock(hashtextextended('bourse node node-e', 0))`)
  await cutSessions()
  await stealing
  await expect.poll(() => lost.mock.calls.length, { timeout: 10_000 }).toBe(1)
  await thief.end()
})
