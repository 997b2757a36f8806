/** The postings in the order of a marketplace's life, booked in a real database. Each test goes on where the last one ended. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { cents, usd } from '../../test/support/golden-journals.ts'
import { createLedgerScene, type LedgerScene } from '../../test/support/ledger-scene.ts'
import { uuidv7 } from '../platform/ids.ts'
import { type AccountRef, accountKey } from './accounts.ts'
import * as adjustment from './adjustment-postings.ts'
import * as dispute from './dispute-postings.ts'
import * as group from './group-postings.ts'
import * as payout from './payout-postings.ts'
import * as platform from './platform-postings.ts'
import type { Journal } from './postings.ts'
import * as request from './request-postings.ts'
import * as topup from './topup-postings.ts'

const buyer = uuidv7()
const seller = uuidv7()
const fee: AccountRef = { code: 'platform_fee', owner: '0' }
const cash: AccountRef = { code: 'buyer_cash', owner: buyer }

let scene: LedgerScene

beforeAll(async () => {
  scene = await createLedgerScene()
})

afterAll(async () => {
  expect(await scene.ledger.checkInvariants()).toEqual([])
  await scene.close()
})

const book = async (journal: Journal | undefined) => scene.ledger.post(journal as Journal)

/** The balance of an account on its normal side, 0 when it was never opened. */
async function balance(ref: AccountRef): Promise<bigint> {
  const { rows } = await scene.admin.query<{ nanos: string }>(
    `SELECT CASE normal_side WHEN 'credit' THEN credits - debits ELSE debits - credits END AS nanos
     FROM ledger.account WHERE key = $1`,
    [accountKey(ref)],
  )
  return BigInt(rows[0]?.nanos ?? 0)
}

const of = (code: AccountRef['code'], owner?: string) =>
  balance(owner === undefined ? { code } : { code, owner })

async function sellerBalances() {
  return {
    organisationId: seller,
    pendingNanos: await of('seller_pending', seller),
    availableNanos: await of('seller_available', seller),
    reserveNanos: await of('seller_reserve', seller),
  }
}

/** A request that the buyer paid in full; a tenth is the platform's. */
async function spend(costNanos: bigint): Promise<string> {
  const id = uuidv7()
  await scene.ledger.hold({ id, payer: await scene.ledger.accountId(cash), amountNanos: costNanos })
  await scene.ledger.settle({
    ...(await scene.settlement(id, costNanos, costNanos / 10n)),
    sellerAccount: await scene.ledger.accountId({ code: 'seller_pending', owner: seller }),
  })
  return id
}

const refundOf = (requestId: string, costNanos: bigint) => ({
  requestId,
  n: 1,
  refundedNanos: 0n,
  drawn: [{ account: cash, nanos: costNanos }],
  memo: 'cut off',
})

const paid = {
  paymentIntentId: 'pi_1',
  organisationId: buyer,
  creditNanos: usd(100),
  feeNanos: usd(5),
  taxNanos: usd(20),
}

test('a top-up is credited once, whatever Stripe sends again', async () => {
  const first = await book(topup.topupSucceeded(paid))
  expect(first.fresh).toBe(true)
  expect(await book(topup.topupSucceeded(paid))).toEqual({ journalId: first.journalId, fresh: false })
  const other = [
    topup.topupSucceeded({ ...paid, creditNanos: usd(101) }),
    topup.paymentUnattributed({ paymentIntentId: 'pi_1', paidNanos: usd(125), memo: 'no metadata' }),
  ]
  for (const journal of other)
    await expect(book(journal)).rejects.toMatchObject({ code: 'idempotency_mismatch' })
  await book(topup.stripeFee({ balanceTransactionId: 'txn_1', feeNanos: cents(393) }))
  expect(await balance(cash)).toBe(usd(100))
  expect(await of('stripe_clearing')).toBe(usd(125) - cents(393))
})

test('a payment without a name waits for its owner', async () => {
  await book(topup.paymentUnattributed({ paymentIntentId: 'pi_2', paidNanos: usd(10), memo: 'no metadata' }))
  const found = {
    paymentIntentId: 'pi_2',
    organisationId: buyer,
    creditNanos: usd(9),
    feeNanos: usd(1),
    taxNanos: 0n,
  }
  expect((await book(topup.topupAttributed(found))).fresh).toBe(true)
  expect((await book(topup.topupAttributed(found))).fresh).toBe(false)
  expect([await of('topup_unallocated'), await balance(cash)]).toEqual([0n, usd(109)])
})

