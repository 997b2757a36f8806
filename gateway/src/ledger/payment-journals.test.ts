import { cents, type Golden, testGoldens, usd } from '../../test/support/golden-journals.ts'
import * as dispute from './dispute-postings.ts'
import * as request from './request-postings.ts'
import * as topup from './topup-postings.ts'

const drawn = [
  { account: { code: 'buyer_promo', owner: 'b' }, nanos: 30n },
  { account: { code: 'buyer_cash', owner: 'b' }, nanos: 70n },
] as const
const fee = { code: 'platform_fee', owner: '3' } as const
const refund = { requestId: 'r', n: 1, refundedNanos: 0n, drawn, memo: 'cut off' }
const seller = { organisationId: 's', pendingNanos: 40n, availableNanos: 20n, reserveNanos: 10n }
const paid = {
  paymentIntentId: 'pi_1',
  organisationId: 'b',
  creditNanos: usd(10),
  feeNanos: cents(55),
  taxNanos: 0n,
}

const goldens: Golden[] = [
  [
    'a top-up pays credit, our fee and tax',
    topup.topupSucceeded({ ...paid, taxNanos: cents(200) }),
    'topup_succeeded stripe:pi:pi_1',
    {
      stripe_clearing: cents(1255),
      'buyer_cash:b': -usd(10),
      topup_fee_income: -cents(55),
      tax_payable: -cents(200),
    },
  ],
  [
    'a payment without a name is kept apart',
    topup.paymentUnattributed({ paymentIntentId: 'pi_1', paidNanos: 7n, memo: 'no metadata' }),
    'topup_succeeded stripe:pi:pi_1',
    { stripe_clearing: 7n, topup_unallocated: -7n },
  ],
  [
    'and finds its owner',
    topup.topupAttributed(paid),
    'topup_attributed stripe:pi:pi_1',
    { topup_unallocated: cents(1055), 'buyer_cash:b': -usd(10), topup_fee_income: -cents(55) },
  ],
  [
    'or goes back',
    topup.unattributedRefunded({ refundId: 're_9', refundNanos: 7n }),
    'topup_refunded stripe:re:re_9',
    { topup_unallocated: 7n, stripe_clearing: -7n },
  ],
  [
    'Stripe keeps its fee',
    topup.stripeFee({ balanceTransactionId: 'txn_1', feeNanos: cents(61) }),
    'stripe_fee stripe:txn:txn_1',
    { stripe_fees: cents(61), stripe_clearing: -cents(61) },
  ],
  [
    'half a top-up goes back with half its fee and tax',
    topup.topupRefunded({
      refundId: 're_1',
      organisationId: 'b',
      topup: { creditNanos: 100n, feeNanos: 5n, taxNanos: 20n, feeRefundable: true },
      refundedNanos: 0n,
      refundNanos: 62n,
    }),
    // 100 × 62 ÷ 125 = 49.6 and 20 × 62 ÷ 125 = 9.92, both down; the fee takes the rest.
    'topup_refunded stripe:re:re_1',
    { 'buyer_cash:b': 49n, tax_payable: 9n, topup_fee_income: 4n, stripe_clearing: -62n },
  ],
  [
    'credit alone goes back where the fee is not refundable',
    topup.topupRefunded({
      refundId: 're_2',
      organisationId: 'b',
      topup: { ...paid, feeRefundable: false },
      refundedNanos: usd(4),
      refundNanos: usd(6),
    }),
    'topup_refunded stripe:re:re_2',
    { 'buyer_cash:b': usd(6), stripe_clearing: -usd(6) },
  ],
  [
    'a refund that failed is undone',
    topup.refundFailed({
      refundId: 're_2',
      journalId: 'j',
      entries: [
        { account: { code: 'buyer_cash', owner: 'b' }, amountNanos: 6n },
        { account: { code: 'stripe_clearing' }, amountNanos: -6n },
      ],
    }),
    'reversal reversal:j',
    { 'buyer_cash:b': -6n, stripe_clearing: 6n },
  ],
  [
    'a complaint that was right: seller and platform give back as they earned, cash first',
    request.requestRefunded({ ...refund, refundNanos: 75n, sellerNanos: 95n, seller, fee }),
    // 95 × 75 ÷ 100 = 71.25; pending 40, available 20, reserve 10, and one he does not have.
    'request_refunded refund:r:1',
    {
      'seller_pending:s': 40n,
      'seller_available:s': 20n,
      'seller_reserve:s': 10n,
      'receivable_seller:s': 1n,
      'platform_fee:3': 4n,
      'buyer_cash:b': -70n,
      'buyer_promo:b': -5n,
    },
  ],
  [
    'goodwill is ours, to the balances the request was paid from',
    request.goodwillRefunded({ ...refund, n: 2, refundedNanos: 60n, refundNanos: 15n }),
    'goodwill_refunded refund:r:2',
    { goodwill_expense: 15n, 'buyer_cash:b': -10n, 'buyer_promo:b': -5n },
  ],
  [
    'what we broke is paid by us',
    request.unbilledUsage({ requestId: 'r', sellerOrganisationId: 's', sellerNanos: 9n, memo: 'crash' }),
    'unbilled_usage unbilled:r',
    { unbilled_usage_loss: 9n, 'seller_pending:s': -9n },
  ],
  [
    'a disputed payment is withdrawn',
    dispute.disputeOpened({ disputeId: 'dp_1', balanceTransactionId: 'txn_2', disputedNanos: usd(11) }),
    'dispute_opened stripe:txn:txn_2',
    { 'dispute_suspense:dp_1': usd(11), stripe_clearing: -usd(11) },
  ],
  [
    'with a fee, on the same transaction',
    dispute.disputeFee({ balanceTransactionId: 'txn_2', feeNanos: usd(15) }),
    'dispute_fee stripe:txn:txn_2',
    { dispute_fees: usd(15), stripe_clearing: -usd(15) },
  ],
  [
    'the buyer’s rest is taken for the time being',
    dispute.disputeProvisional({
      disputeId: 'dp_1',
      organisationId: 'b',
      creditNanos: 10n,
      availableNanos: 4n,
    }),
    'dispute_provisional stripe:dp:dp_1',
    { 'buyer_cash:b': 4n, 'dispute_suspense:dp_1': -4n },
  ],
  [
    'lost: he owes what is missing',
    dispute.disputeLost({ disputeId: 'dp_1', organisationId: 'b', suspenseNanos: 7n }),
    'dispute_lost stripe:dp:dp_1',
    { 'receivable_buyer:b': 7n, 'dispute_suspense:dp_1': -7n },
  ],
  [
    'earnings it funded may be taken back while they are pending',
    dispute.earningsClawedBack({
      disputeId: 'dp_1',
      sellerOrganisationId: 's',
      buyerOrganisationId: 'b',
      owedNanos: 7n,
      pendingNanos: 5n,
    }),
    'earnings_clawed_back stripe:dp:dp_1:s',
    { 'seller_pending:s': 5n, 'receivable_buyer:b': -5n },
  ],
  [
    'won: the money is back',
    dispute.disputeReinstated({ disputeId: 'dp_1', balanceTransactionId: 'txn_3', reinstatedNanos: 11n }),
    'dispute_reinstated stripe:txn:txn_3',
    { stripe_clearing: 11n, 'dispute_suspense:dp_1': -11n },
  ],
  [
    'with its fee',
    dispute.disputeFeeReturned({ balanceTransactionId: 'txn_3', feeNanos: 15n }),
    'dispute_fee_returned stripe:txn:txn_3',
    { stripe_clearing: 15n, dispute_fees: -15n },
  ],
  [
    'and the buyer’s part, on the account he has now',
    dispute.disputeProvisionalReturned({ disputeId: 'dp_1', organisationId: 'b2', provisionalNanos: 4n }),
    'dispute_provisional_returned stripe:dp:dp_1',
    { 'dispute_suspense:dp_1': 4n, 'buyer_cash:b2': -4n },
  ],
]

testGoldens(goldens)
