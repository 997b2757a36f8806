/** Money that comes in by card, what its processing costs, and what goes back. */
import assert from 'node:assert/strict'
import {
  balanced,
  credit,
  debit,
  type Entry,
  type Journal,
  proRata,
  requireAboveZero,
  requireNotBelowZero,
  reversal,
} from './postings.ts'

/** What a payment is made of, in nano-dollars as Stripe settled it: the buyer paid the sum. */
export interface PaymentParts {
  creditNanos: bigint
  /** What we charge for a top-up; 0 where we bear it. */
  feeNanos: bigint
  taxNanos: bigint
}

/**
 * A payment has arrived. What the buyer owes is paid first.
 * A payment that nobody could be found for has the same source and code: whichever comes first, it is booked once.
 */
export function topupSucceeded(
  topup: PaymentParts & { paymentIntentId: string; organisationId: string; memo?: string },
): Journal {
  return {
    code: 'topup_succeeded',
    source: 'stripe:pi',
    sourceId: topup.paymentIntentId,
    entries: balanced([
      debit({ code: 'stripe_clearing' }, paidNanos(topup)),
      ...partsCredited(topup.organisationId, topup),
    ]),
    ...(topup.memo === undefined ? {} : { memo: topup.memo }),
    recoverDebt: true,
  }
}

/** Money without a name on it is kept apart until somebody knows whose it is; it is never dropped. */
export function paymentUnattributed(payment: {
  paymentIntentId: string
  paidNanos: bigint
  memo: string
}): Journal {
  requireAboveZero({ 'a payment': payment.paidNanos })
  return {
    code: 'topup_succeeded',
    source: 'stripe:pi',
    sourceId: payment.paymentIntentId,
    entries: balanced([
      debit({ code: 'stripe_clearing' }, payment.paidNanos),
      credit({ code: 'topup_unallocated' }, payment.paidNanos),
    ]),
    memo: payment.memo,
  }
}

/** We know now whose payment it was. */
export function topupAttributed(
  topup: PaymentParts & { paymentIntentId: string; organisationId: string },
): Journal {
  return {
    code: 'topup_attributed',
    source: 'stripe:pi',
    sourceId: topup.paymentIntentId,
    entries: balanced([
      debit({ code: 'topup_unallocated' }, paidNanos(topup)),
      ...partsCredited(topup.organisationId, topup),
    ]),
    recoverDebt: true,
  }
}

/** What Stripe kept for processing, from its balance transaction; never estimated. */
export function stripeFee(fee: { balanceTransactionId: string; feeNanos: bigint }): Journal {
  requireAboveZero({ 'a fee': fee.feeNanos })
  return {
    code: 'stripe_fee',
    source: 'stripe:txn',
    sourceId: fee.balanceTransactionId,
    entries: balanced([
      debit({ code: 'stripe_fees' }, fee.feeNanos),
      credit({ code: 'stripe_clearing' }, fee.feeNanos),
    ]),
  }
}

/**
 * A refund of a top-up went through, keyed by the refund and not by the charge, whose `amount_refunded` is a running sum.
 * With a refundable fee, credit, fee and tax go back in proportion; without, only credit does.
 */
export function topupRefunded(refund: {
  refundId: string
  organisationId: string
  topup: PaymentParts & { feeRefundable: boolean }
  /** What earlier refunds of the top-up came to. */
  refundedNanos: bigint
  refundNanos: bigint
}): Journal {
  const { topup, refundedNanos, refundNanos } = refund
  requireAboveZero({ 'a refund': refundNanos })
  requireNotBelowZero({ 'what was refunded before': refundedNanos })
  const refundable = topup.feeRefundable ? paidNanos(topup) : topup.creditNanos
  assert(refundedNanos + refundNanos <= refundable, 'refunds of a top-up come to at most what was paid')
  const next = { whole: refundable, before: refundedNanos, amount: refundNanos }
  const creditPart = topup.feeRefundable ? proRata(topup.creditNanos, next) : refundNanos
  const taxPart = topup.feeRefundable ? proRata(topup.taxNanos, next) : 0n
  return {
    code: 'topup_refunded',
    source: 'stripe:re',
    sourceId: refund.refundId,
    entries: balanced([
      debit({ code: 'buyer_cash', owner: refund.organisationId }, creditPart),
      debit({ code: 'topup_fee_income' }, refundNanos - creditPart - taxPart),
      debit({ code: 'tax_payable' }, taxPart),
      credit({ code: 'stripe_clearing' }, refundNanos),
    ]),
  }
}

/** A payment that never found its owner goes back to whoever sent it. */
export function unattributedRefunded(refund: { refundId: string; refundNanos: bigint }): Journal {
  requireAboveZero({ 'a refund': refund.refundNanos })
  return {
    code: 'topup_refunded',
    source: 'stripe:re',
    sourceId: refund.refundId,
    entries: balanced([
      debit({ code: 'topup_unallocated' }, refund.refundNanos),
      credit({ code: 'stripe_clearing' }, refund.refundNanos),
    ]),
  }
}

/** The bank would not take it: the refund's journal is undone. */
export function refundFailed(refund: {
  refundId: string
  journalId: string
  entries: readonly Entry[]
}): Journal {
  return reversal({
    id: refund.journalId,
    entries: refund.entries,
    memo: `The refund ${refund.refundId} failed`,
  })
}

function paidNanos({ creditNanos, feeNanos, taxNanos }: PaymentParts): bigint {
  requireAboveZero({ 'the credit of a payment': creditNanos })
  requireNotBelowZero({ 'the fee of a payment': feeNanos, 'the tax of a payment': taxNanos })
  return creditNanos + feeNanos + taxNanos
}

function partsCredited(organisationId: string, parts: PaymentParts): Entry[] {
  return [
    credit({ code: 'buyer_cash', owner: organisationId }, parts.creditNanos),
    credit({ code: 'topup_fee_income' }, parts.feeNanos),
    credit({ code: 'tax_payable' }, parts.taxNanos),
  ]
}
