import { expect, test } from 'vitest'
import * as adjustment from './adjustment-postings.ts'
import * as dispute from './dispute-postings.ts'
import * as group from './group-postings.ts'
import * as payout from './payout-postings.ts'
import * as platform from './platform-postings.ts'
import * as request from './request-postings.ts'
import { splitByWeights } from './split.ts'
import * as topup from './topup-postings.ts'

const paid = { paymentIntentId: 'pi', organisationId: 'b', creditNanos: 100n, feeNanos: 5n, taxNanos: 0n }
const refund = {
  requestId: 'r',
  n: 1,
  refundedNanos: 0n,
  refundNanos: 10n,
  drawn: [{ account: { code: 'buyer_cash', owner: 'b' }, nanos: 100n }],
  memo: 'why',
} as const
const seller = { organisationId: 's', pendingNanos: 1n, availableNanos: 1n, reserveNanos: 1n }
const attempt = { payoutId: 'p', attempt: 1, organisationId: 's', payoutNanos: 10_000_000n }
const owed = {
  buyerCashNanos: 50n,
  groupPoolsNanos: 10n,
  sellersNanos: 20n,
  unallocatedNanos: 5n,
  taxNanos: 10n,
}
const matured = { organisationId: 's', day: '2026-11-22', maturedNanos: 1n, reserveBps: 0 }
const adjusted = { adjustmentId: 'a', organisationId: 'b', amountNanos: 1n, reason: 'why' }
const refunded = {
  refundId: 're',
  organisationId: 'b',
  refundedNanos: 0n,
  topup: { ...paid, feeRefundable: true },
}

