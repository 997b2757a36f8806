/** A seller's earnings on their way: pending, available or in reserve, in flight, paid out. */
import assert from 'node:assert/strict'
import type { AccountRef } from './accounts.ts'
import { nanosPerMinorUnit } from './minor-units.ts'
import { balanced, credit, debit, type Entry, type Journal, requireAboveZero } from './postings.ts'
import { drawFromEarnings, type SellerBalances } from './seller-funds.ts'

const BPS = 10_000n
const USD_CENT = nanosPerMinorUnit('usd')

const pending = (owner: string): AccountRef => ({ code: 'seller_pending', owner })
const available = (owner: string): AccountRef => ({ code: 'seller_available', owner })
const reserve = (owner: string): AccountRef => ({ code: 'seller_reserve', owner })
const inflight = (owner: string): AccountRef => ({ code: 'seller_payout_inflight', owner })

/** What a seller earned up to a day is his, less the reserve, which takes the rounding. What he owes is paid first. */
export function earningMatured(matured: {
  organisationId: string
  /** `2026-11-22`. */
  day: string
  /** Where a day matures as the money comes, its parts are counted from 1; 1 unless told. */
  part?: number
  maturedNanos: bigint
  /** 0 to 10,000. */
  reserveBps: number
}): Journal {
  const { organisationId, day, part = 1, maturedNanos, reserveBps } = matured
  requireAboveZero({ 'what matures': maturedNanos })
  assert(
    Number.isInteger(reserveBps) && reserveBps >= 0 && reserveBps <= 10_000,
    'a reserve has 0 to 10,000 bps',
  )
  assert(Number.isSafeInteger(part) && part > 0, 'the parts of a day are counted from 1')
  const free = (maturedNanos * (BPS - BigInt(reserveBps))) / BPS
  return {
    code: 'earning_matured',
    source: 'mature',
    sourceId: `${dailySource(organisationId, day)}${part === 1 ? '' : `:${part}`}`,
    entries: balanced([
      debit(pending(organisationId), maturedNanos),
      credit(available(organisationId), free),
      credit(reserve(organisationId), maturedNanos - free),
    ]),
    recoverDebt: true,
  }
}

/** The reserve of a day has stood long enough. */
export function reserveReleased(released: {
  organisationId: string
  day: string
  releasedNanos: bigint
}): Journal {
  requireAboveZero({ 'what is released': released.releasedNanos })
  return {
    code: 'reserve_released',
    source: 'reserve',
    sourceId: dailySource(released.organisationId, released.day),
    entries: balanced([
      debit(reserve(released.organisationId), released.releasedNanos),
      credit(available(released.organisationId), released.releasedNanos),
    ]),
    recoverDebt: true,
  }
}

/** Earnings that wait while a seller is accused, however long it takes. */
export interface EarningsReserve {
  caseId: string
  /** The reserves of a case are counted from 1. */
  part: number
  organisationId: string
  reservedNanos: bigint
}

export function earningsReserved({ caseId, part, organisationId, reservedNanos }: EarningsReserve): Journal {
  requireAboveZero({ 'what is reserved': reservedNanos })
  return {
    code: 'earnings_reserved',
    source: 'trust',
    sourceId: `${caseId}:${part}`,
    entries: balanced([
      debit(pending(organisationId), reservedNanos),
      credit(reserve(organisationId), reservedNanos),
    ]),
  }
}

/** The accusation was wrong: they mature as they would have. */
export function earningsUnreserved({
  caseId,
  part,
  organisationId,
  reservedNanos,
}: EarningsReserve): Journal {
  requireAboveZero({ 'what is given back': reservedNanos })
  return {
    code: 'earnings_unreserved',
    source: 'trust',
    sourceId: `${caseId}:${part}`,
    entries: balanced([
      debit(reserve(organisationId), reservedNanos),
      credit(pending(organisationId), reservedNanos),
    ]),
  }
}

/** What a seller owes, taken from what he has: pending, available, reserve. Nothing when he has nothing. */
export function sellerDebtRecovered(recovery: {
  recoveryId: string
  debtNanos: bigint
  seller: SellerBalances
}): Journal | undefined {
  const { recoveryId, debtNanos, seller } = recovery
  requireAboveZero({ 'a debt': debtNanos })
  const { entries, missingNanos } = drawFromEarnings(seller, debtNanos)
  if (missingNanos === debtNanos) return undefined
  const paid = credit({ code: 'receivable_seller', owner: seller.organisationId }, debtNanos - missingNanos)
  return {
    code: 'seller_debt_recovered',
    source: 'recovery',
    sourceId: recoveryId,
    entries: balanced([...entries, paid]),
  }
}

/** One attempt at a payout; the number rises only after a definite failure was booked, so two are never live at once. */
export interface PayoutAttempt {
  payoutId: string
  attempt: number
  organisationId: string
  /** Whole cents: what is smaller stays available. */
  payoutNanos: bigint
}

