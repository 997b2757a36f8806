import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../../test/support/database.ts'
import { migrationsDir } from '../../test/support/postgres.ts'
import { connectClient } from '../platform/database.ts'
import type { GatewayError } from '../platform/errors.ts'
import { uuidv7 } from '../platform/ids.ts'
import { createLogger } from '../platform/logger.ts'
import { migrate } from '../platform/migrate.ts'
import { showVersion } from './price-book.ts'
import { askPrices } from './price-changes.ts'
import { readPriceHistory } from './price-store.ts'

const VERSIONS = '20261122001100'
const MODEL = 'test/model'
const NOTICE_MS = 300_000
const START_MS = Date.UTC(2026, 10, 1)
const times = (ppm: number) => ({ kind: 'multiplier', ppm })

let scene: TestDatabase
beforeAll(async () => {
  scene = await createTestDatabase()
})
afterAll(() => scene.drop())

interface Asking {
  listingId?: string
  nowMs?: number
  noticeMs?: number
  effectiveAtMs?: number
  models?: string[]
}

/** Asks `price` of a listing and answers the listing. */
async function ask(price: object, asking: Asking = {}): Promise<string> {
  const {
    listingId = uuidv7(),
    nowMs = START_MS,
    noticeMs = NOTICE_MS,
    models = [MODEL],
    effectiveAtMs,
  } = asking
  await scene.database.prisma.$transaction((transaction) =>
    askPrices(transaction, {
      listingId,
      models: models.map((model) => ({ model, price })),
      nowMs,
      noticeMs,
      effectiveAtMs,
      createdBy: null,
    }),
  )
  return listingId
}

/** Newest first: version, multiplier, state at `nowMs` and seconds after the start at which it begins. */
async function historyOf(listingId: string, nowMs: number, model = MODEL) {
  const rows = await readPriceHistory(scene.database, { listingId, limit: 100, model })
  return rows
    .sort((a, b) => b.version - a.version)
    .map((row) => {
      const { ppm } = row.rule as { ppm: number }
      const { version, state } = showVersion(row, nowMs)
      return [version, ppm, state, (row.effectiveFrom.getTime() - START_MS) / 1_000]
    })
}

test('a first price holds at once, a changed one after the notice', async () => {
  const listingId = await ask(times(900_000))
  await ask(times(800_000), { listingId, nowMs: START_MS + 1_000 })
  expect(await historyOf(listingId, START_MS + 300_999)).toEqual([
    [2, 800_000, 'announced', 301],
    [1, 900_000, 'in_force', 0],
  ])
  expect(await historyOf(listingId, START_MS + 301_000)).toEqual([
    [2, 800_000, 'in_force', 301],
    [1, 900_000, 'past', 0],
  ])
})

test('a newer price replaces one that has not begun, which is kept as cancelled', async () => {
  const listingId = await ask(times(900_000))
  await ask(times(800_000), { listingId, nowMs: START_MS + 1_000 })
  await ask(times(700_000), { listingId, nowMs: START_MS + 2_000 })
  await ask(times(900_000), { listingId, nowMs: START_MS + 3_000 })
  expect(await historyOf(listingId, START_MS + 600_000)).toEqual([
    [4, 900_000, 'in_force', 303],
    [3, 700_000, 'cancelled', 302],
    [2, 800_000, 'cancelled', 301],
    [1, 900_000, 'past', 0],
  ])
})

test('asking the same price again changes nothing, however its members are ordered', async () => {
  const listingId = await ask({ kind: 'fixed', perMTok: { input: '1', output: '2' }, perRequest: '0.1' })
  await ask({ perRequest: '0.1', perMTok: { output: '2', input: '1' }, kind: 'fixed' }, { listingId })
  expect(await historyOf(listingId, START_MS)).toHaveLength(1)
})

test('a seller may name a later time, and move it while the price has not begun', async () => {
  const day = 86_400_000
  const listingId = await ask(times(900_000))
  await ask(times(800_000), { listingId, effectiveAtMs: START_MS + day })
  await ask(times(800_000), { listingId, effectiveAtMs: START_MS + day })
  await ask(times(800_000), { listingId })
  expect(await historyOf(listingId, START_MS)).toHaveLength(2)
  await ask(times(800_000), { listingId, effectiveAtMs: START_MS + 2 * day })
  expect(await historyOf(listingId, START_MS + day)).toEqual([
    [3, 800_000, 'announced', 172_800],
    [2, 800_000, 'cancelled', 86_400],
    [1, 900_000, 'in_force', 0],
  ])
  for (const effectiveAtMs of [START_MS + NOTICE_MS - 1, START_MS + 30 * day + 1]) {
    const refused = (await ask(times(700_000), { listingId, effectiveAtMs }).catch(
      (error) => error,
    )) as GatewayError
    expect([refused.code, refused.details.param]).toEqual(['invalid_value', 'effectiveAt'])
  }
})

test('a model that is taken off a listing and put back keeps its history: that is no way around the notice', async () => {
  const listingId = await ask(times(900_000))
  await ask(times(100_000), { listingId, nowMs: START_MS + 1_000, models: ['test/other'] })
  await ask(times(5_000_000), { listingId, nowMs: START_MS + 2_000 })
  expect(await historyOf(listingId, START_MS + 2_000)).toEqual([
    [2, 5_000_000, 'announced', 302],
    [1, 900_000, 'in_force', 0],
  ])
})

test('a price that is changed a hundred times in a day is changed no more', async () => {
  const listingId = await ask(times(900_000))
  let refused: GatewayError | undefined
  for (let change = 1; change <= 101 && !refused; change += 1) {
    refused = await ask(times(900_000 + change), { listingId, nowMs: START_MS + change }).then(
      () => undefined,
      (error) => error,
    )
    if (change <= 100) expect(refused).toBeUndefined()
  }
  expect(refused?.code).toBe('conflict')
  await ask(times(1), { listingId, nowMs: START_MS + 86_400_200 })
})