test.each<[string, () => unknown]>([
  ['the credit of a payment must be above zero', () => topup.topupSucceeded({ ...paid, creditNanos: 0n })],
  ['the fee of a payment must not be below zero', () => topup.topupSucceeded({ ...paid, feeNanos: -1n })],
  ['the tax of a payment must not be below zero', () => topup.topupAttributed({ ...paid, taxNanos: -1n })],
  ['a fee must be above zero', () => topup.stripeFee({ balanceTransactionId: 't', feeNanos: -1n })],
  ['at most what was paid', () => topup.topupRefunded({ ...refunded, refundNanos: 106n })],
  ['at most what was paid', () => topup.topupRefunded({ ...refunded, refundedNanos: 60n, refundNanos: 46n })],
  [
    'at most what was paid',
    () => topup.topupRefunded({ ...refunded, topup: { ...paid, feeRefundable: false }, refundNanos: 101n }),
  ],
  ['a refund must be above zero', () => topup.topupRefunded({ ...refunded, refundNanos: 0n })],
  ['at most its cost', () => request.goodwillRefunded({ ...refund, refundedNanos: 91n })],
  [
    'at most its cost',
    () =>
      request.requestRefunded({
        ...refund,
        refundNanos: 101n,
        sellerNanos: 0n,
        seller,
        fee: { code: 'platform_fee', owner: '0' },
      }),
  ],
  [
    'at most what a request costs',
    () =>
      request.requestRefunded({
        ...refund,
        sellerNanos: 101n,
        seller,
        fee: { code: 'platform_fee', owner: '0' },
      }),
  ],
  ['a refund must be above zero', () => request.goodwillRefunded({ ...refund, refundNanos: -1n })],
  ['counted from 1', () => request.goodwillRefunded({ ...refund, n: 0 })],
  [
    'a disputed amount must be above zero',
    () => dispute.disputeOpened({ disputeId: 'd', balanceTransactionId: 't', disputedNanos: 0n }),
  ],
  [
    'the rest of a dispute must not be below zero',
    () => dispute.disputeLost({ disputeId: 'd', organisationId: 'b', suspenseNanos: -1n }),
  ],
  ['0 to 10,000 bps', () => payout.earningMatured({ ...matured, reserveBps: 10_001 })],
  ['written as 2026-11-22', () => payout.earningMatured({ ...matured, day: 'today' })],
  ['what matures must be above zero', () => payout.earningMatured({ ...matured, maturedNanos: 0n })],
  ['whole cents', () => payout.payoutRequested({ ...attempt, payoutNanos: 10_000_001n })],
  ['counted from 1', () => payout.payoutFailed({ ...attempt, attempt: 0 })],
  ['parts of a day are counted from 1', () => payout.earningMatured({ ...matured, part: 0 })],
  ['a bank reference', () => payout.payoutPaidManually({ ...attempt, bankReference: ' ' })],
  [
    'whole cents',
    () => payout.payoutPaidManually({ ...attempt, payoutNanos: 10_000_001n, bankReference: 'r' }),
  ],
  ['a payout must be above zero', () => payout.payoutRequested({ ...attempt, payoutNanos: 0n })],
  [
    'pendingNanos must not be below zero',
    () =>
      payout.sellerDebtRecovered({
        recoveryId: 'c',
        debtNanos: 1n,
        seller: { ...seller, pendingNanos: -1n },
      }),
  ],
  [
    'leaves what we owe to customers',
    () =>
      platform.platformWithdrawn({
        bankPayoutId: 'po',
        withdrawNanos: 6n,
        clearingAvailableNanos: 100n,
        owed,
      }),
  ],
  [
    'neither income nor expense',
    () =>
      platform.monthClosed({ month: '2026-11', balances: [{ account: { code: 'bank' }, balanceNanos: 1n }] }),
  ],
  [
    'less than a cent',
    () =>
      platform.residueRounded({
        sourceId: 's',
        account: { code: 'seller_available', owner: 's' },
        residueNanos: 10_000_000n,
      }),
  ],
  ['an adjustment is not nothing', () => adjustment.adminAdjusted({ ...adjusted, amountNanos: 0n })],
  ['an id and a reason', () => adjustment.adminAdjusted({ ...adjusted, reason: ' ' })],
  ['an id and a reason', () => adjustment.adminAdjusted({ ...adjusted, adjustmentId: '' })],
  [
    'must not be below zero',
    () =>
      adjustment.promoExpired({ grantId: 'g', organisationId: 'b', unspentNanos: -1n, availableNanos: 1n }),
  ],
  [
    'at most what it paid',
    () =>
      group.groupRefunded({
        groupId: 'g',
        refundId: 'x',
        refundNanos: 11n,
        contributions: [{ memberOrganisationId: 'b', paidNanos: 10n }],
        rotation: 0,
      }),
  ],
  ['weights above zero', () => splitByWeights(1n, [0n, 0n])],
  ['must not be below zero', () => splitByWeights(1n, [2n, -1n])],
])('a mistake is refused before it reaches the books: %s', (message, post) => {
  expect(post).toThrow(message)
})

test('where there is nothing to take, there is no journal', () => {
  const nothing = { ...seller, pendingNanos: 0n, availableNanos: 0n, reserveNanos: 0n }
  expect([
    dispute.disputeProvisional({ disputeId: 'd', organisationId: 'b', creditNanos: 5n, availableNanos: 0n }),
    dispute.disputeLost({ disputeId: 'd', organisationId: 'b', suspenseNanos: 0n }),
    dispute.earningsClawedBack({
      disputeId: 'd',
      sellerOrganisationId: 's',
      buyerOrganisationId: 'b',
      owedNanos: 5n,
      pendingNanos: 0n,
    }),
    payout.sellerDebtRecovered({ recoveryId: 'c', debtNanos: 1n, seller: nothing }),
    adjustment.promoExpired({ grantId: 'g', organisationId: 'b', unspentNanos: 0n, availableNanos: 5n }),
    splitByWeights(0n, [0n]),
  ]).toEqual([undefined, undefined, undefined, undefined, undefined, [0n]])
})

test('a platform may take out exactly what it does not owe, and not a nano more', () => {
  const allowed = (withdrawNanos: bigint, changed: Partial<typeof owed> = {}) =>
    platform.withdrawalAllowed({ withdrawNanos, clearingAvailableNanos: 100n, owed: { ...owed, ...changed } })
  expect([allowed(5n), allowed(6n)]).toEqual([true, false])
  for (const account of Object.keys(owed) as (keyof typeof owed)[])
    expect([account, allowed(5n, { [account]: owed[account] + 1n })]).toEqual([account, false])
})
