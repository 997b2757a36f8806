/**
 * A card payment is disputed. Stripe takes the money at once and tells in any order, so each journal has the key of its
 * own object, and the account in between may be on either side of zero until the dispute is closed.
 */
import {
  balanced,
  credit,
  debit,
  type Journal,
  lesser,
  requireAboveZero,
  requireNotBelowZero,
} from './postings.ts'

const suspense = (disputeId: string) => ({ code: 'dispute_suspense', owner: disputeId }) as const

/** Stripe has withdrawn the disputed amount, which may be more than was paid. */
export function disputeOpened(dispute: {
  disputeId: string
  /** Of the withdrawal. */
  balanceTransactionId: string
  disputedNanos: bigint
}): Journal {
  requireAboveZero({ 'a disputed amount': dispute.disputedNanos })
  return {
    code: 'dispute_opened',
    source: 'stripe:txn',
    sourceId: dispute.balanceTransactionId,
    entries: balanced([
      debit(suspense(dispute.disputeId), dispute.disputedNanos),
      credit({ code: 'stripe_clearing' }, dispute.disputedNanos),
    ]),
  }
}

/** What Stripe charges for a dispute; it may stand on the same balance transaction as the withdrawal. */
export function disputeFee(fee: { balanceTransactionId: string; feeNanos: bigint }): Journal {
  requireAboveZero({ 'a fee': fee.feeNanos })
  return {
    code: 'dispute_fee',
    source: 'stripe:txn',
    sourceId: fee.balanceTransactionId,
    entries: balanced([
      debit({ code: 'dispute_fees' }, fee.feeNanos),
      credit({ code: 'stripe_clearing' }, fee.feeNanos),
    ]),
  }
}

/** Stripe gives the fee of a dispute back. */
export function disputeFeeReturned(fee: { balanceTransactionId: string; feeNanos: bigint }): Journal {
  requireAboveZero({ 'a fee': fee.feeNanos })
  return {
    code: 'dispute_fee_returned',
    source: 'stripe:txn',
    sourceId: fee.balanceTransactionId,
    entries: balanced([
      debit({ code: 'stripe_clearing' }, fee.feeNanos),
      credit({ code: 'dispute_fees' }, fee.feeNanos),
    ]),
  }
}

/** What is left of the disputed credit is taken from the buyer for as long as nobody knows; nothing when he has nothing. */
export function disputeProvisional(dispute: {
  disputeId: string
  organisationId: string
  /** The part of the disputed amount that was credited. */
  creditNanos: bigint
  /** What the buyer has free. */
  availableNanos: bigint
}): Journal | undefined {
  requireNotBelowZero({ 'a disputed credit': dispute.creditNanos, 'a free balance': dispute.availableNanos })
  const takenNanos = lesser(dispute.creditNanos, dispute.availableNanos)
  if (takenNanos === 0n) return undefined
  return {
    code: 'dispute_provisional',
    source: 'stripe:dp',
    sourceId: dispute.disputeId,
    entries: balanced([
      debit({ code: 'buyer_cash', owner: dispute.organisationId }, takenNanos),
      credit(suspense(dispute.disputeId), takenNanos),
    ]),
  }
}

/** Lost: what was not taken before is owed by the buyer. Nothing when all of it was. */
export function disputeLost(dispute: {
  disputeId: string
  organisationId: string
  /** What the dispute's account still has. */
  suspenseNanos: bigint
}): Journal | undefined {
  requireNotBelowZero({ 'the rest of a dispute': dispute.suspenseNanos })
  if (dispute.suspenseNanos === 0n) return undefined
  return {
    code: 'dispute_lost',
    source: 'stripe:dp',
    sourceId: dispute.disputeId,
    entries: balanced([
      debit({ code: 'receivable_buyer', owner: dispute.organisationId }, dispute.suspenseNanos),
      credit(suspense(dispute.disputeId), dispute.suspenseNanos),
    ]),
  }
}

/** Won: Stripe has put the money back. */
export function disputeReinstated(dispute: {
  disputeId: string
  /** Of the reinstatement. */
  balanceTransactionId: string
  reinstatedNanos: bigint
}): Journal {
  requireAboveZero({ 'a reinstated amount': dispute.reinstatedNanos })
  return {
    code: 'dispute_reinstated',
    source: 'stripe:txn',
    sourceId: dispute.balanceTransactionId,
    entries: balanced([
      debit({ code: 'stripe_clearing' }, dispute.reinstatedNanos),
      credit(suspense(dispute.disputeId), dispute.reinstatedNanos),
    ]),
  }
}

/** Won: the buyer gets back what was taken for the time being, on the account he has now. What he owes is paid first. */
export function disputeProvisionalReturned(dispute: {
  disputeId: string
  organisationId: string
  provisionalNanos: bigint
}): Journal {
  requireAboveZero({ 'what was taken for a dispute': dispute.provisionalNanos })
  return {
    code: 'dispute_provisional_returned',
    source: 'stripe:dp',
    sourceId: dispute.disputeId,
    entries: balanced([
      debit(suspense(dispute.disputeId), dispute.provisionalNanos),
      credit({ code: 'buyer_cash', owner: dispute.organisationId }, dispute.provisionalNanos),
    ]),
    recoverDebt: true,
  }
}

/**
 * Earnings that the lost payment funded, taken back where the terms say so: only what has not matured. Nothing when
 * nothing is pending.
 */
export function earningsClawedBack(clawback: {
  disputeId: string
  sellerOrganisationId: string
  buyerOrganisationId: string
  /** What the buyer still owes of what the payment funded. */
  owedNanos: bigint
  pendingNanos: bigint
}): Journal | undefined {
  requireNotBelowZero({ 'what is owed': clawback.owedNanos, 'pending earnings': clawback.pendingNanos })
  const takenNanos = lesser(clawback.owedNanos, clawback.pendingNanos)
  if (takenNanos === 0n) return undefined
  return {
    code: 'earnings_clawed_back',
    source: 'stripe:dp',
    sourceId: `${clawback.disputeId}:${clawback.sellerOrganisationId}`,
    entries: balanced([
      debit({ code: 'seller_pending', owner: clawback.sellerOrganisationId }, takenNanos),
      credit({ code: 'receivable_buyer', owner: clawback.buyerOrganisationId }, takenNanos),
    ]),
  }
}
