/** The catalogue for whoever lists or buys, and what its updates changed for operators. */
import { Router } from 'express'
import { cursorId, pageOf } from '../audit/page.ts'
import { type Door, serveOperation } from '../http/serve-operation.ts'
import { formatId } from '../platform/ids.ts'
import { formatScaled } from '../platform/money.ts'
import { type CatalogModelShown, listCatalogChanges, listCatalogModels } from './api.ts'
import type { Catalog, Model } from './catalog.ts'
import type { CatalogVersions } from './catalog-versions.ts'
import type { TokenPrices } from './price.ts'

export function createCatalogRoutes({
  catalog,
  versions,
  offersOf,
  door,
}: {
  catalog: Pick<Catalog, 'list'>
  versions: CatalogVersions
  /** How many offers a model has now. */
  offersOf: (model: string) => number
  door: Door
}): Router {
  const router = Router()
  serveOperation(router, door, listCatalogModels, ({ query }) => {
    const { limit, cursor, q = '', author, without } = query
    const models = catalog.list()
    const wanted = q.trim().toLowerCase()
    const found = models
      .filter((model) => author === undefined || model.author === author)
      .filter((model) => without !== 'price' || !model.listPrice)
      .filter((model) => without !== 'offers' || offersOf(model.id) === 0)
      .filter((model) => isNamed(model, wanted))
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .filter(({ id }) => cursor === undefined || id > cursor)
    return {
      ...pageOf(found, limit, (model) =>
        showModel(model, { offers: offersOf(model.id), since: versions.pricedSince(model.id) }),
      ),
      total: models.length,
      withoutPrice: models.filter(({ listPrice }) => !listPrice).length,
      withoutOffers: models.filter(({ id }) => offersOf(id) === 0).length,
    }
  })
  serveOperation(router, door, listCatalogChanges, async ({ query }) => {
    const { limit, cursor, cause } = query
    const rows = await versions.list({ limit: limit + 1, beforeId: cursorId('cat-', cursor), cause })
    return pageOf(rows, limit, ({ id, loadedAt, ...version }) => ({
      id: formatId('cat-', id),
      loadedAt: loadedAt.toISOString(),
      ...version,
    }))
  })
  return router
}

function isNamed({ id, title, aliases }: Model, wanted: string): boolean {
  return wanted === '' || [id, title, ...aliases].some((name) => name.toLowerCase().includes(wanted))
}

function showModel(
  model: Model,
  { offers, since }: { offers: number; since: string | undefined },
): CatalogModelShown {
  const { id, title, author, aliases, listPrice, sources } = model
  const usd = (prices: TokenPrices) => ({
    input: formatScaled(prices.uncachedInput, 6),
    output: formatScaled(prices.output, 6),
  })
  return {
    id,
    title,
    author,
    aliases: [...aliases],
    contextWindow: model.contextWindow ?? null,
    maxOutputTokens: model.maxOutputTokens,
    listPrice: listPrice
      ? {
          ...usd(listPrice.base),
          cacheRead: formatScaled(listPrice.base.cacheRead, 6),
          cacheWrite: formatScaled(listPrice.base.cacheWrite5m, 6),
          tiers: listPrice.tiers.map(({ aboveInputTokens, prices }) => ({
            aboveInputTokens,
            ...usd(prices),
          })),
        }
      : null,
    lacks: [...(model.lacks ?? [])],
    sources: { ...sources },
    pricedSince: listPrice ? (since ?? null) : null,
    offers,
  }
}