test('of all versions exactly one is in force and at most one is announced, whatever was asked and when', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ waitS: fc.integer({ min: 1, max: 500 }), ppm: fc.integer({ min: 1, max: 4 }) }), {
        minLength: 1,
        maxLength: 8,
      }),
      fc.integer({ min: 0, max: 900 }),
      async (changes, laterS) => {
        const listingId = await ask(times(1))
        // What the rules say, followed by hand.
        let inForce = 1
        let pending: { ppm: number; atMs: number } | undefined
        let nowMs = START_MS
        const pass = (untilMs: number) => {
          nowMs = untilMs
          if (!pending || pending.atMs > nowMs) return
          inForce = pending.ppm
          pending = undefined
        }
        for (const { waitS, ppm } of changes) {
          pass(nowMs + waitS * 1_000)
          await ask(times(ppm), { listingId, nowMs })
          if ((pending?.ppm ?? inForce) !== ppm) pending = { ppm, atMs: nowMs + NOTICE_MS }
        }
        pass(nowMs + laterS * 1_000)
        const history = await historyOf(listingId, nowMs)
        const ppmIn = (state: string) => history.filter((row) => row[2] === state).map((row) => row[1])
        expect(ppmIn('in_force')).toEqual([inForce])
        expect(ppmIn('announced')).toEqual(pending ? [pending.ppm] : [])
      },
    ),
    { numRuns: 30 },
  )
})

test('nobody rewrites what was asked, also not as the owner of the database', async () => {
  const listingId = await ask(times(900_000))
  for (const sql of [
    `UPDATE listing_price SET rule = '{"kind": "free"}' WHERE "listingId" = '${listingId}'`,
    `DELETE FROM listing_price WHERE "listingId" = '${listingId}'`,
    'TRUNCATE listing_price',
  ]) {
    await expect(scene.database.pool.query(sql)).rejects.toThrow(/permission denied/)
    await expect(asOwner(sql)).rejects.toThrow(/append-only/)
    await expect(asOwner(`SET session_replication_role = replica; ${sql}`)).rejects.toThrow(/append-only/)
  }
})

test('a version that begins before it is said, or follows one to come, is refused by the database', async () => {
  const insert = (version: number, follows: number | null, effectiveFrom: string) =>
    scene.database.pool.query(
      `INSERT INTO listing_price (id, "listingId", model, version, follows, rule, "effectiveFrom", "createdAt")
       VALUES ($1, $2, 'm', $3, $4, '{"kind": "multiplier"}', $5, '2026-11-01Z')`,
      [uuidv7(), uuidv7(), version, follows, effectiveFrom],
    )
  await insert(1, null, '2026-11-01Z')
  await expect(insert(1, null, '2026-10-31Z')).rejects.toThrow('listing_price_not_back_in_time')
  await expect(insert(2, null, '2026-11-02Z')).rejects.toThrow('listing_price_follows')
  await expect(insert(2, 2, '2026-11-02Z')).rejects.toThrow('listing_price_follows')
})

async function asOwner(sql: string): Promise<void> {
  const owner = await connectClient(scene.adminUrl)
  try {
    await owner.query(sql)
  } finally {
    await owner.end()
  }
}

test('prices that were asked before there were versions are the first version, in force since their listing was made', async () => {
  const empty = await createEmptyDatabase()
  const folder = mkdtempSync(join(tmpdir(), 'bourse-migrations-'))
  const logger = createLogger({ level: 'error' })
  const owner = await connectClient(empty.adminUrl)
  const [organisationId, listingId] = [uuidv7(), uuidv7()]
  try {
    for (const name of readdirSync(migrationsDir).filter((each) => each < VERSIONS)) {
      cpSync(join(migrationsDir, name), join(folder, name), { recursive: true })
    }
    await migrate({ url: empty.adminUrl, migrationsDir: folder, logger })
    await owner.query(`INSERT INTO organisation (id, name, kind) VALUES ($1, 'Seller', 'personal')`, [
      organisationId,
    ])
    await owner.query(
      `INSERT INTO listing (id, "organisationId", name, provider, "baseUrl", "sealedCredential", "credentialHint", ground,
         "groundAttestedAt", state, "createdAt", "updatedAt")
       VALUES ($1, $2, 'East', 'openai', 'https://api.openai.com/v1', '', '', 'demo', now(), 'active', $3, now())`,
      [listingId, organisationId, new Date(START_MS)],
    )
    for (const model of ['a/b', 'a/c']) {
      await owner.query('INSERT INTO listing_model VALUES ($1, $2, $2, $3)', [
        listingId,
        model,
        times(900_000),
      ])
    }
    await migrate({ url: empty.adminUrl, migrationsDir, logger })
    const { rows } = await owner.query('SELECT * FROM listing_price ORDER BY model')
    expect(rows.map(({ model, version, follows, rule }) => [model, version, follows, rule])).toEqual([
      ['a/b', 1, null, times(900_000)],
      ['a/c', 1, null, times(900_000)],
    ])
    expect(rows.map((row) => row.effectiveFrom.getTime())).toEqual([START_MS, START_MS])
    // A UUID of version 7 at that moment, so that the history is in order.
    for (const { id } of rows) {
      expect(id.slice(0, 15)).toBe(uuidv7(START_MS).slice(0, 15))
    }
  } finally {
    await owner.end()
    await empty.drop()
    rmSync(folder, { recursive: true })
  }
})
