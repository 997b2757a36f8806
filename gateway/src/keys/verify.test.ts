import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts'
import { createPeopleApp, createTestClock, PASSWORD, type PeopleApp } from '../../test/support/people-app.ts'
import type { Database } from '../platform/database.ts'
import type { KeyDraft } from './keys.ts'
import { mintToken } from './token.ts'
import { createKeyVerifier } from './verify.ts'

let testDatabase: TestDatabase
let people: PeopleApp
let organisationId: string
let userId: string

beforeAll(async () => {
  testDatabase = await createTestDatabase()
  people = await createPeopleApp(testDatabase)
  const { user } = await people.users.accounts.create(
    { email: 'ada@verify.test', name: 'Ada', password: PASSWORD },
    'system',
  )
  organisationId = user.organisationId
  userId = user.id
})

afterAll(async () => {
  await people?.close()
  await testDatabase?.drop()
})

const mint = (draft: Partial<KeyDraft> = {}) =>
  people.keys.mint({ name: 'a key', organisationId, ...draft }, 'system')

/** A verifier of another node: its own cache and clock, no ear for changes, and a database that can be counted, slowed and cut. */
function otherNode() {
  const clock = createTestClock()
  let reads = 0
  let fault: Error | undefined
  let gate: Promise<void> | undefined
  const pool = {
    async query(...args: unknown[]) {
      reads += 1
      await gate
      if (fault) throw fault
      return (testDatabase.database.pool.query as (...all: unknown[]) => unknown)(...args)
    },
  }
  const database = { ...testDatabase.database, pool } as unknown as Database
  const verifier = createKeyVerifier({ database, pepper: people.pepper, clock, ledger: people.ledger })
  return {
    verifier,
    clock,
    reads: () => reads,
    cut: (error: Error | undefined) => {
      fault = error
    },
    /** Holds every read until the returned function is called. */
    hold: () => {
      const { promise, resolve } = deferred()
      gate = promise
      return () => {
        gate = undefined
        resolve()
      }
    },
  }
}

function deferred() {
  let resolve = () => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}

const codeOf = async (work: () => unknown) => {
  try {
    await work()
    return 'admitted'
  } catch (error) {
    return (error as { code?: string }).code
  }
}

test('a key is known with everything it may do, and at once the second time', async () => {
  const expiresAt = new Date(Date.now() + 3_600_000)
  const { key, token } = await mint({
    scopes: ['inference'],
    models: ['openai/gpt-4o-mini'],
    expiresAt,
    requestsPerMinute: 10,
    tokensPerMinute: 1000,
    defaultMaxOutputTokens: 64,
    policy: { sort: 'price', maxPrice: { prompt: '0.15' } },
    budget: { limitNanos: 5n, period: 'month' },
  })
  const node = otherNode()
  const caller = await node.verifier.verify(token)
  expect(caller).toEqual({
    keyId: key.id,
    keyFingerprint: createHash('sha256').update(token).digest('hex').slice(0, 32),
    organisationId,
    name: 'a key',
    scopes: new Set(['inference']),
    models: new Set(['openai/gpt-4o-mini']),
    requestsPerMinute: 10,
    tokensPerMinute: 1000,
    defaultMaxOutputTokens: 64,
    budgeted: true,
    expiresAtMs: expiresAt.getTime(),
    policy: { sort: 'price', maxPrice: { prompt: '0.15' } },
  })
  expect(node.verifier.verify(token)).toBe(caller)
  expect(node.reads()).toBe(1)
  const plain = await node.verifier.verify((await mint()).token)
  expect(plain).toMatchObject({ budgeted: false, models: undefined, policy: {} })
  expect(plain.scopes).toEqual(new Set(['inference', 'read']))
})

test('a thousand requests with a new key ask the database once', async () => {
  const { token } = await mint()
  const node = otherNode()
  const callers = await Promise.all(Array.from({ length: 1_000 }, () => node.verifier.verify(token)))
  expect(new Set(callers).size).toBe(1)
  expect(node.reads()).toBe(1)
})