test('a refund of a top-up takes back what is unspent, and is undone when the bank refuses it', async () => {
  const refund = { organisationId: buyer, topup: { ...paid, feeRefundable: true }, refundedNanos: 0n }
  const half = topup.topupRefunded({ ...refund, refundId: 're_1', refundNanos: usd(50) })
  const { journalId } = await book(half)
  expect(await balance(cash)).toBe(usd(69))
  const failed = topup.refundFailed({ refundId: 're_1', journalId, entries: half.entries })
  expect([(await book(failed)).fresh, (await book(failed)).fresh]).toEqual([true, false])
  expect([await balance(cash), await of('tax_payable')]).toEqual([usd(109), usd(20)])
  // Another name would be another source: the ledger knows only one for undoing a journal.
  await expect(book({ ...failed, code: 'undone_again' })).rejects.toMatchObject({ code: '22023' })
  await spend(usd(20))
  const all = topup.topupRefunded({ ...refund, refundId: 're_2', refundNanos: usd(125) })
  await expect(book(all)).rejects.toMatchObject({ code: 'conflict' })
  expect(await balance(cash)).toBe(usd(89))
})

test('a complaint that was right takes from seller and platform what they earned with the request', async () => {
  const id = await spend(usd(10))
  const before = [await of('seller_pending', seller), await balance(fee), await balance(cash)]
  const refund = { ...refundOf(id, usd(10)), refundNanos: usd(4) }
  const seen = await sellerBalances()
  const journal = request.requestRefunded({ ...refund, sellerNanos: usd(9), seller: seen, fee })
  expect([(await book(journal)).fresh, (await book(journal)).fresh]).toEqual([true, false])
  await book(request.goodwillRefunded({ ...refund, n: 2, refundedNanos: usd(4), refundNanos: usd(6) }))
  const after = [await of('seller_pending', seller), await balance(fee), await balance(cash)]
  expect(after.map((nanos, index) => nanos - (before[index] as bigint))).toEqual([
    -cents(360),
    -cents(40),
    usd(10),
  ])
  expect(await of('goodwill_expense')).toBe(usd(6))
})

test('earnings mature, are paid out, and come back when a transfer fails or is reversed', async () => {
  const maturedNanos = await of('seller_pending', seller)
  const matured = { organisationId: seller, day: '2026-11-22', maturedNanos, reserveBps: 1_000 }
  await book(payout.earningMatured(matured))
  expect(await sellerBalances()).toMatchObject({
    pendingNanos: 0n,
    availableNanos: (maturedNanos * 9n) / 10n,
    reserveNanos: maturedNanos / 10n,
  })
  const attempt = { payoutId: 'p1', attempt: 1, organisationId: seller, payoutNanos: usd(20) }
  await expect(
    book(payout.payoutRequested({ ...attempt, payoutId: 'p0', payoutNanos: usd(90) })),
  ).rejects.toMatchObject({ code: 'conflict' })
  await book(payout.payoutRequested(attempt))
  await book(payout.payoutFailed(attempt))
  await book(payout.payoutRequested({ ...attempt, attempt: 2 }))
  const transfer = { transferId: 'tr_1', organisationId: seller, payoutNanos: usd(20), toBank: true }
  await book(payout.payoutTransferred(transfer))
  expect([await of('payouts_in_transit'), await of('seller_payout_inflight', seller)]).toEqual([
    usd(20),
    usd(20),
  ])
  await book(
    payout.transferReversed({
      transferReversalId: 'trr_1',
      organisationId: seller,
      reversedNanos: usd(5),
      toBank: true,
    }),
  )
  await book(payout.payoutPaid({ bankPayoutId: 'po_1', organisationId: seller, payoutNanos: usd(15) }))
  await book(payout.payoutFee({ balanceTransactionId: 'txn_9', feeNanos: cents(25) }))
  expect([await of('payouts_in_transit'), await of('seller_payout_inflight', seller)]).toEqual([0n, 0n])
  expect(await of('seller_available', seller)).toBe((maturedNanos * 9n) / 10n - usd(15))
  await book(
    payout.reserveReleased({ organisationId: seller, day: '2026-11-22', releasedNanos: maturedNanos / 10n }),
  )
  // All that was ever paid out is matured earnings less what was taken back.
  expect(await of('seller_available', seller)).toBe(maturedNanos - usd(15))
})

