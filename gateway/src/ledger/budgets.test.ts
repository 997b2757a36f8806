import { afterAll, beforeAll, expect, test } from 'vitest'
import { createLedgerScene, type LedgerScene } from '../../test/support/ledger-scene.ts'
import { uuidv7 } from '../platform/ids.ts'

let scene: LedgerScene

beforeAll(async () => {
  scene = await createLedgerScene()
})

afterAll(async () => {
  expect(await scene.ledger.checkInvariants()).toEqual([])
  await scene.close()
})

/** Asks for a hold on the budget and settles it at its full amount. */
async function spend(payer: bigint, budgetId: string, amountNanos: bigint) {
  const id = uuidv7()
  const outcome = await scene.ledger.hold({ id, payer, amountNanos, budgetId })
  if (outcome.status === 'held') await scene.ledger.settle(await scene.settlement(id, amountNanos))
  return outcome
}

const lastMonth = (budgetId: string) =>
  scene.admin.query(
    `UPDATE ledger.budget SET window_start = window_start - interval '1 month' WHERE id = $1`,
    [budgetId],
  )

test('a key stops at its budget although its organisation has money, and is told when it resets', async () => {
  const { payer } = await scene.buyer(1_000n)
  const budgetId = uuidv7()
  await scene.ledger.setBudget(budgetId, { limitNanos: 100n, period: 'month' })
  expect(await spend(payer, budgetId, 70n)).toMatchObject({ status: 'held' })
  const running = uuidv7()
  await scene.ledger.hold({ id: running, payer, amountNanos: 20n, budgetId })
  const nextMonth = new Date()
  nextMonth.setUTCMonth(nextMonth.getUTCMonth() + 1, 1)
  nextMonth.setUTCHours(0, 0, 0, 0)
  expect(await spend(payer, budgetId, 11n)).toEqual({
    status: 'budget_exceeded',
    limitNanos: 100n,
    spentNanos: 70n,
    heldNanos: 20n,
    resetsAt: nextMonth,
  })
  await scene.ledger.void(running, 'no answer')
  expect(await spend(payer, budgetId, 30n)).toMatchObject({ status: 'held' })
  expect(await scene.ledger.budgetOf(budgetId)).toEqual({
    limitNanos: 100n,
    period: 'month',
    spentNanos: 100n,
    heldNanos: 0n,
    resetsAt: nextMonth,
  })
})

test('a new window starts empty, but for what still runs', async () => {
  const { payer } = await scene.buyer(1_000n)
  const budgetId = uuidv7()
  await scene.ledger.setBudget(budgetId, { limitNanos: 100n, period: 'week' })
  await spend(payer, budgetId, 80n)
  const running = uuidv7()
  await scene.ledger.hold({ id: running, payer, amountNanos: 20n, budgetId })
  await lastMonth(budgetId)
  expect(await scene.ledger.budgetOf(budgetId)).toMatchObject({ spentNanos: 0n, heldNanos: 20n })
  expect(await spend(payer, budgetId, 81n)).toMatchObject({ status: 'budget_exceeded', spentNanos: 0n })
  expect(await spend(payer, budgetId, 80n)).toMatchObject({ status: 'held' })
  await scene.ledger.settle(await scene.settlement(running, 5n))
  expect(await scene.ledger.budgetOf(budgetId)).toMatchObject({ spentNanos: 85n, heldNanos: 0n })
})

test('a budget for all time never resets', async () => {
  const { payer } = await scene.buyer(1_000n)
  const budgetId = uuidv7()
  await scene.ledger.setBudget(budgetId, { limitNanos: 50n, period: 'none' })
  await spend(payer, budgetId, 50n)
  await lastMonth(budgetId)
  expect(await spend(payer, budgetId, 1n)).toMatchObject({ status: 'budget_exceeded', resetsAt: null })
})

test('a raised budget keeps what was spent; a lifted one refuses nothing and can come back while requests run', async () => {
  const { payer } = await scene.buyer(1_000n)
  const budgetId = uuidv7()
  await scene.ledger.setBudget(budgetId, { limitNanos: 50n, period: 'day' })
  await spend(payer, budgetId, 50n)
  await scene.ledger.setBudget(budgetId, { limitNanos: 60n, period: 'month' })
  expect(await scene.ledger.budgetOf(budgetId)).toMatchObject({ limitNanos: 60n, spentNanos: 50n })
  const running = uuidv7()
  await scene.ledger.hold({ id: running, payer, amountNanos: 10n, budgetId })
  await scene.ledger.setBudget(budgetId, null)
  expect(await scene.ledger.budgetOf(budgetId)).toBeUndefined()
  expect(await spend(payer, budgetId, 500n)).toMatchObject({ status: 'held' })
  await scene.ledger.setBudget(budgetId, { limitNanos: 1n, period: 'month' })
  await scene.ledger.settle(await scene.settlement(running, 10n))
  expect(await scene.ledger.budgetOf(budgetId)).toMatchObject({ spentNanos: 560n, heldNanos: 0n })
  expect(await spend(payer, budgetId, 0n)).toMatchObject({ status: 'budget_exceeded' })
})

test('a budget that comes back in a later window does not count what was spent before it', async () => {
  const { payer } = await scene.buyer(1_000n)
  const budgetId = uuidv7()
  await scene.ledger.setBudget(budgetId, { limitNanos: 50n, period: 'month' })
  await spend(payer, budgetId, 50n)
  await scene.ledger.setBudget(budgetId, null)
  await spend(payer, budgetId, 30n)
  await lastMonth(budgetId)
  await scene.ledger.setBudget(budgetId, { limitNanos: 50n, period: 'month' })
  expect(await scene.ledger.budgetOf(budgetId)).toMatchObject({ spentNanos: 0n, heldNanos: 0n })
  expect(await spend(payer, budgetId, 50n)).toMatchObject({ status: 'held' })
  await scene.ledger.setBudget(budgetId, null)
  await lastMonth(budgetId)
  await scene.ledger.setBudget(budgetId, { limitNanos: 60n, period: 'none' })
  expect(await scene.ledger.budgetOf(budgetId)).toMatchObject({ spentNanos: 50n })
})

test('of 100 requests at once on a budget for 9, exactly 9 are admitted', async () => {
  const [one, other] = [await scene.buyer(10_000n), await scene.buyer(10_000n)]
  const budgetId = uuidv7()
  await scene.ledger.setBudget(budgetId, { limitNanos: 95n, period: 'day' })
  const outcomes = await Promise.all(
    Array.from({ length: 100 }, (_, index) =>
      scene.ledger.hold({ id: uuidv7(), payer: (index % 2 ? one : other).payer, amountNanos: 10n, budgetId }),
    ),
  )
  expect(outcomes.filter(({ status }) => status === 'held')).toHaveLength(9)
  expect(await scene.ledger.budgetOf(budgetId)).toMatchObject({ heldNanos: 90n })
})
