/** The platform's own money: what it earned, what it takes out, and what is lost between currencies and cents. */
import assert from 'node:assert/strict'
import { type AccountRef, chart } from './accounts.ts'
import { nanosPerMinorUnit } from './minor-units.ts'
import {
  balanced,
  credit,
  debit,
  type Entry,
  type Journal,
  requireAboveZero,
  requireNotBelowZero,
} from './postings.ts'

const USD_CENT = nanosPerMinorUnit('usd')

/** The income and expenses of a month go into equity; each balance on its own normal side, and back to zero. */
export function monthClosed(close: {
  /** `2026-11`. */
  month: string
  balances: readonly { account: AccountRef; balanceNanos: bigint }[]
}): Journal {
  assert.match(close.month, /^\d{4}-\d{2}$/, 'a month is written as 2026-11')
  const entries = close.balances.map(({ account, balanceNanos }): Entry => {
    const { class: accountClass, normalSide } = chart[account.code]
    assert(
      accountClass === 'income' || accountClass === 'expense',
      `${account.code} is neither income nor expense`,
    )
    return normalSide === 'credit' ? debit(account, balanceNanos) : credit(account, balanceNanos)
  })
  const profitNanos = entries.reduce((total, { amountNanos }) => total + amountNanos, 0n)
  return {
    code: 'month_closed',
    source: 'close',
    sourceId: close.month,
    entries: balanced([...entries, credit({ code: 'equity' }, profitNanos)]),
  }
}

/** What we owe to others, whoever holds it for us. */
export interface Owed {
  buyerCashNanos: bigint
  groupPoolsNanos: bigint
  /** Pending, available, in flight and in reserve. */
  sellersNanos: bigint
  /** Payments whose owner is not known yet are somebody's all the same. */
  unallocatedNanos: bigint
  taxNanos: bigint
}

/** I12: after taking `withdrawNanos` out, what Stripe has available for us still covers all that we owe. */
export function withdrawalAllowed({
  clearingAvailableNanos,
  withdrawNanos,
  owed,
}: {
  clearingAvailableNanos: bigint
  withdrawNanos: bigint
  owed: Owed
}): boolean {
  requireAboveZero({ 'a withdrawal': withdrawNanos })
  requireNotBelowZero({ ...owed })
  const owedNanos = Object.values<bigint>({ ...owed }).reduce((sum, nanos) => sum + nanos, 0n)
  return clearingAvailableNanos - withdrawNanos >= owedNanos
}

/** The platform's own payout reached its bank. Throws when customers' money would pay for it. */
export function platformWithdrawn(withdrawal: {
  bankPayoutId: string
  withdrawNanos: bigint
  clearingAvailableNanos: bigint
  owed: Owed
}): Journal {
  assert(withdrawalAllowed(withdrawal), 'a withdrawal leaves what we owe to customers')
  return {
    code: 'platform_withdrawn',
    source: 'stripe:po',
    sourceId: withdrawal.bankPayoutId,
    entries: balanced([
      debit({ code: 'bank' }, withdrawal.withdrawNanos),
      credit({ code: 'stripe_clearing' }, withdrawal.withdrawNanos),
    ]),
  }
}

/** Stripe settled another amount than was booked, by the rate of the day: a gain when `differenceNanos` is above zero. */
export function exchangeDifference(difference: {
  balanceTransactionId: string
  /** `stripe_clearing`, or the account of a dispute. */
  account: AccountRef
  differenceNanos: bigint
}): Journal {
  assert(difference.differenceNanos !== 0n, 'a difference is not nothing')
  return {
    code: 'exchange_difference',
    source: 'stripe:txn',
    sourceId: difference.balanceTransactionId,
    entries: balanced([
      debit(difference.account, difference.differenceNanos),
      credit({ code: 'fx_gain_loss' }, difference.differenceNanos),
    ]),
  }
}

/** Less than a cent that cannot be paid out of an account that is closed. */
export function residueRounded(residue: {
  sourceId: string
  account: AccountRef
  residueNanos: bigint
}): Journal {
  requireAboveZero({ 'a residue': residue.residueNanos })
  assert(residue.residueNanos < USD_CENT, 'a residue is less than a cent')
  assert(chart[residue.account.code].class === 'liability', 'a residue is left of what we owe')
  return {
    code: 'residue_rounded',
    source: 'rounding',
    sourceId: residue.sourceId,
    entries: balanced([
      debit(residue.account, residue.residueNanos),
      credit({ code: 'rounding' }, residue.residueNanos),
    ]),
  }
}
