import type { Offer } from '../marketplace/offer.ts'
import { priceUsage, splitCost } from '../metering/price-usage.ts'
import type { Usage } from '../providers/usage.ts'

/** What a request came to, before it is priced. */
export interface Served {
  offer: Offer
  usage: Usage
  usageSource: 'reported' | 'counted'
  /** The client left or was cut off: billed by our count and never above the hold. */
  partial: boolean
  stream: boolean
  finishReason: string
  startedAt: Date
  durationMs: number
  ttftMs: number
}

export interface Charge {
  usage: Usage
  usageSource: 'reported' | 'counted'
  costNanos: bigint
  sellerNanos: bigint
  feeNanos: bigint
}

/** Prices what was served at the offer's frozen price and splits it between seller and platform. */
export function chargeOf(served: Served, heldNanos: bigint): Charge {
  const fullNanos = priceUsage(served.usage, served.offer.price)
  const costNanos = served.partial && fullNanos > heldNanos ? heldNanos : fullNanos
  const { sellerNanos, feeNanos } = splitCost(costNanos, served.offer.price.feeBps)
  return { usage: served.usage, usageSource: served.usageSource, costNanos, sellerNanos, feeNanos }
}
