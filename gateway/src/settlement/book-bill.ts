import type { Ledger } from '../ledger/ledger.ts'
import type { Settled } from '../ledger/operations.ts'
import type { Bill } from './bill.ts'

/** Books a bill, once however often it is sent. Throws what `Ledger.settle` throws. */
export async function bookBill(ledger: Pick<Ledger, 'accountId' | 'settle'>, bill: Bill): Promise<Settled> {
  const [sellerAccount, feeAccount] = await Promise.all([
    ledger.accountId({ code: 'seller_pending', owner: bill.record.sellerOrganisationId }),
    ledger.accountId({ code: 'platform_fee', owner: bill.feeStripe }),
  ])
  const { id, costNanos, sellerNanos, feeNanos, record } = bill
  return ledger.settle({ id, costNanos, sellerAccount, sellerNanos, feeAccount, feeNanos, record })
}