test('a seller who owes pays from his next earnings before he gets any', async () => {
  const id = await spend(usd(30))
  const attempt = { payoutId: 'p2', attempt: 1, organisationId: seller, payoutNanos: usd(5) }
  await book(payout.payoutRequested(attempt))
  const mine = await sellerBalances()
  const has = mine.pendingNanos + mine.availableNanos + mine.reserveNanos
  const refund = { ...refundOf(id, usd(30)), refundNanos: usd(30), sellerNanos: usd(27), fee }
  const poor = { ...mine, pendingNanos: 0n, availableNanos: 0n, reserveNanos: 0n }
  // As if everything had been paid out between reading and posting.
  await book(request.requestRefunded({ ...refund, seller: poor }))
  expect(await of('receivable_seller', seller)).toBe(usd(27))
  await book(payout.payoutFailed(attempt))
  expect(await of('receivable_seller', seller)).toBe(usd(22))
  const recovery = { recoveryId: 'c1', debtNanos: usd(2), seller: await sellerBalances() }
  await book(payout.sellerDebtRecovered(recovery))
  const { pendingNanos } = await sellerBalances()
  await book(
    payout.earningMatured({
      organisationId: seller,
      day: '2026-11-23',
      maturedNanos: pendingNanos,
      reserveBps: 0,
    }),
  )
  const now = await sellerBalances()
  expect([await of('receivable_seller', seller), now.pendingNanos]).toEqual([0n, 0n])
  expect(now.availableNanos + now.reserveNanos).toBe(has + usd(5) - usd(27))
})

test('a dispute that is lost leaves a debt, which the next top-up pays first', async () => {
  const txn = { disputeId: 'dp_1', balanceTransactionId: 'txn_2' }
  await book(dispute.disputeOpened({ ...txn, disputedNanos: usd(130) }))
  await book(dispute.disputeFee({ ...txn, feeNanos: usd(15) }))
  const availableNanos = await balance(cash)
  const provisional = { disputeId: 'dp_1', organisationId: buyer, creditNanos: usd(104), availableNanos }
  await book(dispute.disputeProvisional(provisional))
  expect(await balance(cash)).toBe(0n)
  const suspenseNanos = await of('dispute_suspense', 'dp_1')
  expect(suspenseNanos).toBe(usd(130) - availableNanos)
  await book(dispute.disputeLost({ disputeId: 'dp_1', organisationId: buyer, suspenseNanos }))
  expect(await of('dispute_suspense', 'dp_1')).toBe(0n)
  const writtenOffNanos = suspenseNanos - usd(7)
  const writeOff = {
    writeOffId: 'w1',
    debtor: 'receivable_buyer',
    organisationId: buyer,
    reason: 'gone',
  } as const
  await book(adjustment.debtWrittenOff({ ...writeOff, writtenOffNanos }))
  await expect(
    book(adjustment.debtWrittenOff({ ...writeOff, writeOffId: 'w2', writtenOffNanos: usd(8) })),
  ).rejects.toMatchObject({ code: 'conflict' })
  await book(topup.topupSucceeded({ ...paid, paymentIntentId: 'pi_3', creditNanos: usd(10) }))
  expect([await of('receivable_buyer', buyer), await balance(cash)]).toEqual([0n, usd(3)])
})

test('a dispute that is won gives everything back, in whatever order Stripe tells it', async () => {
  const clearing = await of('stripe_clearing')
  await book(
    dispute.disputeReinstated({ disputeId: 'dp_2', balanceTransactionId: 'txn_4', reinstatedNanos: usd(6) }),
  )
  await book(dispute.disputeFeeReturned({ balanceTransactionId: 'txn_4', feeNanos: usd(15) }))
  await book(
    dispute.disputeProvisional({
      disputeId: 'dp_2',
      organisationId: buyer,
      creditNanos: usd(6),
      availableNanos: usd(3),
    }),
  )
  await book(
    dispute.disputeOpened({ disputeId: 'dp_2', balanceTransactionId: 'txn_3', disputedNanos: usd(6) }),
  )
  await book(dispute.disputeFee({ balanceTransactionId: 'txn_3', feeNanos: usd(15) }))
  const returned = { disputeId: 'dp_2', organisationId: buyer, provisionalNanos: usd(3) }
  await book(dispute.disputeProvisionalReturned(returned))
  expect([await of('dispute_suspense', 'dp_2'), await balance(cash), await of('stripe_clearing')]).toEqual([
    0n,
    usd(3),
    clearing,
  ])
})

