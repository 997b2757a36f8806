import express from 'express'
import request from 'supertest'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createBook, type SealedBook } from '../../test/support/sealed-book.ts'
import { withoutGuards } from '../../test/support/tamper.ts'
import { createMetrics } from '../platform/metrics.ts'
import { createLedgerHealth, failedChecks, type LedgerHealthReader } from './health.ts'
import { createLedgerHealthRoutes } from './health-routes.ts'

let book: SealedBook
let nowMs = 0
const logged: unknown[] = []
const metrics = createMetrics()
let health: LedgerHealthReader
let app: express.Express

beforeAll(async () => {
  book = await createBook()
  await book.request(30n)
  await book.sealAll()
  health = createLedgerHealth({
    pool: book.testDatabase.database.ledgerPool,
    clock: { nowMs: () => nowMs, monotonicMs: () => nowMs },
    logger: { error: (...args: unknown[]) => void logged.push(args) } as never,
    metrics,
  })
  app = express().use(createLedgerHealthRoutes({ health }))
})
afterAll(() => book.close())

async function metric(name: string): Promise<string | undefined> {
  return new RegExp(`^${name} (.*)$`, 'm').exec(await metrics.render())?.[1]
}

test('before the first look the metrics do not claim that all is well', async () => {
  expect(await metric('gateway_ledger_imbalance_usd')).toBe('Nan')
})

test('a ledger in order is 200, names its checks and shows no amounts', async () => {
  const { status, body } = await request(app).get('/healthz/ledger')
  expect(status).toBe(200)
  expect(body).toEqual({
    status: 'ok',
    checks: { sums_to_zero: 'ok', held_is_open: 'ok', letters_answered: 'ok', holds_end: 'ok', sealed: 'ok' },
    checked_at: '1970-01-01T00:00:00.000Z',
  })
  expect(await metric('gateway_ledger_imbalance_usd')).toBe('0')
  expect(await metric('gateway_ledger_unsealed_seconds')).toBe('0')
})

test('many askers in a quarter of a minute cost the database one look', async () => {
  const before = await health.read()
  nowMs += 14_000
  expect(await Promise.all([health.read(), health.read()])).toEqual([before, before])
  nowMs += 2_000
  const [one, two] = await Promise.all([health.read(), health.read()])
  expect(one?.checkedAtMs).toBe(nowMs)
  expect(two).toBe(one)
})

test('money from nowhere, a lost hold, a letter, a hold past its time and a stopped seal each show', async () => {
  const { admin } = book
  await book.request(10n)
  await withoutGuards(
    admin,
    ['account', 'hold', 'journal', 'usage_record'],
    `UPDATE ledger.account SET debits = debits + 7 WHERE code = 'goodwill_expense';
     UPDATE ledger.account SET held = held + 3 WHERE code = 'buyer_cash';
     SELECT ledger.park('settle', 'r1', '{}', NULL, 'no');
     INSERT INTO ledger.hold (id, payer, amount, state, node_id, node_epoch, expires_at)
       SELECT gen_random_uuid(), id, 1, 'open', 'gone', 1, now() - interval '10 minutes'
       FROM ledger.account WHERE code = 'buyer_cash' LIMIT 1;
     UPDATE ledger.journal SET created_at = created_at - interval '10 minutes'`,
  )
  nowMs += 20_000
  const seen = await health.check()
  expect(seen).toMatchObject({ offNanos: 7n, heldOffNanos: 2n, deadLetters: 1, overdueHolds: 1 })
  expect(seen.unsealedSeconds).toBeGreaterThan(599)
  expect(failedChecks(seen)).toEqual([
    'sums_to_zero',
    'held_is_open',
    'letters_answered',
    'holds_end',
    'sealed',
  ])
  expect(logged).toHaveLength(1)
  const { status, body } = await request(app).get('/healthz/ledger')
  expect([status, body.status]).toEqual([503, 'failed'])
  expect(await metric('gateway_ledger_imbalance_usd')).toBe('7e-9')
  expect(await metric('gateway_ledger_dead_letters')).toBe('1')
  expect(await metric('gateway_ledger_overdue_holds')).toBe('1')
})
