/**
 * Somebody else's transaction stands in the way: an operator at the console, a report, a backup. Provoked by hand with
 * connections of our own; a batch of the ledger is the one that is told to give way, and asks again.
 */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { connectClient, type DatabaseClient } from '../src/platform/database.ts'
import { parseId, uuidv7 } from '../src/platform/ids.ts'
import { type FaultScene, models, startFaultScene } from './support/fault-scene.ts'
import type { Buyer } from './support/gateway.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

let scene: FaultScene
let hand: DatabaseClient

beforeAll(async () => {
  scene = await startFaultScene()
  hand = await connectClient(scene.server.adminUrl)
  // In a deadlock the one that has waited longer than this gives way: never ours by hand.
  await hand.query("SET deadlock_timeout = '1h'")
})
afterAll(async () => {
  await hand.end()
  await scene.close()
})
beforeEach(() => {
  scene.keepBack()
  scene.logged.length = 0
})
afterEach(() => hand.query('ROLLBACK'))

const lock = (client: DatabaseClient, id: bigint) =>
  client.query('SELECT FROM ledger.account WHERE id = $1 FOR UPDATE', [id])

const cashOf = ({ organisationId }: Buyer) =>
  scene.gateway.context.ledger.accountId({
    code: 'buyer_cash',
    owner: parseId('org-', organisationId) as string,
  })

/** Resolves when as many statements of the ledger wait for a lock. */
const untilWaiting = (count: number) =>
  vi.waitUntil(
    async () => {
      const rows = await scene.server.query(
        `SELECT FROM pg_stat_activity WHERE application_name = 'bourse/ledger' AND wait_event_type = 'Lock'`,
      )
      return rows.length === count
    },
    { timeout: 30_000 },
  )

const sentAgain = (queue: 'holds' | 'settlements', code: string) =>
  scene.logged.filter((line) => line.message === `a batch of ${queue} is sent again` && line.code === code)

const ascending = (left: bigint, right: bigint) => (left < right ? -1 : 1)

test('a deadlock with a batch of holds: the batch gives way, asks again, and every hold of it is there once', async () => {
  const pair = [await scene.gateway.buyer(), await scene.gateway.buyer()]
  const before = await Promise.all(pair.map(scene.before))
  const payers = await Promise.all(pair.map(cashOf))
  const [low, high] = payers.toSorted(ascending) as [bigint, bigint]
  await hand.query('BEGIN')
  await lock(hand, high)
  const { ledger } = scene.gateway.context
  const ids = payers.map(() => uuidv7())
  // Asked for in one turn, they travel in one batch.
  const holds = payers.map((payer, index) =>
    ledger.hold({ id: ids[index] as string, payer, amountNanos: 1_000n }),
  )
  await untilWaiting(1)
  // The batch has the low one and wants the high one; now the circle closes.
  await lock(hand, low)
  await hand.query('COMMIT')
  expect((await Promise.all(holds)).map(({ status }) => status)).toEqual(['held', 'held'])
  expect(sentAgain('holds', '40P01').length).toBeGreaterThan(0)
  for (const buyer of pair) expect((await scene.gateway.balanceNanos(buyer)).heldNanos).toBe(1_000n)
  await Promise.all(ids.map((id) => ledger.void(id, 'a story')))
  const told = await Promise.all(pair.map((buyer) => scene.ask(buyer)))
  await scene.expectBooked(before, told)
})

test('a deadlock with a batch of settlements: it is booked once, and the client has its answer', async () => {
  const buyer = await scene.gateway.buyer()
  const before = [await scene.before(buyer)]
  const asked = scene.upstream.visitsOf('held').length
  const answer = scene.ask(buyer, { model: models.held })
  await vi.waitUntil(() => scene.upstream.visitsOf('held').length === asked + 1, { timeout: 30_000 })
  await vi.waitUntil(() => scene.gateway.context.settlement.liveHolds() === 1)
  const fee = await scene.gateway.context.ledger.accountId({ code: 'platform_fee', owner: await feeStripe() })
  const [low, high] = [await cashOf(buyer), fee].sort(ascending) as [bigint, bigint]
  await hand.query('BEGIN')
  await lock(hand, high)
  scene.release()
  await untilWaiting(1)
  await lock(hand, low)
  await hand.query('COMMIT')

  const told = await answer
  expect(told.status).toBe(200)
  await scene.expectBooked(before, [told])
  expect(sentAgain('settlements', '40P01').length).toBeGreaterThan(0)
})

/** The fee account that this gateway writes: the one that is written by its first settlement. */
async function feeStripe(): Promise<string> {
  const rows = await scene.server.query<{ owner: string }>(
    "SELECT owner FROM ledger.account WHERE code = 'platform_fee' AND credits > 0",
  )
  return rows[0]?.owner as string
}

test('a lock that is not to be had in time is asked for again', async () => {
  const buyer = await scene.gateway.buyer()
  const before = [await scene.before(buyer)]
  await hand.query("ALTER SYSTEM SET lock_timeout = '100ms'")
  await hand.query('SELECT pg_reload_conf()')
  try {
    await hand.query('BEGIN')
    await lock(hand, await cashOf(buyer))
    const answer = scene.ask(buyer)
    await vi.waitUntil(() => sentAgain('holds', '55P03').length > 0, { timeout: 30_000 })
    await hand.query('COMMIT')
    const told = await answer
    expect(told.status, told.text).toBe(200)
    await scene.expectBooked(before, [told])
  } finally {
    await hand.query('ROLLBACK')
    await hand.query('ALTER SYSTEM RESET lock_timeout')
    await hand.query('SELECT pg_reload_conf()')
  }
})

test('a wallet that stays locked: its owner hears 503 before anything is sent, others are served afterwards', async () => {
  // Too little to spare for anything to be sent before the hold is written.
  const [locked, free] = [await scene.gateway.buyer({ usd: '0.0005' }), await scene.gateway.buyer()]
  const before = [await scene.before(locked), await scene.before(free)]
  const asked = scene.upstream.visits.length
  const refusals = await scene.metric('gateway_refusals_total', 'code="unavailable"')
  await hand.query('BEGIN')
  await lock(hand, await cashOf(locked))
  const refused = await scene.ask(locked)
  scene.expectOutage(refused)
  expect(scene.upstream.visits).toHaveLength(asked)
  expect(await scene.metric('gateway_refusals_total', 'code="unavailable"')).toBe(refusals + 1)
  await hand.query('COMMIT')
  const told = [await scene.untilServed(free), await scene.untilServed(locked)]
  await scene.expectBooked(before, told)
})
