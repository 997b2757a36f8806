/** What is given back of a request, and what we pay for one that we broke. */
import assert from 'node:assert/strict'
import type { AccountRef } from './accounts.ts'
import {
  balanced,
  credit,
  debit,
  type Entry,
  type Journal,
  lesser,
  proRata,
  requireAboveZero,
  requireNotBelowZero,
} from './postings.ts'
import { drawFromSeller, type SellerBalances } from './seller-funds.ts'

/** The `n`th refund of a request; what it asks for must not exceed what is left of the cost. */
export interface RequestRefund {
  requestId: string
  /** 1 for the first refund of the request. */
  n: number
  refundNanos: bigint
  /** What earlier refunds of the request came to, of either kind. */
  refundedNanos: bigint
  /** Which balances the request was paid from, in the order they were drawn on. What was owed counts as cash. */
  drawn: readonly { account: AccountRef; nanos: bigint }[]
  memo: string
}

/** A complaint was right: seller and platform give back in the proportion in which they earned. */
export function requestRefunded(
  refund: RequestRefund & {
    /** What the seller earned with the request. */
    sellerNanos: bigint
    seller: SellerBalances
    /** The stripe that pays the platform's part. */
    fee: AccountRef
  },
): Journal {
  const { refundedNanos, refundNanos, sellerNanos, seller, fee } = refund
  const whole = costOf(refund)
  assert(sellerNanos >= 0n && sellerNanos <= whole, 'a seller earns at most what a request costs')
  const fromSeller = proRata(sellerNanos, { whole, before: refundedNanos, amount: refundNanos })
  return refundJournal('request_refunded', refund, [
    ...drawFromSeller(seller, fromSeller),
    debit(fee, refundNanos - fromSeller),
  ])
}

/** Nobody is to blame but us, or nobody at all: we pay. */
export function goodwillRefunded(refund: RequestRefund): Journal {
  costOf(refund)
  return refundJournal('goodwill_refunded', refund, [debit({ code: 'goodwill_expense' }, refund.refundNanos)])
}

/** Served, then broken by us: the buyer pays nothing and the seller gets his share from us. The ledger books it with the hold's release. */
export function unbilledUsage(served: {
  requestId: string
  sellerOrganisationId: string
  sellerNanos: bigint
  memo: string
}): Journal {
  requireAboveZero({ 'what a seller is paid': served.sellerNanos })
  return {
    code: 'unbilled_usage',
    source: 'unbilled',
    sourceId: served.requestId,
    entries: balanced([
      debit({ code: 'unbilled_usage_loss' }, served.sellerNanos),
      credit({ code: 'seller_pending', owner: served.sellerOrganisationId }, served.sellerNanos),
    ]),
    memo: served.memo,
  }
}

/** A request was booked although its buyer was told that it is not charged: he gets it back from us, the seller keeps his share. */
export function unbilledRefund(booked: {
  requestId: string
  organisationId: string
  costNanos: bigint
}): Journal {
  requireAboveZero({ 'what is given back': booked.costNanos })
  return {
    code: 'unbilled_refund',
    source: 'unbilled',
    sourceId: booked.requestId,
    entries: balanced([
      debit({ code: 'unbilled_usage_loss' }, booked.costNanos),
      credit({ code: 'buyer_cash', owner: booked.organisationId }, booked.costNanos),
    ]),
    memo: 'booked after the buyer had been told that it is not charged',
    recoverDebt: true,
  }
}

function costOf({ drawn, refundedNanos, refundNanos, n }: RequestRefund): bigint {
  const costNanos = drawn.reduce((total, { nanos }) => total + nanos, 0n)
  requireAboveZero({ 'a refund': refundNanos })
  requireNotBelowZero({ 'what was refunded before': refundedNanos })
  for (const { nanos } of drawn) requireNotBelowZero({ 'what was drawn': nanos })
  assert(refundedNanos + refundNanos <= costNanos, 'refunds of a request come to at most its cost')
  assert(Number.isSafeInteger(n) && n > 0, 'refunds of a request are counted from 1')
  return costNanos
}

function refundJournal(
  code: 'request_refunded' | 'goodwill_refunded',
  refund: RequestRefund,
  debits: readonly Entry[],
): Journal {
  return {
    code,
    source: 'refund',
    sourceId: `${refund.requestId}:${refund.n}`,
    entries: balanced([...debits, ...givenBack(refund)]),
    memo: refund.memo,
    recoverDebt: true,
  }
}

/** To the balances it came from, the last drawn first: promotional credit does not become cash by way of a refund. */
function givenBack({ drawn, refundedNanos, refundNanos }: RequestRefund): Entry[] {
  let skip = refundedNanos
  let left = refundNanos
  const entries: Entry[] = []
  for (const { account, nanos } of [...drawn].reverse()) {
    const skipped = lesser(skip, nanos)
    const back = lesser(left, nanos - skipped)
    skip -= skipped
    left -= back
    entries.push(credit(account, back))
  }
  return entries
}
