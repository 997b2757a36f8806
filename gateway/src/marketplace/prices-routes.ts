/** Prices for whoever buys or sells: of the moment, announced, as they change, and as they were. */
import { Router } from 'express'
import type { z } from 'zod'
import { cursorId, pageOf } from '../audit/page.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { type Door, sent, serveOperation } from '../http/serve-operation.ts'
import type { Clock } from '../platform/clock.ts'
import { GatewayError } from '../platform/errors.ts'
import { listingIdOf } from './listing-id.ts'
import type { Listings } from './listings.ts'
import { listingFilter, publicModelId } from './named.ts'
import { type PriceBook, showVersion } from './price-book.ts'
import { type PriceFeed, type PriceFilter, pageOfPoints } from './price-feed.ts'
import { showPoint } from './price-show.ts'
import { streamPrices } from './price-stream.ts'
import { listPrices, listPriceVersions, streamPricesOperation } from './prices-api.ts'
import type { priceFilterQuery } from './schema.ts'

// Each is a connection, a timer and half a megabyte at worst.
const MAX_STREAMS = 200
const MAX_STREAMS_PER_ORGANISATION = 10

export interface PriceRoutesDeps {
  feed: PriceFeed
  book: PriceBook
  listings: Pick<Listings, 'get'>
  catalog: Pick<Catalog, 'find'>
  clock: Clock
  door: Door
}

export function createPriceRoutes(deps: PriceRoutesDeps): Router {
  const { feed, book, listings, catalog, clock, door } = deps
  const router = Router()
  const streams = new Map<string, number>()
  let open = 0

  serveOperation(router, door, listPrices, ({ query }) => {
    const { limit, cursor, ...filter } = query
    const points = pageOfPoints(feed.present(filterOf(filter, catalog)), cursor)
    return pageOf(points, limit, showPoint)
  })
  serveOperation(
    router,
    door,
    streamPricesOperation,
    async ({ query, principal, response }): Promise<typeof sent> => {
      const { organisationId } = principal
      const filter = filterOf(query, catalog)
      const own = streams.get(organisationId) ?? 0
      if (own >= MAX_STREAMS_PER_ORGANISATION || open >= MAX_STREAMS) throw tooMany(own)
      open += 1
      streams.set(organisationId, own + 1)
      try {
        await streamPrices(response, feed, filter)
      } finally {
        open -= 1
        const left = (streams.get(organisationId) ?? 1) - 1
        if (left > 0) streams.set(organisationId, left)
        else streams.delete(organisationId)
      }
      return sent
    },
  )
  serveOperation(router, door, listPriceVersions, async ({ request, query, user }) => {
    const id = listingIdOf(request)
    await listings.get(id, user)
    const { limit, cursor, model } = query
    const beforeId = cursorId('prc-', cursor)
    const rows = await book.history({
      listingId: id,
      limit: limit + 1,
      ...(beforeId ? { beforeId } : {}),
      ...(model === undefined ? {} : { model: publicModelId(model, catalog) }),
    })
    const nowMs = clock.nowMs()
    return pageOf(rows, limit, (row) => showVersion(row, nowMs))
  })
  return router
}

function filterOf(
  { model, provider, listing }: z.output<typeof priceFilterQuery>,
  catalog: Pick<Catalog, 'find'>,
): PriceFilter {
  return {
    model: model === undefined ? undefined : publicModelId(model, catalog),
    provider,
    listing: listingFilter(listing),
  }
}

function tooMany(own: number): GatewayError {
  if (own >= MAX_STREAMS_PER_ORGANISATION) {
    return new GatewayError(
      'rate_limit_exceeded',
      `You follow prices ${own} times already; close one of these streams first.`,
      { retryable: false },
    )
  }
  return new GatewayError('overloaded', 'Too many clients follow prices at the moment; try again shortly.', {
    retryAfterMs: 10_000,
  })
}
