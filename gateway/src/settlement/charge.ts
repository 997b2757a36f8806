import type { Offer } from '../marketplace/offer.ts'
import { priceUsage, splitCost } from '../metering/price-usage.ts'
import type { Usage } from '../providers/usage.ts'

/** What a request came to, before it is priced. */
export interface Served {
  offer: Offer
  usage: Usage
  usageSource: 'reported' | 'counted' | 'clamped'
  /**
   * `whole`: all of the usage; `delivered`: the client left or was cut off, so never above the hold; `nothing`: an
   * empty answer.
   */
  billed: 'whole' | 'delivered' | 'nothing'
  /** The caller's own limit on what the request may cost. */
  maxCostNanos?: bigint
  stream: boolean
  finishReason: string
  startedAt: Date
  durationMs: number
  ttftMs: number
}

export interface Charge {
  costNanos: bigint
  sellerNanos: bigint
  feeNanos: bigint
  /** As it came out: a whole answer above the caller's limit is only billed in part. */
  billed: Served['billed']
}

/** Prices what was served at the offer's frozen price and splits it between seller and platform. */
export function chargeOf(served: Served, heldNanos: bigint): Charge {
  const fullNanos = priceUsage(served.usage, served.offer.price)
  const costNanos = costOf(served, fullNanos, heldNanos)
  const { sellerNanos, feeNanos } = splitCost(costNanos, served.offer.price.feeBps)
  const billed = served.billed === 'whole' && costNanos < fullNanos ? 'delivered' : served.billed
  return { costNanos, sellerNanos, feeNanos, billed }
}

function costOf({ billed, maxCostNanos, offer }: Served, fullNanos: bigint, heldNanos: bigint): bigint {
  if (billed === 'nothing') return 0n
  let costNanos = fullNanos
  // A seller's own server may report what it likes: what was held is the most that the request may use.
  const bounded = billed === 'delivered' || offer.backing === 'endpoint'
  if (bounded && heldNanos < costNanos) costNanos = heldNanos
  if (maxCostNanos !== undefined && maxCostNanos < costNanos) costNanos = maxCostNanos
  return costNanos
}