test('a right id with a wrong secret is refused, and asked again only after two seconds', async () => {
  const { token } = await mint()
  const node = otherNode()
  const pepperless = createKeyVerifier({
    database: testDatabase.database,
    pepper: randomBytes(32),
    clock: node.clock,
    ledger: people.ledger,
  })
  expect(await codeOf(() => pepperless.verify(token))).toBe('invalid_api_key')
  await pepperless.close()
  const unknown = mintToken().token
  expect(await codeOf(() => node.verifier.verify(unknown))).toBe('invalid_api_key')
  expect(await codeOf(() => node.verifier.verify(unknown))).toBe('invalid_api_key')
  expect(node.reads()).toBe(1)
  node.clock.advance(2_001)
  expect(await codeOf(() => node.verifier.verify(unknown))).toBe('invalid_api_key')
  expect(node.reads()).toBe(2)
})

test('a busy key is read again in the background, so nobody waits', async () => {
  const { token } = await mint()
  const node = otherNode()
  const first = await node.verifier.verify(token)
  node.clock.advance(3_100)
  const release = node.hold()
  expect(node.verifier.verify(token)).toBe(first)
  expect(node.verifier.verify(token)).toBe(first)
  expect(node.reads()).toBe(2)
  release()
  await expect.poll(() => node.verifier.verify(token) !== first).toBe(true)
  expect(node.reads()).toBe(2)
})

test('a node that hears nothing stops a revoked key within five seconds', async () => {
  const { key, token } = await mint()
  const node = otherNode()
  await node.verifier.verify(token)
  await people.keys.revoke(key, 'system')
  node.clock.advance(4_900)
  expect(await codeOf(() => node.verifier.verify(token))).toBe('invalid_api_key')
})

test('a node that listens stops a revoked key at once, without any time passing', async () => {
  const { key, token } = await mint()
  expect(await people.verifier.verify(token)).toMatchObject({ keyId: key.id })
  await people.keys.revoke(key, 'system')
  await expect.poll(() => codeOf(() => people.verifier.verify(token))).toBe('invalid_api_key')
})

test('a read that began before the revocation does not bring the key back', async () => {
  const { key, token } = await mint()
  const witness = await mint()
  const { database, url } = testDatabase
  const clock = createTestClock()
  const [gate, entered] = [deferred(), deferred()]
  let first = true
  const ledger = {
    async budgetOf(id: string) {
      if (id !== key.id || !first) return undefined
      first = false
      entered.resolve()
      await gate.promise
      return undefined
    },
  }
  const verifier = createKeyVerifier({ database, databaseUrl: url, pepper: people.pepper, clock, ledger })
  await verifier.verify(witness.token)
  const early = verifier.verify(token)
  await entered.promise
  await people.keys.revoke(key, 'system')
  // Changes are heard in their order: who knows that the witness is gone has heard of the key as well.
  await people.keys.revoke(witness.key, 'system')
  await expect.poll(() => codeOf(() => verifier.verify(witness.token))).toBe('invalid_api_key')
  // Nobody joins the read that still runs, and nothing is kept of it.
  expect(await codeOf(() => verifier.verify(token))).toBe('invalid_api_key')
  gate.resolve()
  await early
  expect(await codeOf(() => verifier.verify(token))).toBe('invalid_api_key')
  await verifier.close()
})

test('while the database is away, known keys go on for four seconds and then it is 503, never 401', async () => {
  const { token } = await mint()
  const other = await mint()
  const node = otherNode()
  await node.verifier.verify(token)
  node.cut(new Error('connect ECONNREFUSED'))
  expect(await codeOf(() => node.verifier.verify(other.token))).toBe('unavailable')
  node.clock.advance(3_900)
  expect(await codeOf(() => node.verifier.verify(token))).toBe('admitted')
  node.clock.advance(200)
  expect(await codeOf(() => node.verifier.verify(token))).toBe('unavailable')
  node.cut(undefined)
  expect(await codeOf(() => node.verifier.verify(token))).toBe('admitted')
  expect(await codeOf(() => node.verifier.verify(other.token))).toBe('admitted')
})

test('an expired key is refused on the very call, cached or not', async () => {
  const node = otherNode()
  const { token } = await mint({ expiresAt: new Date(node.clock.nowMs() + 1_000) })
  expect(await codeOf(() => node.verifier.verify(token))).toBe('admitted')
  node.clock.advance(1_001)
  expect(await codeOf(() => node.verifier.verify(token))).toBe('expired_api_key')
})

