import { formatId } from '../platform/ids.ts'
import type { TopupShown } from './api.ts'
import type { Topup } from './topups.ts'

/** A top-up as `/api` shows it, with the balance after it. */
export function showTopup({ id, amountNanos, createdAt, balance }: Topup): TopupShown {
  return {
    id: formatId('top-', id),
    amountNanos: amountNanos.toString(),
    createdAt: createdAt.toISOString(),
    balance: {
      balanceNanos: balance.balanceNanos.toString(),
      availableNanos: balance.availableNanos.toString(),
      heldNanos: balance.heldNanos.toString(),
    },
  }
}
