/**
 * The chart of accounts, from the platform's point of view: a buyer's credit is what we owe. The same chart stands in
 * `ledger.account_code`; the number sorts it as accountants expect.
 */

type AccountClass = 'asset' | 'liability' | 'equity' | 'income' | 'expense'

interface ChartEntry {
  number: number
  class: AccountClass
  /** The side that makes the balance larger. */
  normalSide: 'debit' | 'credit'
  /** The balance less what is held never falls below zero. */
  floored: boolean
  /** One account per owner: an organisation, a group, a dispute, a currency, or a fee stripe. */
  owned: boolean
}

const asset = (number: number, floored: boolean, owned = false): ChartEntry => ({
  number,
  class: 'asset',
  normalSide: 'debit',
  floored,
  owned,
})
const liability = (number: number, owned = true): ChartEntry => ({
  number,
  class: 'liability',
  normalSide: 'credit',
  floored: true,
  owned,
})
const earnings = (number: number, accountClass: 'equity' | 'income', owned = false): ChartEntry => ({
  number,
  class: accountClass,
  normalSide: 'credit',
  floored: false,
  owned,
})
const expense = (number: number): ChartEntry => ({
  number,
  class: 'expense',
  normalSide: 'debit',
  floored: false,
  owned: false,
})

export const chart = {
  stripe_clearing: asset(1010, false),
  bank: asset(1020, false),
  payouts_in_transit: asset(1030, true),
  receivable_buyer: asset(1110, true, true),
  receivable_seller: asset(1120, true, true),
  dispute_suspense: asset(1130, false, true),
  buyer_cash: liability(2010),
  buyer_promo: liability(2020),
  group_pool: liability(2030),
  seller_pending: liability(2110),
  seller_available: liability(2120),
  seller_payout_inflight: liability(2130),
  seller_reserve: liability(2140),
  topup_unallocated: liability(2210, false),
  tax_payable: liability(2310, false),
  equity: earnings(3010, 'equity'),
  platform_fee: earnings(4010, 'income', true),
  topup_fee_income: earnings(4020, 'income'),
  breakage_income: earnings(4030, 'income'),
  stripe_fees: expense(5010),
  dispute_fees: expense(5020),
  promo_expense: expense(5030),
  goodwill_expense: expense(5040),
  bad_debt: expense(5050),
  unbilled_usage_loss: expense(5060),
  payout_fees: expense(5070),
  fx_position: earnings(6010, 'equity', true),
  fx_gain_loss: earnings(6020, 'income'),
  rounding: earnings(6030, 'income'),
} as const satisfies Record<string, ChartEntry>

export type AccountCode = keyof typeof chart

/** An account by what it is for; `owner` where the chart says that it has one. */
export interface AccountRef {
  code: AccountCode
  owner?: string
}

/** `buyer_cash:<organisation>`: what names the account in the database. */
export function accountKey({ code, owner }: AccountRef): string {
  return owner === undefined ? code : `${code}:${owner}`
}
