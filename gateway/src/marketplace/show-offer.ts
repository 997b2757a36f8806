/** Offers and models on offer as `/api` shows them. */
import type { Model } from '../catalog/catalog.ts'
import { featureMask, featuresIn } from '../catalog/features.ts'
import { formatScaled } from '../platform/money.ts'
import type { ModelOnOffer, OfferShown } from './market-api.ts'
import type { Offer } from './offer.ts'
import type { ModelSummary } from './offer-market.ts'
import { type OfferView, refusedBy } from './offer-views.ts'
import { showPoint, showPrice } from './price-show.ts'

export function showOffer(view: OfferView, countedSinceMs: number): OfferShown {
  const { model, point, face, sight, reputation } = view
  const { id, listing, provider, version, fill: _step, model: _model, ...price } = showPoint(point)
  const { offer } = point
  const { attempts, successes, standing, reason, untilMs, fill } = sight
  return {
    id,
    listing,
    name: face.name,
    ground: face.ground,
    provider,
    providerName: offer.provider.name,
    backing: offer.backing,
    model: model.id,
    contextWindow: model.contextWindow ?? null,
    maxOutputTokens: model.maxOutputTokens,
    ...price,
    priceVersion: version,
    speed: {
      ttftMsP50: reputation?.ttftMsP50 ?? null,
      tokensPerSP50: reputation?.tokensPerSP50 ?? null,
    },
    reliability: {
      successShare: attempts === 0 ? null : Number((successes / attempts).toFixed(4)),
      attempts,
      since: new Date(countedSinceMs).toISOString(),
    },
    reputation,
    standing,
    standingReason: reason,
    standingUntil: untilMs === undefined ? null : new Date(untilMs).toISOString(),
    fill,
    headroom: isLimited(offer) ? Number(Math.max(0, 1 - fill).toFixed(4)) : null,
    lacks: featuresIn(refusedBy(offer, model)),
  }
}

function isLimited(offer: Offer): boolean {
  const { requestsPerMinute, tokensPerMinute, concurrency, tokensPerDay, tokensPerMonth } = offer
  const { nanosPerDay, nanosPerMonth, modelCapacity } = offer
  const own = [requestsPerMinute, tokensPerMinute, concurrency, tokensPerDay, tokensPerMonth]
  return [...own, nanosPerDay, nanosPerMonth, ...Object.values(modelCapacity ?? {})].some(
    (limit) => limit !== undefined,
  )
}

export function showModelOnOffer({
  model,
  offers,
  healthy,
  providers,
  cheapest,
}: ModelSummary): ModelOnOffer {
  return {
    id: model.id,
    title: model.title,
    author: model.author,
    contextWindow: model.contextWindow ?? null,
    maxOutputTokens: model.maxOutputTokens,
    lacks: featuresIn(featureMask(model.lacks ?? [])),
    offers,
    healthyOffers: healthy,
    providers,
    cheapest: cheapest ? showCheapest(cheapest) : null,
    listPrice: listPriceOf(model),
  }
}

function showCheapest({ point }: OfferView): NonNullable<ModelOnOffer['cheapest']> {
  const { usdPerMTok, usdPerRequest } = showPrice(point.offer.price)
  return {
    listing: showPoint(point).listing,
    input: usdPerMTok.input,
    output: usdPerMTok.output,
    usdPerRequest,
  }
}

export function listPriceOf({ listPrice }: Model): { input: string; output: string } | null {
  if (!listPrice) return null
  const { uncachedInput, output } = listPrice.base
  return { input: formatScaled(uncachedInput, 6), output: formatScaled(output, 6) }
}
