/** What the kinds of accounts are called. */
const NAMES: Readonly<Record<string, string>> = {
  stripe_clearing: 'At the payment provider',
  bank: 'Our bank account',
  payouts_in_transit: 'Payouts in transit',
  receivable_buyer: 'Owed to us by a buyer',
  receivable_seller: 'Owed to us by a seller',
  dispute_suspense: 'In dispute',
  buyer_cash: 'Buyer’s balance',
  buyer_promo: 'Buyer’s promotional credit',
  group_pool: 'A group’s pool',
  seller_pending: 'Seller’s pending earnings',
  seller_available: 'Seller’s available earnings',
  seller_payout_inflight: 'Seller’s payout in flight',
  seller_reserve: 'Seller’s reserve',
  topup_unallocated: 'Top-ups without an owner',
  tax_payable: 'Tax payable',
  equity: 'Equity',
  platform_fee: 'Our fees',
  topup_fee_income: 'Fees on top-ups',
  breakage_income: 'Expired credit',
  stripe_fees: 'Fees of the payment provider',
  dispute_fees: 'Fees of disputes',
  promo_expense: 'Promotions',
  goodwill_expense: 'Goodwill and play money',
  bad_debt: 'Bad debt',
  unbilled_usage_loss: 'Usage that we could not bill',
  payout_fees: 'Fees of payouts',
  fx_position: 'Foreign currency',
  fx_gain_loss: 'Gain and loss of exchange',
  rounding: 'Rounding',
}

export const accountKinds = Object.entries(NAMES).map(([value, label]) => ({ value, label }))

export function accountName(code: string): string {
  return NAMES[code] ?? code
}