test('promotional credit, groups, corrections and expiry keep to their own balances', async () => {
  const expiresAt = new Date('2026-12-24T00:00:00Z')
  await book(adjustment.promoGranted({ grantId: 'g1', organisationId: buyer, grantNanos: usd(2), expiresAt }))
  const adjusted = { adjustmentId: 'a1', organisationId: buyer, reason: 'typed twice', ticket: 'T-1' }
  await book(adjustment.adminAdjusted({ ...adjusted, amountNanos: usd(4) }))
  await expect(
    book(adjustment.adminAdjusted({ ...adjusted, adjustmentId: 'a2', amountNanos: -usd(8) })),
  ).rejects.toMatchObject({ code: 'conflict' })
  const member = { groupId: 'g', periodId: 'g-1', memberOrganisationId: buyer }
  await book(group.groupContributed({ ...member, shareNanos: usd(5) }))
  await book(
    group.groupRefunded({
      groupId: 'g',
      refundId: 'g-1',
      refundNanos: usd(1),
      contributions: [{ memberOrganisationId: buyer, paidNanos: usd(5) }],
      rotation: 0,
    }),
  )
  await book(
    adjustment.promoExpired({
      grantId: 'g1',
      organisationId: buyer,
      unspentNanos: usd(2),
      availableNanos: usd(2),
    }),
  )
  await book(
    adjustment.creditExpired({ organisationId: buyer, day: '2026-11-22', expiredNanos: usd(3) - 7n }),
  )
  await book(platform.residueRounded({ sourceId: buyer, account: cash, residueNanos: 7n }))
  expect([await balance(cash), await of('buyer_promo', buyer), await of('group_pool', 'g')]).toEqual([
    0n,
    0n,
    usd(4),
  ])
})

test('a month closes into equity, and the platform takes out what it does not owe', async () => {
  await book(
    platform.exchangeDifference({
      balanceTransactionId: 'txn_6',
      account: { code: 'stripe_clearing' },
      differenceNanos: -usd(1),
    }),
  )
  const { rows } = await scene.admin.query<{ code: AccountRef['code']; owner: string | null; nanos: string }>(
    `SELECT code, owner, CASE normal_side WHEN 'credit' THEN credits - debits ELSE debits - credits END AS nanos
     FROM ledger.account WHERE class IN ('income', 'expense')`,
  )
  const balances = rows.map(({ code, owner, nanos }) => ({
    account: owner === null ? { code } : { code, owner },
    balanceNanos: BigInt(nanos),
  }))
  await book(platform.monthClosed({ month: '2026-11', balances }))
  for (const { account } of balances) expect([account, await balance(account)]).toEqual([account, 0n])
  const withdrawal = async (withdrawNanos: bigint) => {
    const { availableNanos, pendingNanos, reserveNanos } = await sellerBalances()
    const owed = {
      buyerCashNanos: await balance(cash),
      groupPoolsNanos: await of('group_pool', 'g'),
      sellersNanos: availableNanos + pendingNanos + reserveNanos,
      unallocatedNanos: await of('topup_unallocated'),
      taxNanos: await of('tax_payable'),
    }
    const clearingAvailableNanos = await of('stripe_clearing')
    const spare = clearingAvailableNanos - Object.values(owed).reduce((sum, nanos) => sum + nanos, 0n)
    return {
      spare,
      journal: () =>
        platform.platformWithdrawn({ bankPayoutId: 'po_2', withdrawNanos, clearingAvailableNanos, owed }),
    }
  }
  const early = await withdrawal(1n)
  expect(early.spare).toBeLessThan(0n)
  expect(early.journal).toThrow('leaves what we owe')
  const earned = usd(1) - early.spare
  await book(topup.topupSucceeded({ ...paid, paymentIntentId: 'pi_4', feeNanos: earned }))
  expect((await withdrawal(usd(1) + 1n)).journal).toThrow('leaves what we owe')
  await book((await withdrawal(usd(1))).journal())
  expect([await of('bank'), (await withdrawal(1n)).spare]).toEqual([usd(1), 0n])
})

test('a payout by hand is paid or given back, never both, and by the bank exactly once', async () => {
  const id = await spend(usd(10))
  expect(id).toBeDefined()
  const { pendingNanos } = await sellerBalances()
  await book(
    payout.earningMatured({
      organisationId: seller,
      day: '2026-11-24',
      part: 3,
      maturedNanos: pendingNanos,
      reserveBps: 0,
    }),
  )
  const bank = await of('bank')
  const inFlight = await of('seller_payout_inflight', seller)
  const attempt = { payoutId: 'p3', attempt: 1, organisationId: seller, payoutNanos: usd(5) }
  const byHand = payout.payoutPaidManually({ ...attempt, bankReference: 'SEPA 3' })
  await expect(book(byHand)).rejects.toMatchObject({ code: 'conflict' })
  await book(payout.payoutRequested(attempt))
  await book(byHand)
  await book(byHand)
  expect([await of('bank'), await of('seller_payout_inflight', seller)]).toEqual([bank - usd(5), inFlight])
  await expect(book(payout.payoutFailed(attempt))).rejects.toMatchObject({ code: 'conflict' })
})
