import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts'
import { makeMarket, makeOffer } from '../../test/support/market.ts'
import { uuidv7 } from '../platform/ids.ts'
import { createLogger } from '../platform/logger.ts'
import type { Plan } from './plan.ts'
import type { RouteRecord } from './route-log.ts'
import { createRouteRecords } from './route-records.ts'

const BUYER = '0198c0de-0000-7000-8000-000000000001'
const logger = createLogger({ level: 'silent' })

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

function recordOf(plan: Plan): RouteRecord {
  return {
    plan,
    atMs: Date.now(),
    monotonicMs: 5_000,
    attempts: [{ offer: 'a:test/model', outcome: 'ok', afterMs: 1, durationMs: 20 }],
  }
}

const planned = (market: ReturnType<typeof makeMarket>) =>
  market.plan({ requestId: uuidv7(Date.now()), buyer: BUYER })

test('a decision is kept with the pool that it was made from, and that pool only once', async () => {
  const records = createRouteRecords({ database: database.database, logger })
  const market = makeMarket([makeOffer('a'), makeOffer('b', { usd: '2' })])
  const plans = Array.from({ length: 20 }, () => planned(market))
  for (const plan of plans) records.add(recordOf(plan))
  await records.idle()
  for (const plan of plans) {
    const kept = await records.find(plan.requestId)
    expect(kept?.organisationId).toBe(BUYER)
    expect(kept?.decisions[0]?.dense.pool).toEqual(plan.decisions[0]?.dense.pool)
    expect(kept?.decisions[0]?.choice).toEqual(plan.decisions[0]?.choice)
    expect(kept?.attempts).toEqual(recordOf(plan).attempts)
  }
  const { rows } = await database.database.pool.query('SELECT count(*)::int AS pools FROM route_pool')
  expect(rows[0].pools).toBe(1)
  expect(await records.find(uuidv7(Date.now()))).toBeUndefined()
  await records.close()
})

test('while the database is away explanations wait; those beyond the bound are counted, and none stops a request', async () => {
  let away = true
  const pool = {
    query: (...given: unknown[]) =>
      away
        ? Promise.reject(new Error('the database is away'))
        : (database.database.pool.query as (...all: unknown[]) => Promise<unknown>)(...given),
  }
  const records = createRouteRecords({ database: { pool } as never, logger })
  const market = makeMarket([makeOffer('a')])
  const first = planned(market)
  records.add(recordOf(first))
  for (let count = 0; count < 5_100; count += 1)
    records.add(recordOf({ ...first, requestId: uuidv7(Date.now()) }))
  expect(records.forgotten()).toBe(101)
  away = false
  await records.idle()
  expect((await records.find(first.requestId))?.seed).toBe(first.requestId)
  await records.close()
}, 20_000)
