/**
 * Everything is sent again: by a caller who did not hear the answer, by a spool that is read after a crash, by two
 * gateways at once. The same again is harmless, however often; the same id with another body is refused.
 */
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import type { SettleOperation } from '../src/ledger/operations.ts'
import { uuidv7 } from '../src/platform/ids.ts'
import { type Buyer, createLedgerScene, type LedgerScene } from './support/ledger-scene.ts'

vi.setConfig({ testTimeout: 60_000 })

const HELD = 1_000n
const START = 1_000_000n

let scene: LedgerScene
let buyer: Buyer

beforeAll(async () => {
  scene = await createLedgerScene()
})
afterAll(() => scene.close())
beforeEach(async () => {
  buyer = await scene.buyer(START)
})

/** What stands in the books, every table that money is in. */
async function books(): Promise<unknown> {
  const { rows } = await scene.admin.query(
    `SELECT (SELECT json_agg(a ORDER BY a.id) FROM ledger.account a) AS accounts,
      (SELECT json_agg(e ORDER BY e.journal_id, e.seq) FROM ledger.entry e) AS entries,
      (SELECT json_agg(u ORDER BY u.id) FROM ledger.usage_record u) AS usage,
      (SELECT json_agg((h.id, h.state, h.settled_amount) ORDER BY h.id) FROM ledger.hold h) AS holds`,
  )
  return rows[0]
}

async function held(budgetId?: string): Promise<string> {
  const id = uuidv7()
  await scene.ledger.hold({ id, payer: buyer.payer, amountNanos: HELD, ...(budgetId ? { budgetId } : {}) })
  return id
}

test('a day that is sent again, twice, out of order and by another gateway, changes nothing', async () => {
  const other = scene.open({ nodeId: 'node-b' })
  const ids = Array.from({ length: 60 }, () => uuidv7())
  const settlements: SettleOperation[] = []
  await Promise.all(ids.map((id) => scene.ledger.hold({ id, payer: buyer.payer, amountNanos: HELD })))
  for (const [index, id] of ids.entries()) {
    if (index % 3 === 0) await scene.ledger.void(id, 'a story')
    else settlements.push(await scene.settlement(id, BigInt(index), BigInt(index % 2)))
  }
  await Promise.all(settlements.map((operation) => scene.ledger.settle(operation)))
  const credit = {
    organisationId: buyer.organisationId,
    amountNanos: 5n,
    reason: 'more',
    idempotencyKey: 'more',
  }
  expect(await scene.ledger.creditPlayMoney(credit)).toBe('booked')
  const before = await books()

  for (const ledger of [scene.ledger, other]) {
    await Promise.all([
      ...settlements.toReversed().map((operation) => ledger.settle(operation)),
      ...ids.map((id) => ledger.hold({ id, payer: buyer.payer, amountNanos: HELD })),
      ...ids.filter((_, index) => index % 3 === 0).map((id) => ledger.void(id, 'again')),
      ledger.renew(ids),
    ])
    expect(await ledger.creditPlayMoney(credit)).toBe('repeated')
  }
  expect(await books()).toEqual(before)
  expect(await scene.ledger.checkInvariants()).toEqual([])
  await other.close()
})

test('the same settlement many times in one batch is booked once, and everybody hears the same', async () => {
  const operation = await scene.settlement(await held(), 300n, 15n)
  const answers = await Promise.all(Array.from({ length: 50 }, () => scene.ledger.settle(operation)))
  expect(new Set(answers.map(({ shortfallNanos }) => shortfallNanos))).toEqual(new Set([0n]))
  expect((await scene.ledger.balanceOf(buyer.organisationId)).balanceNanos).toBe(START - 300n)
})

test.each<[string, () => Promise<{ amountNanos?: bigint; payer?: bigint; budgetId?: string }>]>([
  ['another amount', async () => ({ amountNanos: HELD + 1n })],
  ['another payer', async () => ({ payer: (await scene.buyer(START)).payer })],
  ['another budget', async () => ({ budgetId: await newBudget() })],
])('a hold whose id was used with %s is refused, and nothing more is held', async (_, change) => {
  const budgetId = await newBudget()
  const id = await held(budgetId)
  const changed = { id, payer: buyer.payer, amountNanos: HELD, budgetId, ...(await change()) }
  const [refused, neighbour] = await Promise.allSettled([scene.ledger.hold(changed), held()])
  expect([refused.status, neighbour.status]).toEqual(['rejected', 'fulfilled'])
  if (neighbour.status === 'fulfilled') await scene.ledger.void(neighbour.value, 'a story')
  expect((await scene.ledger.balanceOf(buyer.organisationId)).heldNanos).toBe(HELD)
  expect(await scene.ledger.hold({ id, payer: buyer.payer, amountNanos: HELD, budgetId })).toMatchObject({
    status: 'held',
  })
  await scene.ledger.void(id, 'a story')
  expect(await scene.ledger.checkInvariants()).toEqual([])
})

async function newBudget(): Promise<string> {
  const id = uuidv7()
  await scene.ledger.setBudget(id, { limitNanos: START, period: 'day' })
  return id
}

test.each<[string, (settlement: SettleOperation) => Promise<Partial<SettleOperation>>]>([
  ['another cost', async ({ id }) => scene.settlement(id, 301n, 15n)],
  ['another share for the platform', async ({ id }) => scene.settlement(id, 300n, 16n)],
  ['another seller', async () => ({ sellerAccount: await account('seller_pending', 'somebody-else') })],
  ['another fee account', async () => ({ feeAccount: await account('platform_fee', '7') })],
  ['another key', async ({ record }) => ({ record: { ...record, keyId: uuidv7() } })],
  [
    'other tokens',
    async ({ record }) => ({ record: { ...record, usage: { ...record.usage, output: 9_999 } } }),
  ],
  ['another model', async ({ record }) => ({ record: { ...record, model: 'openai/gpt-5' } })],
])(
  'a settlement that was booked is refused with %s, in its own batch and later, and changes nothing',
  async (_, change) => {
    const operation = await scene.settlement(await held(), 300n, 15n)
    const changed = { ...operation, ...(await change(operation)) }
    const [first, second] = await Promise.allSettled([
      scene.ledger.settle(operation),
      scene.ledger.settle(changed),
    ])
    expect([first.status, second.status]).toEqual(['fulfilled', 'rejected'])
    const before = await books()
    await expect(scene.ledger.settle(changed)).rejects.toMatchObject({ code: 'internal_error' })
    await expect(scene.ledger.settle(operation)).resolves.toMatchObject({ shortfallNanos: 0n })
    expect(await books()).toEqual(before)
  },
)

const account = (code: 'seller_pending' | 'platform_fee', owner: string) =>
  scene.ledger.accountId({ code, owner })

test('a credit that is asked for again with another amount is refused', async () => {
  const credit = {
    organisationId: buyer.organisationId,
    amountNanos: 5n,
    reason: 'more',
    idempotencyKey: 'x',
  }
  expect(await scene.ledger.creditPlayMoney(credit)).toBe('booked')
  expect(await scene.ledger.creditPlayMoney({ ...credit, amountNanos: 6n })).toBe('mismatch')
  expect((await scene.ledger.balanceOf(buyer.organisationId)).balanceNanos).toBe(START + 5n)
})
