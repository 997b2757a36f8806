import { useQuery } from '@tanstack/react-query'
import { asObject, type Json, list, optionalCount, optionalText, text } from '../../lib/decode.ts'
import { comparePrices } from '../../lib/money.ts'
import { useApi } from '../../lib/services.ts'

export interface MarketOffer {
  listingId: string
  provider: string
  /** USD per million tokens as decimal strings; absent when the price is not known. */
  inputUsdPerMTok: string | undefined
  outputUsdPerMTok: string | undefined
  state: string
}

export interface MarketModel {
  id: string
  contextWindow: number | undefined
  offers: readonly MarketOffer[]
}

export function useModels() {
  const api = useApi()
  return useQuery({
    queryKey: ['models'],
    queryFn: ({ signal }) => api.call('/api/models', readModels, { signal }),
    refetchInterval: 30_000,
  })
}

/** Whether a request for this model would find a seller now. */
export function isOnOffer(model: MarketModel): boolean {
  return model.offers.some((offer) => offer.state === 'active')
}

/** The cheapest price of a kind among the offers that can be chosen now. */
export function cheapest(
  model: MarketModel,
  kind: 'inputUsdPerMTok' | 'outputUsdPerMTok',
): string | undefined {
  return model.offers
    .filter((offer) => offer.state === 'active')
    .flatMap((offer) => offer[kind] ?? [])
    .sort(comparePrices)[0]
}

export function readModels(json: unknown): MarketModel[] {
  return list(asObject(json), 'data', (model) => ({
    id: text(model, 'id'),
    contextWindow: optionalCount(model, 'contextWindow'),
    offers: list(model, 'offers', readOffer),
  }))
}

function readOffer(offer: Json): MarketOffer {
  return {
    listingId: text(offer, 'listingId'),
    provider: text(offer, 'provider'),
    inputUsdPerMTok: optionalText(offer, 'inputUsdPerMTok'),
    outputUsdPerMTok: optionalText(offer, 'outputUsdPerMTok'),
    state: text(offer, 'state'),
  }
}
