/** `GET /api/models`: what is on offer today, by model, at which price; for people who browse before they buy. */
import { Router } from 'express'
import type { Catalog, Model } from '../catalog/catalog.ts'
import { type Door, serveOperation } from '../http/serve-operation.ts'
import { listModels } from './market-api.ts'
import type { Marketplace } from './marketplace.ts'
import type { PriceFeed } from './price-feed.ts'
import { type PricePoint, showPoint } from './price-show.ts'
import type { ReputationView } from './reputation-view.ts'

export function createMarketRoutes({
  marketplace,
  feed,
  reputations,
  catalog,
  door,
}: {
  marketplace: Pick<Marketplace, 'modelsOnOffer'>
  feed: Pick<PriceFeed, 'present'>
  reputations: ReputationView
  catalog: Pick<Catalog, 'list'>
  door: Door
}): Router {
  const router = Router()
  serveOperation(router, door, listModels, () => {
    const onOffer = marketplace.modelsOnOffer()
    const models = catalog.list().filter(({ id }) => onOffer.has(id))
    return { data: models.map((model) => showModel(model, feed.present({ model: model.id }), reputations)) }
  })
  return router
}

function showModel(model: Model, points: readonly PricePoint[], reputations: ReputationView) {
  return {
    id: model.id,
    name: model.name,
    contextWindow: model.contextWindow ?? null,
    maxOutputTokens: model.maxOutputTokens,
    offers: points.map((point) => ({
      ...showOffer(point),
      reputation: reputations.show(point.offer),
    })),
  }
}

function showOffer(point: PricePoint) {
  const { listing, provider, version, usdPerMTok, usdPerRequest, schedule, announced } = showPoint(point)
  return {
    listingId: listing,
    provider,
    inputUsdPerMTok: usdPerMTok.input,
    outputUsdPerMTok: usdPerMTok.output,
    usdPerRequest,
    priceVersion: version,
    schedule,
    announced,
    state: 'active' as const,
  }
}