test('a rotated key has a new secret; the old one ends at once, or when its grace is over', async () => {
  const node = otherNode()
  const { key, token } = await mint()
  const second = await people.keys.rotate(key, 60, 'system')
  expect(second.key.id).toBe(key.id)
  const [old, fresh] = [await node.verifier.verify(token), await node.verifier.verify(second.token)]
  // One key, one budget, one limit: the old secret is not a second key.
  expect(old.keyId).toBe(fresh.keyId)
  expect(old.expiresAtMs).toBeDefined()
  expect(fresh.expiresAtMs).toBeUndefined()
  node.clock.advance(61_000)
  expect(await codeOf(() => node.verifier.verify(token))).toBe('invalid_api_key')
  expect(await codeOf(() => node.verifier.verify(second.token))).toBe('admitted')
  const third = await people.keys.rotate(second.key, 0, 'system')
  const later = otherNode()
  expect(await codeOf(() => later.verifier.verify(token))).toBe('invalid_api_key')
  expect(await codeOf(() => later.verifier.verify(second.token))).toBe('invalid_api_key')
  expect(await codeOf(() => later.verifier.verify(third.token))).toBe('admitted')
  await people.keys.revoke(third.key, 'system')
  later.clock.advance(4_100)
  expect(await codeOf(() => later.verifier.verify(third.token))).toBe('invalid_api_key')
})

test('a key never can do more than its organisation may today', async () => {
  const node = otherNode()
  const { user } = await people.users.accounts.create(
    { email: 'bob@verify.test', name: 'Bob', password: PASSWORD },
    'system',
  )
  const { token } = await people.keys.mint({ name: 'k', organisationId: user.organisationId }, 'system')
  expect((await node.verifier.verify(token)).scopes).toEqual(new Set(['inference', 'read']))
  await people.users.accounts.update(user.id, { roles: ['seller'] }, 'system')
  node.clock.advance(4_900)
  expect((await node.verifier.verify(token)).scopes).toEqual(new Set(['read']))
})

test('when a key was last used is written in one batch, and never moved back', async () => {
  const node = otherNode()
  const { key, token } = await mint()
  await node.verifier.verify(token)
  node.clock.advance(1_000)
  node.verifier.verify(token)
  const lastUse = node.clock.nowMs()
  const readsBefore = node.reads()
  await node.verifier.close()
  expect(node.reads() - readsBefore).toBe(1)
  const usedAtMs = async () => (await people.keys.get(key.id)).lastUsedAt?.getTime() ?? 0
  expect(Math.abs((await usedAtMs()) - lastUse)).toBeLessThan(1_000)
  const before = await usedAtMs()
  const late = otherNode()
  late.clock.advance(-60_000)
  await late.verifier.verify(token)
  await late.verifier.close()
  expect(await usedAtMs()).toBe(before)
})

test('the table holds no secret: neither key nor its parts', async () => {
  const { key, token } = await mint({ createdByUserId: userId })
  const { rows } = await testDatabase.database.pool.query(
    'SELECT api_key::text AS row FROM api_key WHERE id = $1',
    [key.id],
  )
  expect(rows[0].row).not.toContain(token.slice(19, 51))
})

test('a node that lost its ear hears again, and trusts nothing it held meanwhile', async () => {
  const { key, token } = await mint()
  const node = createKeyVerifier({
    database: testDatabase.database,
    databaseUrl: testDatabase.url,
    pepper: people.pepper,
    clock: createTestClock(),
    ledger: people.ledger,
  })
  const listeners = async () => {
    const { rows } = await testDatabase.database.pool.query<{ pid: number }>(
      "SELECT pid FROM pg_stat_activity WHERE application_name = 'bourse/keys' AND datname = current_database() AND query LIKE 'LISTEN%'",
    )
    return rows.map(({ pid }) => pid)
  }
  await expect.poll(async () => (await listeners()).length, { timeout: 10_000 }).toBe(2)
  const first = await node.verify(token)
  const before = await listeners()
  await testDatabase.database.pool.query('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid', [
    before,
  ])
  await expect.poll(async () => (await node.verify(token)) !== first, { timeout: 10_000 }).toBe(true)
  const back = async () => (await listeners()).filter((pid) => !before.includes(pid)).length
  await expect.poll(back, { timeout: 10_000 }).toBe(2)
  await people.keys.revoke(key, 'system')
  await expect.poll(() => codeOf(() => node.verify(token)), { timeout: 10_000 }).toBe('invalid_api_key')
  await node.close()
})
