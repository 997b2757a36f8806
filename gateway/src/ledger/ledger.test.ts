import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts'
import { systemClock } from '../platform/clock.ts'
import { uuidv7 } from '../platform/ids.ts'
import { createLogger } from '../platform/logger.ts'
import { createLedger } from './ledger.ts'

let db: TestDatabase
beforeAll(async () => { db = await createTestDatabase() })
afterAll(() => db.drop())
test('smoke', async () => {
  const logger = createLogger({ level: 'error' })
  const ledger = createLedger({ pool: db.database.ledgerPool, logger, clock: systemClock, nodeId: 'n', nodeEpoch: 1 })
  const org = uuidv7()
  expect(await ledger.creditPlayMoney({ organisationId: org, amountNanos: 1000n, reason: 'x', idempotencyKey: 'a' })).toBe('booked')
  expect(await ledger.creditPlayMoney({ organisationId: org, amountNanos: 1000n, reason: 'x', idempotencyKey: 'a' })).toBe('repeated')
  expect(await ledger.creditPlayMoney({ organisationId: org, amountNanos: 1001n, reason: 'x', idempotencyKey: 'a' })).toBe('mismatch')
  const payer = await ledger.accountId({ code: 'buyer_cash', owner: org })
  const sellerAccount = await ledger.accountId({ code: 'seller_pending', owner: 's' })
  const feeAccount = await ledger.accountId({ code: 'platform_fee', owner: '0' })
  const id = uuidv7()
  expect(await ledger.hold({ id, payer, amountNanos: 600n })).toEqual({ status: 'held', availableNanos: 400n })
  expect(await ledger.hold({ id: uuidv7(), payer, amountNanos: 600n })).toEqual({ status: 'insufficient', availableNanos: 400n, heldNanos: 600n })
  const settle = { id, costNanos: 1100n, sellerAccount, sellerNanos: 1000n, feeAccount, feeNanos: 100n, record: {
    organisationId: org, keyId: uuidv7(), listingId: uuidv7(), sellerOrganisationId: uuidv7(), model: 'a/b', provider: 'p',
    usage: { uncachedInput: 1, cacheRead: 0, cacheWrite5m: 0, cacheWrite1h: 0, audioInput: 0, output: 2, audioOutput: 0, reasoning: 0 },
    usageSource: 'reported' as const, price: { a: 1n }, stream: false, finishReason: 'stop', startedAt: new Date(), durationMs: 1.5, ttftMs: 1 } }
  expect(await ledger.settle(settle)).toEqual({ availableNanos: 0n, shortfallNanos: 100n })
  expect(await ledger.settle(settle)).toEqual({ availableNanos: 0n, shortfallNanos: 100n })
  await ledger.renew([id])
  await ledger.void(uuidv7(), 'x')
  expect(await ledger.expireHolds()).toBe(0)
  expect(await ledger.releaseDeadNode()).toBe(0)
  await ledger.setBudget(org, { limitNanos: 5n, period: 'week' })
  console.log(await ledger.budgetOf(org), await ledger.statement(org, { limit: 5 }))
  expect(await ledger.checkInvariants()).toEqual([])
  await ledger.close()
})