/** Set aside for a transfer. */
export function payoutRequested(payout: PayoutAttempt): Journal {
  return attemptJournal(
    'payout_requested',
    payout,
    available(payout.organisationId),
    inflight(payout.organisationId),
  )
}

/** Refused for certain before or at the transfer. A timeout is no answer: then the money stays in flight. */
export function payoutFailed(payout: PayoutAttempt): Journal {
  return {
    ...attemptJournal(
      'payout_failed',
      payout,
      inflight(payout.organisationId),
      available(payout.organisationId),
    ),
    recoverDebt: true,
  }
}

/** Paid by hand from the platform's own bank account; the reference of that transfer is kept with it. */
export function payoutPaidManually({
  bankReference,
  ...payout
}: PayoutAttempt & { bankReference: string }): Journal {
  assert(bankReference.trim() !== '', 'a payout by hand has a bank reference')
  const paid = attemptJournal('payout_paid_manually', payout, inflight(payout.organisationId), {
    code: 'bank',
  })
  return { ...paid, memo: `Payout, ${bankReference}` }
}

/** A transfer to the seller's account at Stripe. `toBank` waits for his bank before it counts as paid. */
export interface Transfer {
  transferId: string
  organisationId: string
  payoutNanos: bigint
  toBank: boolean
}

/** Stripe has the transfer. */
export function payoutTransferred(transfer: Transfer): Journal {
  requireWholeCents(transfer.payoutNanos)
  const from = transfer.toBank ? ({ code: 'payouts_in_transit' } as const) : inflight(transfer.organisationId)
  return {
    code: 'payout_transferred',
    source: 'stripe:tr',
    sourceId: transfer.transferId,
    entries: balanced([
      debit(from, transfer.payoutNanos),
      credit({ code: 'stripe_clearing' }, transfer.payoutNanos),
    ]),
  }
}

/** The seller's bank has what was transferred `toBank`. */
export function payoutPaid(paid: {
  bankPayoutId: string
  organisationId: string
  payoutNanos: bigint
}): Journal {
  requireWholeCents(paid.payoutNanos)
  return {
    code: 'payout_paid',
    source: 'stripe:po',
    sourceId: paid.bankPayoutId,
    entries: balanced([
      debit(inflight(paid.organisationId), paid.payoutNanos),
      credit({ code: 'payouts_in_transit' }, paid.payoutNanos),
    ]),
  }
}

/** A transfer, or a part of it, came back. What the seller owes is paid first. */
export function transferReversed(reversed: {
  transferReversalId: string
  organisationId: string
  reversedNanos: bigint
  /** As the transfer was booked. */
  toBank: boolean
}): Journal {
  const { organisationId, reversedNanos, toBank } = reversed
  requireAboveZero({ 'what came back': reversedNanos })
  const unpaid: Entry[] = [
    debit(inflight(organisationId), reversedNanos),
    credit({ code: 'payouts_in_transit' }, reversedNanos),
  ]
  return {
    code: 'transfer_reversed',
    source: 'stripe:trr',
    sourceId: reversed.transferReversalId,
    entries: balanced([
      debit({ code: 'stripe_clearing' }, reversedNanos),
      ...(toBank ? unpaid : []),
      credit(available(organisationId), reversedNanos),
    ]),
    recoverDebt: true,
  }
}

/** What Stripe charges for a payout. */
export function payoutFee(fee: { balanceTransactionId: string; feeNanos: bigint }): Journal {
  requireAboveZero({ 'a fee': fee.feeNanos })
  return {
    code: 'payout_fee',
    source: 'stripe:txn',
    sourceId: fee.balanceTransactionId,
    entries: balanced([
      debit({ code: 'payout_fees' }, fee.feeNanos),
      credit({ code: 'stripe_clearing' }, fee.feeNanos),
    ]),
  }
}

function attemptJournal(code: string, payout: PayoutAttempt, from: AccountRef, to: AccountRef): Journal {
  requireWholeCents(payout.payoutNanos)
  assert(
    Number.isSafeInteger(payout.attempt) && payout.attempt > 0,
    'attempts at a payout are counted from 1',
  )
  return {
    code,
    source: 'payout',
    sourceId: `${payout.payoutId}:${payout.attempt}`,
    entries: balanced([debit(from, payout.payoutNanos), credit(to, payout.payoutNanos)]),
  }
}

function requireWholeCents(payoutNanos: bigint): void {
  requireAboveZero({ 'a payout': payoutNanos })
  assert.equal(payoutNanos % USD_CENT, 0n, 'a payout has whole cents')
}

function dailySource(organisationId: string, day: string): string {
  assert.match(day, /^\d{4}-\d{2}-\d{2}$/, 'a day is written as 2026-11-22')
  return `${organisationId}:${day}`
}
