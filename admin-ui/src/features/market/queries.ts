import type { ModelOnOffer, OfferShown } from '@bourse/gateway/api/marketplace'
import { usePages } from '../../lib/use-pages.ts'
import { useRead } from '../../lib/use-read.ts'
import type { Search } from '../../lib/with-search.ts'

/** Prices move with the clock and the load; a quarter of a minute is fresh enough to choose by. */
const LOOK_AGAIN_MS = 15_000

export function useModelsOnOffer(filter: Search) {
  return usePages<ModelOnOffer>('/api/marketplace/models', filter, { refetchMs: LOOK_AGAIN_MS })
}

export function useOffers(filter: Search) {
  return usePages<OfferShown>('/api/marketplace/offers', filter, { refetchMs: LOOK_AGAIN_MS })
}

interface OfferPage {
  data: OfferShown[]
}

/** The offer of one listing for one model, also when the list is filtered without it. */
export function useOffer(model: string | undefined, listing: string | undefined) {
  return useRead<OfferPage>(
    '/api/marketplace/offers',
    // Another question than a page of the list, also for the cache.
    { model, listing, limit: 1 },
    { enabled: model !== undefined && listing !== undefined, refetchMs: LOOK_AGAIN_MS },
  )
}
