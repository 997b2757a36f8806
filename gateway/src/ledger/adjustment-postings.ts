/** What an operator decides: credits, corrections, promotions, expiry, debts given up. */
import assert from 'node:assert/strict'
import { balanced, credit, debit, type Journal, lesser, requireAboveZero } from './postings.ts'

/** A credit above zero or a correction below, on the house. `adjustmentId` makes a repetition harmless and is not optional. */
export function adminAdjusted(adjustment: {
  adjustmentId: string
  organisationId: string
  amountNanos: bigint
  reason: string
  ticket?: string
}): Journal {
  const { adjustmentId, organisationId, amountNanos, reason, ticket } = adjustment
  assert(amountNanos !== 0n, 'an adjustment is not nothing')
  assert(adjustmentId !== '' && reason.trim() !== '', 'an adjustment has an id and a reason')
  return {
    code: amountNanos > 0n ? 'admin_credited' : 'admin_debited',
    source: 'adjustment',
    sourceId: adjustmentId,
    entries: balanced([
      debit({ code: 'goodwill_expense' }, amountNanos),
      credit({ code: 'buyer_cash', owner: organisationId }, amountNanos),
    ]),
    memo: ticket === undefined ? reason : `${reason} (${ticket})`,
    recoverDebt: true,
  }
}

/** Credit that we give away until a day; it is never paid out. */
export function promoGranted(grant: {
  grantId: string
  organisationId: string
  grantNanos: bigint
  expiresAt: Date
}): Journal {
  requireAboveZero({ 'a grant': grant.grantNanos })
  return {
    code: 'promo_granted',
    source: 'promo',
    sourceId: grant.grantId,
    entries: balanced([
      debit({ code: 'promo_expense' }, grant.grantNanos),
      credit({ code: 'buyer_promo', owner: grant.organisationId }, grant.grantNanos),
    ]),
    memo: `Promotional credit until ${grant.expiresAt.toISOString().slice(0, 10)}`,
  }
}

/** What is left of a grant, and not held by a running request, goes back to us. Nothing when it is used up. */
export function promoExpired(expired: {
  grantId: string
  organisationId: string
  /** What is not spent of this grant. */
  unspentNanos: bigint
  /** What the promotional account has free. */
  availableNanos: bigint
}): Journal | undefined {
  const takenNanos = lesser(expired.unspentNanos, expired.availableNanos)
  assert(takenNanos >= 0n, 'what expires must not be below zero')
  if (takenNanos === 0n) return undefined
  return {
    code: 'promo_expired',
    source: 'promo',
    sourceId: expired.grantId,
    entries: balanced([
      debit({ code: 'buyer_promo', owner: expired.organisationId }, takenNanos),
      credit({ code: 'promo_expense' }, takenNanos),
    ]),
  }
}

/** Paid credit that the terms and the law let expire. */
export function creditExpired(expired: {
  organisationId: string
  /** `2026-11-22`. */
  day: string
  expiredNanos: bigint
}): Journal {
  requireAboveZero({ 'what expires': expired.expiredNanos })
  assert.match(expired.day, /^\d{4}-\d{2}-\d{2}$/, 'a day is written as 2026-11-22')
  return {
    code: 'credit_expired',
    source: 'breakage',
    sourceId: `${expired.organisationId}:${expired.day}`,
    entries: balanced([
      debit({ code: 'buyer_cash', owner: expired.organisationId }, expired.expiredNanos),
      credit({ code: 'breakage_income' }, expired.expiredNanos),
    ]),
  }
}

/** A debt that nobody will pay. */
export function debtWrittenOff(writeOff: {
  writeOffId: string
  debtor: 'receivable_buyer' | 'receivable_seller'
  organisationId: string
  writtenOffNanos: bigint
  reason: string
}): Journal {
  requireAboveZero({ 'what is written off': writeOff.writtenOffNanos })
  return {
    code: 'debt_written_off',
    source: 'bad_debt',
    sourceId: writeOff.writeOffId,
    entries: balanced([
      debit({ code: 'bad_debt' }, writeOff.writtenOffNanos),
      credit({ code: writeOff.debtor, owner: writeOff.organisationId }, writeOff.writtenOffNanos),
    ]),
    memo: writeOff.reason,
  }
}
