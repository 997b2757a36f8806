/** Where money comes from that a seller has to give back. */
import { debit, type Entry, lesser, requireNotBelowZero } from './postings.ts'

/**
 * What a seller has, as read before posting. When it has shrunk meanwhile the database refuses with `conflict`: read
 * again and post again.
 */
export interface SellerBalances {
  organisationId: string
  pendingNanos: bigint
  availableNanos: bigint
  reserveNanos: bigint
}

/** Debits of `amountNanos` in the order pending, available, reserve; what he lacks he owes from now on. */
export function drawFromSeller(seller: SellerBalances, amountNanos: bigint): Entry[] {
  const { entries, missingNanos } = drawFromEarnings(seller, amountNanos)
  return [...entries, debit({ code: 'receivable_seller', owner: seller.organisationId }, missingNanos)]
}

/** As `drawFromSeller`, but only what is there. */
export function drawFromEarnings(
  { organisationId: owner, pendingNanos, availableNanos, reserveNanos }: SellerBalances,
  amountNanos: bigint,
): { entries: Entry[]; missingNanos: bigint } {
  requireNotBelowZero({ pendingNanos, availableNanos, reserveNanos, amountNanos })
  let missingNanos = amountNanos
  const take = (code: 'seller_pending' | 'seller_available' | 'seller_reserve', balanceNanos: bigint) => {
    const taken = lesser(missingNanos, balanceNanos)
    missingNanos -= taken
    return debit({ code, owner }, taken)
  }
  const entries = [
    take('seller_pending', pendingNanos),
    take('seller_available', availableNanos),
    take('seller_reserve', reserveNanos),
  ]
  return { entries, missingNanos }
}
