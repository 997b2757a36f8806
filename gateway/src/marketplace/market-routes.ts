/** `GET /api/models`: what is on offer today, by model, at which price; for people who browse before they buy. */
import { type RequestHandler, Router } from 'express'
import type { Catalog, Model } from '../catalog/catalog.ts'
import { principalOf } from '../http/principal.ts'
import { formatId } from '../platform/ids.ts'
import { formatScaled } from '../platform/money.ts'
import type { Marketplace } from './marketplace.ts'
import type { Offer } from './offer.ts'

// 10^6 pico-dollars per token are a dollar per million; the multiplier adds six more digits.
const PPM_DIGITS = 12

export function createMarketRoutes({
  marketplace,
  catalog,
  authenticate,
}: {
  marketplace: Pick<Marketplace, 'offersFor' | 'modelsOnOffer'>
  catalog: Pick<Catalog, 'list'>
  authenticate: RequestHandler
}): Router {
  const router = Router()
  router.get('/models', authenticate, (_request, response) => {
    principalOf(response)
    const onOffer = marketplace.modelsOnOffer()
    const models = catalog.list().filter(({ id }) => onOffer.has(id))
    response.json({ data: models.map((model) => showModel(model, marketplace.offersFor(model.id))) })
  })
  return router
}

function showModel(model: Model, offers: readonly Offer[]) {
  return {
    id: model.id,
    name: model.name,
    contextWindow: model.contextWindow ?? null,
    maxOutputTokens: model.maxOutputTokens,
    offers: offers.map(showOffer),
  }
}

function showOffer({ listingId, provider, price }: Offer) {
  const usdPerMTok = (picos: bigint) => formatScaled(picos * price.multiplierPpm, PPM_DIGITS)
  return {
    listingId: formatId('lst-', listingId),
    provider: provider.id,
    inputUsdPerMTok: usdPerMTok(price.table.base.uncachedInput),
    outputUsdPerMTok: usdPerMTok(price.table.base.output),
    state: 'active',
  }
}
