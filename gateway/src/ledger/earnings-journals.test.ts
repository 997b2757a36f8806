import { type Golden, testGoldens, usd } from '../../test/support/golden-journals.ts'
import * as adjustment from './adjustment-postings.ts'
import * as group from './group-postings.ts'
import * as payout from './payout-postings.ts'
import * as platform from './platform-postings.ts'

const fee = { code: 'platform_fee', owner: '3' } as const
const seller = { organisationId: 's', pendingNanos: 40n, availableNanos: 20n, reserveNanos: 10n }
const attempt = { payoutId: 'p', attempt: 1, organisationId: 's', payoutNanos: usd(25) }
const owed = {
  buyerCashNanos: 50n,
  groupPoolsNanos: 10n,
  sellersNanos: 20n,
  unallocatedNanos: 5n,
  taxNanos: 10n,
}

const goldens: Golden[] = [
  [
    'earnings mature, less a reserve that takes the rounding',
    payout.earningMatured({
      organisationId: 's',
      day: '2026-11-22',
      maturedNanos: 1_005n,
      reserveBps: 1_000,
    }),
    // 1,005 × 0.9 = 904.5, down.
    'earning_matured mature:s:2026-11-22',
    { 'seller_pending:s': 1_005n, 'seller_available:s': -904n, 'seller_reserve:s': -101n },
  ],
  [
    'and where they mature as they come, each part of a day is its own journal',
    payout.earningMatured({
      organisationId: 's',
      day: '2026-11-22',
      part: 2,
      maturedNanos: 10n,
      reserveBps: 0,
    }),
    'earning_matured mature:s:2026-11-22:2',
    { 'seller_pending:s': 10n, 'seller_available:s': -10n },
  ],
  [
    'the reserve is released',
    payout.reserveReleased({ organisationId: 's', day: '2026-11-22', releasedNanos: 101n }),
    'reserve_released reserve:s:2026-11-22',
    { 'seller_reserve:s': 101n, 'seller_available:s': -101n },
  ],
  [
    'what an accused listing earned waits in the reserve',
    payout.earningsReserved({ caseId: 'c9', part: 2, organisationId: 's', reservedNanos: 70n }),
    'earnings_reserved trust:c9:2',
    { 'seller_pending:s': 70n, 'seller_reserve:s': -70n },
  ],
  [
    'the accusation was wrong, and the earnings mature as they would have',
    payout.earningsUnreserved({ caseId: 'c9', part: 2, organisationId: 's', reservedNanos: 70n }),
    'earnings_unreserved trust:c9:2',
    { 'seller_reserve:s': 70n, 'seller_pending:s': -70n },
  ],
  [
    'a seller’s debt is taken from what he has',
    payout.sellerDebtRecovered({ recoveryId: 'c1', debtNanos: 45n, seller }),
    'seller_debt_recovered recovery:c1',
    { 'seller_pending:s': 40n, 'seller_available:s': 5n, 'receivable_seller:s': -45n },
  ],
  [
    'a payout is set aside',
    payout.payoutRequested(attempt),
    'payout_requested payout:p:1',
    { 'seller_available:s': usd(25), 'seller_payout_inflight:s': -usd(25) },
  ],
  [
    'is refused and comes back',
    payout.payoutFailed(attempt),
    'payout_failed payout:p:1',
    { 'seller_payout_inflight:s': usd(25), 'seller_available:s': -usd(25) },
  ],
  [
    'or is paid by hand from our bank',
    payout.payoutPaidManually({ ...attempt, bankReference: 'SEPA 1' }),
    'payout_paid_manually payout:p:1',
    { 'seller_payout_inflight:s': usd(25), bank: -usd(25) },
  ],
  [
    'or is transferred',
    payout.payoutTransferred({
      transferId: 'tr_1',
      organisationId: 's',
      payoutNanos: usd(25),
      toBank: false,
    }),
    'payout_transferred stripe:tr:tr_1',
    { 'seller_payout_inflight:s': usd(25), stripe_clearing: -usd(25) },
  ],
  [
    'or is in transit to his bank',
    payout.payoutTransferred({ transferId: 'tr_1', organisationId: 's', payoutNanos: usd(25), toBank: true }),
    'payout_transferred stripe:tr:tr_1',
    { payouts_in_transit: usd(25), stripe_clearing: -usd(25) },
  ],
  [
    'until the bank has it',
    payout.payoutPaid({ bankPayoutId: 'po_1', organisationId: 's', payoutNanos: usd(25) }),
    'payout_paid stripe:po:po_1',
    { 'seller_payout_inflight:s': usd(25), payouts_in_transit: -usd(25) },
  ],
  [
    'a transfer comes back',
    payout.transferReversed({
      transferReversalId: 'trr_1',
      organisationId: 's',
      reversedNanos: 5n,
      toBank: false,
    }),
    'transfer_reversed stripe:trr:trr_1',
    { stripe_clearing: 5n, 'seller_available:s': -5n },
  ],
  [
    'a transfer comes back on its way to the bank',
    payout.transferReversed({
      transferReversalId: 'trr_1',
      organisationId: 's',
      reversedNanos: 5n,
      toBank: true,
    }),
    'transfer_reversed stripe:trr:trr_1',
    {
      stripe_clearing: 5n,
      'seller_payout_inflight:s': 5n,
      payouts_in_transit: -5n,
      'seller_available:s': -5n,
    },
  ],
  [
    'Stripe charges for a payout',
    payout.payoutFee({ balanceTransactionId: 'txn_4', feeNanos: 25n }),
    'payout_fee stripe:txn:txn_4',
    { payout_fees: 25n, stripe_clearing: -25n },
  ],
  [
    'a month closes into equity, also with a stripe below zero',
    platform.monthClosed({
      month: '2026-11',
      balances: [
        { account: fee, balanceNanos: 50n },
        { account: { code: 'platform_fee', owner: '4' }, balanceNanos: -3n },
        { account: { code: 'stripe_fees' }, balanceNanos: 12n },
        { account: { code: 'rounding' }, balanceNanos: 0n },
      ],
    }),
    'month_closed close:2026-11',
    { 'platform_fee:3': 50n, 'platform_fee:4': -3n, stripe_fees: -12n, equity: -35n },
  ],
  [
    'the platform takes out what is its own',
    platform.platformWithdrawn({
      bankPayoutId: 'po_2',
      withdrawNanos: 5n,
      clearingAvailableNanos: 100n,
      owed,
    }),
    'platform_withdrawn stripe:po:po_2',
    { bank: 5n, stripe_clearing: -5n },
  ],
  [
    'an exchange rate gains',
    platform.exchangeDifference({
      balanceTransactionId: 'txn_5',
      account: { code: 'stripe_clearing' },
      differenceNanos: 3n,
    }),
    'exchange_difference stripe:txn:txn_5',
    { stripe_clearing: 3n, fx_gain_loss: -3n },
  ],
  [
    'less than a cent is left of a closed account',
    platform.residueRounded({
      sourceId: 's',
      account: { code: 'seller_available', owner: 's' },
      residueNanos: 9_999_999n,
    }),
    'residue_rounded rounding:s',
    { 'seller_available:s': 9_999_999n, rounding: -9_999_999n },
  ],
  [
    'an operator corrects downwards',
    adjustment.adminAdjusted({
      adjustmentId: 'a1',
      organisationId: 'b',
      amountNanos: -8n,
      reason: 'typed twice',
    }),
    'admin_debited adjustment:a1',
    { goodwill_expense: -8n, 'buyer_cash:b': 8n },
  ],
  [
    'promotional credit is granted',
    adjustment.promoGranted({ grantId: 'g1', organisationId: 'b', grantNanos: 9n, expiresAt: new Date(0) }),
    'promo_granted promo:g1',
    { promo_expense: 9n, 'buyer_promo:b': -9n },
  ],
  [
    'and expires, but for what a running request holds',
    adjustment.promoExpired({ grantId: 'g1', organisationId: 'b', unspentNanos: 9n, availableNanos: 4n }),
    'promo_expired promo:g1',
    { 'buyer_promo:b': 4n, promo_expense: -4n },
  ],
  [
    'paid credit expires where it may',
    adjustment.creditExpired({ organisationId: 'b', day: '2026-11-22', expiredNanos: 2n }),
    'credit_expired breakage:b:2026-11-22',
    { 'buyer_cash:b': 2n, breakage_income: -2n },
  ],
  [
    'a debt is given up',
    adjustment.debtWrittenOff({
      writeOffId: 'w1',
      debtor: 'receivable_buyer',
      organisationId: 'b',
      writtenOffNanos: 7n,
      reason: 'gone',
    }),
    'debt_written_off bad_debt:w1',
    { bad_debt: 7n, 'receivable_buyer:b': -7n },
  ],
  [
    'a member pays his share',
    group.groupContributed({ groupId: 'g', periodId: 'g-1', memberOrganisationId: 'b', shareNanos: 6n }),
    'group_contributed contribution:g-1:b',
    { 'buyer_cash:b': 6n, 'group_pool:g': -6n },
  ],
  [
    'the pool gives back by what was paid, the odd nano in turn',
    group.groupRefunded({
      groupId: 'g',
      refundId: 'g-1',
      refundNanos: 10n,
      contributions: ['b', 'c', 'd'].map((memberOrganisationId) => ({ memberOrganisationId, paidNanos: 6n })),
      rotation: 1,
    }),
    'group_refunded group_refund:g-1',
    { 'group_pool:g': 10n, 'buyer_cash:b': -3n, 'buyer_cash:c': -4n, 'buyer_cash:d': -3n },
  ],
]

testGoldens(goldens)
