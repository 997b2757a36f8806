/** The market for whoever browses: models, and their offers to compare. */
import { Router } from 'express'
import { pageOf } from '../audit/page.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { featureMask } from '../catalog/features.ts'
import { type Door, serveOperation } from '../http/serve-operation.ts'
import { listMarketModels, listOffers } from './market-api.ts'
import { listingFilter, publicModelId } from './named.ts'
import type { ModelSummary, OfferMarket } from './offer-market.ts'
import { pageOfOffers } from './offer-views.ts'
import { showModelOnOffer, showOffer } from './show-offer.ts'

export function createOfferRoutes({
  offers,
  catalog,
  door,
}: {
  offers: OfferMarket
  catalog: Pick<Catalog, 'find'>
  door: Door
}): Router {
  const router = Router()
  serveOperation(router, door, listOffers, ({ query }) => {
    const { model, limit, cursor, sort, listing, healthy, ...filter } = query
    const views = offers.find(model === undefined ? undefined : publicModelId(model, catalog), {
      ...filter,
      listing: listingFilter(listing),
      healthy: healthy === 'true',
    })
    const { page, nextCursor } = pageOfOffers(views, { sort, limit, cursor })
    const sinceMs = offers.countedSinceMs()
    return { data: page.map((view) => showOffer(view, sinceMs)), hasMore: nextCursor !== null, nextCursor }
  })
  serveOperation(router, door, listMarketModels, ({ query }) => {
    const { limit, cursor, q = '', provider, features = [] } = query
    const wanted = q.trim().toLowerCase()
    const mask = featureMask(features)
    const found = offers
      .models()
      .filter(({ model }) => cursor === undefined || model.id > cursor)
      .filter(({ providers }) => provider === undefined || providers.includes(provider))
      .filter(({ model }) => (featureMask(model.lacks ?? []) & mask) === 0)
      .filter((summary) => isNamed(summary, wanted))
    return pageOf(found, limit, showModelOnOffer)
  })
  return router
}

function isNamed({ model, providers }: ModelSummary, wanted: string): boolean {
  return [model.id, model.title, ...model.aliases, ...providers].some((text) =>
    text.toLowerCase().includes(wanted),
  )
}
