/** Prices as `/api` tells them: decimal strings in USD, what is in force, and what was announced. */
import type { PriceSnapshot, TokenPrices } from '../catalog/price.ts'
import { formatId } from '../platform/ids.ts'
import { formatScaled } from '../platform/money.ts'
import type { Offer } from './offer.ts'
import { FILL_STEPS, type PriceRule } from './price-rule.ts'
import type { Announced } from './price-versions.ts'

// 10^6 pico-dollars per token are a dollar per million; the multiplier adds six more digits.
const PPM_DIGITS = 12
// 10^9 nano-dollars are a dollar, and the multiplier's six.
const REQUEST_DIGITS = 15

/** What a price comes to with its multiplier. */
export function showPrice({ table, multiplierPpm, nanosPerRequest }: PriceSnapshot) {
  const usdPerMTok = (prices: TokenPrices) => {
    const usd = (picos: bigint) => formatScaled(picos * multiplierPpm, PPM_DIGITS)
    return {
      input: usd(prices.uncachedInput),
      output: usd(prices.output),
      cacheRead: usd(prices.cacheRead),
      cacheWrite: usd(prices.cacheWrite5m),
      cacheWrite1h: usd(prices.cacheWrite1h),
      audioInput: usd(prices.audioInput),
      audioOutput: usd(prices.audioOutput),
    }
  }
  return {
    usdPerMTok: usdPerMTok(table.base),
    ...(table.tiers.length === 0
      ? {}
      : {
          tiers: table.tiers.map(({ aboveInputTokens, prices }) => ({
            aboveInputTokens,
            usdPerMTok: usdPerMTok(prices),
          })),
        }),
    usdPerRequest: formatScaled(nanosPerRequest * multiplierPpm, REQUEST_DIGITS),
  }
}

/** A version that will take effect, with its price on an idle listing at that moment. */
function showAnnounced({ version, rule, fromMs, price }: Announced) {
  return { version, effectiveFrom: new Date(fromMs).toISOString(), rule, ...showPrice(price) }
}

/** An offer at the price of the moment. */
export interface PricePoint {
  /** From `priceNow`. */
  offer: Offer
  fillStep: number
  /** Of a price that changes by itself. */
  rule: PriceRule | undefined
  announced: Announced | undefined
}

/** A point for the public: nothing of it tells who sells. */
export function showPoint({ offer, fillStep, rule, announced }: PricePoint) {
  return {
    id: pointId(offer),
    listing: formatId('lst-', offer.listingId),
    provider: offer.provider.id,
    model: offer.model,
    version: offer.price.version ?? null,
    /** Of the listing, in steps of 5 %. */
    fill: fillStep / FILL_STEPS,
    ...showPrice(offer.price),
    /** The windows and load by which it changes; null when it does not. */
    schedule: rule?.kind === 'scheduled' ? rule : null,
    announced: announced ? showAnnounced(announced) : null,
  }
}

/** An offer's name outside: its listing's and its model's. */
export function pointId({ listingId, model }: Pick<Offer, 'listingId' | 'model'>): string {
  return `${formatId('lst-', listingId)}:${model}`
}
