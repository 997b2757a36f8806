import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts'
import { connectClient, type DatabaseClient, type Pool } from '../platform/database.ts'
import { uuidv7 } from '../platform/ids.ts'
import { randomOf } from '../routing/seeded-random.ts'
import { countBlock } from './rollup-store.ts'

const ALWAYS = '00000000-0000-0000-0000-000000000000'
const NOW_MS = Date.now()

let testDatabase: TestDatabase
let admin: DatabaseClient
beforeAll(async () => {
  testDatabase = await createTestDatabase()
  admin = await connectClient(testDatabase.adminUrl)
})
afterAll(async () => {
  await admin.end()
  await testDatabase.drop()
})

const things = Array.from({ length: 4 }, () => randomUUID())
const models = ['a/one', 'b/two', 'c/three']

/** Books requests as a settlement does, as far as the sums look at it. */
async function book(client: DatabaseClient, random: () => number, count: number): Promise<void> {
  const of = <Item>(items: readonly Item[]) => items[Math.floor(random() * items.length)] as Item
  for (let made = 0; made < count; made += 1) {
    const startedMs = NOW_MS - Math.floor(random() * 3 * 86_400_000)
    const listing = of(things)
    const cost = Math.floor(random() * 1e9)
    await client.query(
      `INSERT INTO ledger.usage_record (id, organisation_id, key_id, listing_id, seller_organisation_id, model, provider,
         uncached_input, cache_read, cache_write_5m, cache_write_1h, audio_input, output, audio_output, reasoning,
         usage_source, price, stream, finish_reason, started_at, duration_ms, ttft_ms, held_nanos, cost_nanos,
         seller_nanos, fee_nanos, shortfall_nanos, billed)
       VALUES ($1, $2, $3, $4, $4, $5, 'p', $6, 1, 2, 3, 0, 5, 0, 1, 'reported', '{}', $7, 'stop', $8, 100.4, 50.6, 10,
         $9::bigint, $9::bigint - 1, 1, 0, $10)`,
      [
        uuidv7(startedMs),
        of(things),
        of(things),
        listing,
        of(models),
        Math.floor(random() * 1000),
        random() < 0.5,
        new Date(startedMs),
        cost,
        random() < 0.1 ? 'nothing' : 'whole',
      ],
    )
  }
}

/** What was refused or failed, as the log is told of it. */
async function logUnbilled(random: () => number): Promise<void> {
  await admin.query(
    `INSERT INTO request_log (id, "organisationId", "keyId", model, outcome, stream, "startedAt", told, uncounted)
     VALUES ($1, $2, $2, $3, $4, false, now(), true, true)`,
    [
      uuidv7(NOW_MS),
      things[0],
      random() < 0.5 ? null : models[0],
      ['failed', 'refused', 'left'][Math.floor(random() * 3)],
    ],
  )
}

/** A pool whose connection is lost at its `nth` statement, when the server has, or has not, heard of it. */
function dying(pool: Pool, nth: number, heard: boolean): Pool {
  const connect = async () => {
    const client = await pool.connect()
    let statements = 0
    return {
      async query(text: string, values?: unknown[]) {
        statements += 1
        if (statements !== nth) return client.query(text, values)
        if (heard) await client.query(text, values)
        throw new Error('Connection terminated unexpectedly')
      },
      release: () => client.release(new Error('lost')),
    }
  }
  return { connect } as unknown as Pool
}

const count = (pool: Pool, limit: number) => countBlock(pool, { limit, keepFromId: ALWAYS })

/**
 * Counts until everything booked is counted. What is below the horizon is, and any transaction in the cluster holds that
 * back: also one of another test's database, or of a connection that was lost.
 */
async function countAll(pool: Pool): Promise<void> {
  const left = () =>
    sums(`SELECT greatest(0, (SELECT count(*) FROM ledger.usage_record) - (SELECT coalesce(sum(requests), 0) FROM usage_hour))
      + (SELECT count(*) FROM request_log WHERE uncounted) AS left`)
  await expect
    .poll(
      async () => {
        await count(pool, 1_000)
        return (await left()).left
      },
      { timeout: 15_000 },
    )
    .toBe('0')
}

async function sums(sql: string): Promise<Record<string, string>> {
  const { rows } = await admin.query(sql)
  return rows[0]
}

const FIGURES = `coalesce(sum(requests), 0) AS requests, coalesce(sum("costNanos"), 0) AS cost, coalesce(sum("sellerNanos"), 0) AS seller,
  coalesce(sum("uncachedInput"), 0) AS input, coalesce(sum("cacheWrite"), 0) AS write, coalesce(sum(streams), 0) AS streams,
  coalesce(sum("ttftMs"), 0) AS ttft, coalesce(sum(failed + refused + "left"), 0) AS unbilled`

