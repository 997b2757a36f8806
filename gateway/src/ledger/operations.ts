/** What the ledger is asked for and what it answers; amounts in nano-dollars. */
import type { UsageRecord } from './usage-record.ts'

export interface HoldOperation {
  /** The request's UUID. */
  id: string
  /** The account that pays. */
  payer: bigint
  amountNanos: bigint
  /** A spending limit that is checked and counted in the same step. */
  budgetId?: string
}

export type HoldOutcome =
  | { status: 'held'; availableNanos: bigint }
  | { status: 'insufficient'; availableNanos: bigint; heldNanos: bigint }
  | {
      status: 'budget_exceeded'
      limitNanos: bigint
      spentNanos: bigint
      heldNanos: bigint
      resetsAt: Date | null
    }

/** `costNanos` is what seller and platform get together. */
export interface SettleOperation {
  id: string
  costNanos: bigint
  sellerAccount: bigint
  sellerNanos: bigint
  feeAccount: bigint
  feeNanos: bigint
  record: UsageRecord
}

export interface Settled {
  availableNanos: bigint
  /** Part of the cost that the balance did not cover; it is owed. */
  shortfallNanos: bigint
}

/** What was served and is not billed; `sellerNanos` may be 0, then only the hold is released. */
export interface WriteOff {
  /** The request's UUID. */
  id: string
  journalId: string
  /** The `seller_pending` account that is paid, and the loss account that pays. */
  sellerAccount: bigint
  lossAccount: bigint
  sellerNanos: bigint
  memo: string
}

/** `settled` when the request was billed after all. */
export type WrittenOff = 'written_off' | 'voided' | 'settled'

/** Why a settlement was not booked, beside what may be wrong with the database. */
export type SettleRefusal = 'mismatch' | 'voided' | 'rejected' | 'unknown' | 'invalid'

export type HoldState = 'open' | 'settled' | 'voided' | 'expired' | 'rejected'

export type BudgetPeriod = 'none' | 'day' | 'week' | 'month'

export interface Budget {
  limitNanos: bigint
  period: BudgetPeriod
  spentNanos: bigint
  heldNanos: bigint
  /** The start of the next window; null when it never resets. */
  resetsAt: Date | null
}

export interface Balance {
  balanceNanos: bigint
  availableNanos: bigint
  heldNanos: bigint
}

/** One line of an organisation's statement, ready for JSON. */
export interface StatementLine {
  /** `gen-…` for a request, `jrn-…` for anything else; also the cursor for the page after this line. */
  id: string
  code: string
  description: string
  /** What it did to the balance. */
  amountNanos: string
  createdAt: string
  model?: string
  keyId?: string
}

/** Play money an operator gives away, once per organisation and key. */
export interface PlayCredit {
  organisationId: string
  amountNanos: bigint
  reason: string
  idempotencyKey: string
}

export interface Violation {
  invariant: string
  detail: string
}

export interface DeadLetter {
  queue: string
  operationId: string
  payload: unknown
  sqlState: string | undefined
  message: string
}
