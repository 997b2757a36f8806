/** The price of an offer at this moment: what planning asks for each offer of each request. */
import type { PriceSnapshot } from '../catalog/price.ts'
import type { Offer } from './offer.ts'
import { FILL_STEPS } from './price-rule.ts'
import type { Announced, PricePlace } from './price-versions.ts'

/** All objects that one offer has been at its prices; at most two versions times 49 windows times 21 steps of fill. */
interface Variants {
  base: Offer
  byPrice: Map<PriceSnapshot, Offer>
}

const variantsOf = new WeakMap<Offer, Variants>()

/**
 * `offer` at the price that holds at `nowMs` when its listing is `fillStep` twentieths full (see `fillStepOf`): the same
 * object while that is the price it carries, else a variant that differs in nothing but the price. The same price gives
 * the same object every time, also when a variant is asked.
 */
export function priceNow(offer: Offer, { nowMs, fillStep }: { nowMs: number; fillStep: number }): Offer {
  if (!offer.schedule) return offer
  const place = offer.schedule.at(nowMs, fillStep)
  // Planning asks the same offers at the same prices all day: a comparison, where a look-up by object takes 100 ns.
  return place.of === offer ? (place.variant as Offer) : variantAt(offer, place)
}

function variantAt(offer: Offer, place: PricePlace): Offer {
  const variants = variantsOf.get(offer) ?? { base: offer, byPrice: new Map([[offer.price, offer]]) }
  const variant = variants.byPrice.get(place.price) ?? Object.freeze({ ...variants.base, price: place.price })
  variants.byPrice.set(place.price, variant)
  variantsOf.set(offer, variants)
  variantsOf.set(variant, variants)
  place.of = variants.base
  place.variant = variant
  return variant
}

/** When the price changes next by the clock, at whatever fill: another version or another window. Undefined: never. */
export function nextChangeMs(offer: Offer, nowMs: number): number | undefined {
  return offer.schedule?.nextChangeMs(nowMs)
}

/** The price that was announced for this offer and is not in force at `nowMs`. */
export function announcedPrice(offer: Offer, nowMs: number): Announced | undefined {
  return offer.schedule?.announcedAt(nowMs)
}

/** Steps of 5 % from a fill of 0 to 1. A listing is in a step when it has reached it. */
export function fillStepOf(fill: number): number {
  // 0.15 times 20 is a little below 3 in binary.
  const step = Math.floor(fill * FILL_STEPS + 1e-9)
  return Math.min(FILL_STEPS, Math.max(0, step || 0))
}