test.each([1, 2, 3])(
  'whatever commits late, runs at once or dies in the middle, everything is counted once (seed %i)',
  async (seed) => {
    const random = randomOf(`rollup ${seed}`)
    const { pool } = testDatabase.database
    const late: DatabaseClient[] = []
    for (let step = 0; step < 60; step += 1) {
      const dice = random()
      if (dice < 0.25) await book(admin, random, 1 + Math.floor(random() * 4))
      else if (dice < 0.35 && late.length < 3) {
        const client = await connectClient(testDatabase.adminUrl)
        await client.query('BEGIN')
        await book(client, random, 2)
        late.push(client)
      } else if (dice < 0.45 && late.length > 0) {
        const client = late.shift() as DatabaseClient
        await client.query(random() < 0.8 ? 'COMMIT' : 'ROLLBACK')
        await client.end()
      } else if (dice < 0.55) await logUnbilled(random)
      else if (dice < 0.7) await count(pool, 1 + Math.floor(random() * 5))
      else if (dice < 0.8) await Promise.all([count(pool, 3), count(pool, 2)])
      else {
        const died = count(dying(pool, 1 + Math.floor(random() * 7), random() < 0.5), 3)
        await died.catch((error) => expect(String(error)).toContain('terminated'))
      }
    }
    for (const client of late) {
      await client.query('COMMIT')
      await client.end()
    }
    await countAll(pool)
    await count(pool, 100)
    const books =
      await sums(`SELECT count(*) AS requests, sum(cost_nanos) AS cost, sum(seller_nanos) AS seller,
      sum(uncached_input) AS input, sum(cache_write_5m + cache_write_1h) AS write, count(*) FILTER (WHERE stream) AS streams,
      sum(round(ttft_ms)) FILTER (WHERE stream)::bigint AS ttft,
      (SELECT count(*) FROM request_log WHERE "settledAt" IS NULL) AS unbilled FROM ledger.usage_record`)
    expect(Number(books.requests)).toBeGreaterThan(0)
    expect(await sums(`SELECT ${FIGURES} FROM usage_hour`)).toEqual(books)
    for (const [dimension, grain] of [
      ['model', 'hour'],
      ['model', 'day'],
      ['seller', 'day'],
      ['listing', 'day'],
      ['organisation', 'day'],
    ])
      expect([
        dimension,
        grain,
        await sums(
          `SELECT ${FIGURES} FROM usage_market WHERE dimension = '${dimension}' AND grain = '${grain}'`,
        ),
      ]).toEqual([dimension, grain, books])
    const { rows } = await admin.query(
      `SELECT count(*)::integer AS missing FROM ledger.usage_record u
       LEFT JOIN request_log l ON l.id = u.id AND l."costNanos" = u.cost_nanos WHERE l.id IS NULL`,
    )
    expect(rows[0].missing).toBe(0)
  },
)

test('a row of the log that the request told itself keeps what only the request knew', async () => {
  const random = randomOf('told')
  await book(admin, random, 1)
  const { rows } = await admin.query(
    `INSERT INTO request_log (id, "organisationId", "keyId", "modelAsked", outcome, status, stream, attempts, "startedAt", told, uncounted)
     SELECT id, organisation_id, key_id, 'alias', 'answered', 200, stream, '[]', started_at, true, false
     FROM ledger.usage_record ORDER BY xid DESC LIMIT 1 RETURNING id`,
  )
  await countAll(testDatabase.database.pool)
  const row = await sums(`SELECT "modelAsked", attempts::text, "settledAt" IS NOT NULL AS booked, billed
    FROM request_log WHERE id = '${rows[0].id}'`)
  expect(row).toMatchObject({ modelAsked: 'alias', attempts: '[]', booked: true })
})

test('after a restore into another cluster the count goes on in the new epoch, and nothing twice', async () => {
  const { pool } = testDatabase.database
  await countAll(pool)
  const before = await sums(`SELECT ${FIGURES} FROM usage_hour`)
  const { rows } = await admin.query(`INSERT INTO ledger.seal_epoch (epoch, chain, system_identifier)
    SELECT epoch + 1, chain, 'another' FROM ledger.seal_epoch ORDER BY epoch DESC LIMIT 1 RETURNING epoch`)
  await admin.query(`ALTER TABLE ledger.usage_record ALTER COLUMN epoch SET DEFAULT ${rows[0].epoch}`)
  await count(pool, 1_000)
  expect(await sums(`SELECT ${FIGURES} FROM usage_hour`)).toEqual(before)
  await book(admin, randomOf('epoch'), 3)
  await countAll(pool)
  await count(pool, 1_000)
  const after = await sums(`SELECT ${FIGURES} FROM usage_hour`)
  expect(Number(after.requests) - Number(before.requests)).toBe(3)
})
