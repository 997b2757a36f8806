/**
 * What each event books: entries that sum to zero, debit positive, credit negative, in nano-dollars. Here is what all
 * journals share, and requests and play money; the other families are in `*-postings.ts`. What cannot be right, such as
 * an amount that is not above zero, throws an assertion: whoever calls has made a mistake.
 */
import assert from 'node:assert/strict'
import { type AccountRef, accountKey } from './accounts.ts'

export interface Entry {
  account: AccountRef
  amountNanos: bigint
}

/** A journal to be posted at most once per `source`, `sourceId` and `code`. */
export interface Journal {
  code: string
  /** The kind of event outside the ledger that is booked, `stripe:pi` or `play_credit`. */
  source: string
  sourceId: string
  entries: readonly Entry[]
  memo?: string
  /** The journal this one undoes. */
  reversesId?: string
  /** What is credited to a buyer's cash pays what he owes first. */
  recoverDebt?: boolean
}

/** A served request: what the payer's balance covers, what he owes from now on, and who earned it. */
export function requestSettled(settled: {
  payer: AccountRef
  receivable: AccountRef
  seller: AccountRef
  fee: AccountRef
  costNanos: bigint
  /** Part of the cost that the balance did not cover. */
  shortfallNanos: bigint
  sellerNanos: bigint
  feeNanos: bigint
}): Entry[] {
  return balanced([
    { account: settled.payer, amountNanos: settled.costNanos - settled.shortfallNanos },
    { account: settled.receivable, amountNanos: settled.shortfallNanos },
    { account: settled.seller, amountNanos: -settled.sellerNanos },
    { account: settled.fee, amountNanos: -settled.feeNanos },
  ])
}

/** Play money an operator gives to an organisation. `creditId` makes a repetition harmless. */
export function playCredit(credit: {
  creditId: string
  organisationId: string
  amountNanos: bigint
  memo?: string
}): Journal {
  assert(credit.amountNanos > 0n, 'a credit is more than nothing')
  return {
    code: 'play_credit',
    source: 'play_credit',
    sourceId: credit.creditId,
    entries: balanced([
      { account: { code: 'goodwill_expense' }, amountNanos: credit.amountNanos },
      { account: { code: 'buyer_cash', owner: credit.organisationId }, amountNanos: -credit.amountNanos },
    ]),
    ...(credit.memo === undefined ? {} : { memo: credit.memo }),
    recoverDebt: true,
  }
}

/** The journal that undoes `id`, whole. The database refuses a second one. */
export function reversal(undone: { id: string; entries: readonly Entry[]; memo: string }): Journal {
  return {
    code: 'reversal',
    source: 'reversal',
    sourceId: undone.id,
    entries: balanced(
      undone.entries.map(({ account, amountNanos }) => ({ account, amountNanos: -amountNanos })),
    ),
    memo: undone.memo,
    reversesId: undone.id,
  }
}

/** Leaves out what is zero; the rest must sum to zero, with every account once. */
export function balanced(entries: readonly Entry[]): Entry[] {
  const moving = entries.filter(({ amountNanos }) => amountNanos !== 0n)
  const sum = moving.reduce((total, { amountNanos }) => total + amountNanos, 0n)
  assert.equal(sum, 0n, 'a journal must balance')
  assert.equal(
    new Set(moving.map(({ account }) => accountKey(account))).size,
    moving.length,
    'a journal names an account once',
  )
  return moving
}

export const debit = (account: AccountRef, amountNanos: bigint): Entry => ({ account, amountNanos })
export const credit = (account: AccountRef, amountNanos: bigint): Entry => ({
  account,
  amountNanos: -amountNanos,
})

/** Every amount named must be above zero. */
export function requireAboveZero(amounts: Record<string, bigint>): void {
  for (const [name, nanos] of Object.entries(amounts)) assert(nanos > 0n, `${name} must be above zero`)
}

/** Every amount named must not be below zero. */
export function requireNotBelowZero(amounts: Record<string, bigint>): void {
  for (const [name, nanos] of Object.entries(amounts)) assert(nanos >= 0n, `${name} must not be below zero`)
}

export const lesser = (left: bigint, right: bigint): bigint => (left < right ? left : right)

/**
 * The part of `shared` that belongs to the next `amount` after `before`, where `whole` carries all of it. Rounded down
 * on the running sum, so that the parts of any row of amounts come to the part of their sum.
 */
export function proRata(
  shared: bigint,
  { whole, before, amount }: { whole: bigint; before: bigint; amount: bigint },
): bigint {
  return (shared * (before + amount)) / whole - (shared * before) / whole
}
