/** Prices for whoever buys or sells: of the moment, announced, as they change, and as they were. */
import { type RequestHandler, Router } from 'express'
import { z } from 'zod'
import { cursorId, pageOf, pageQuery, queryText } from '../audit/page.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { principalOf, userOf } from '../http/principal.ts'
import { validate } from '../http/validate.ts'
import type { Clock } from '../platform/clock.ts'
import { GatewayError } from '../platform/errors.ts'
import { parseId } from '../platform/ids.ts'
import type { Listings } from './listings.ts'
import { type PriceBook, showVersion } from './price-book.ts'
import { type PriceFeed, type PriceFilter, pageOfPoints } from './price-feed.ts'
import { showPoint } from './price-show.ts'
import { streamPrices } from './price-stream.ts'

// Each is a connection, a timer and half a megabyte at worst.
const MAX_STREAMS = 200
const MAX_STREAMS_PER_ORGANISATION = 10

export interface PriceRoutesDeps {
  feed: PriceFeed
  book: PriceBook
  listings: Pick<Listings, 'get'>
  catalog: Pick<Catalog, 'find'>
  clock: Clock
  authenticate: RequestHandler
}

const filterQuery = z.strictObject({
  model: queryText(200).optional(),
  provider: queryText(64).optional(),
  /** `lst-…` */
  listing: z.string().max(64).optional(),
})
const presentQuery = filterQuery.extend({
  limit: z.coerce.number().int().min(1).max(500).default(100),
  cursor: queryText(400).optional(),
})
const historyQuery = pageQuery.extend({ model: queryText(200).optional() })

/** Paths relative to `/api`. */
export function createPriceRoutes(deps: PriceRoutesDeps): Router {
  const { feed, book, listings, catalog, clock, authenticate } = deps
  const router = Router()
  const streams = new Map<string, number>()
  let open = 0

  router.get('/marketplace/prices', authenticate, (request, response) => {
    principalOf(response)
    const { limit, cursor, ...filter } = validate(presentQuery, request.query)
    const points = pageOfPoints(feed.present(filterOf(filter, catalog)), cursor)
    response.json(pageOf(points, limit, showPoint))
  })
  router.get('/marketplace/prices/stream', authenticate, async (request, response) => {
    const { organisationId } = principalOf(response)
    const filter = filterOf(validate(filterQuery, request.query), catalog)
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
  })
  router.get('/marketplace/listings/:id/prices', authenticate, async (request, response) => {
    const id = listingId(String(request.params.id))
    if (!id)
      throw new GatewayError(
        'not_found',
        'There is no such listing. GET /api/marketplace/listings lists yours.',
      )
    await listings.get(id, userOf(response))
    const { limit, cursor, model } = validate(historyQuery, request.query)
    const beforeId = cursorId('prc-', cursor)
    const rows = await book.history({
      listingId: id,
      limit: limit + 1,
      ...(beforeId ? { beforeId } : {}),
      ...(model === undefined ? {} : { model: publicId(model, catalog) }),
    })
    const nowMs = clock.nowMs()
    response.json(pageOf(rows, limit, (row) => showVersion(row, nowMs)))
  })
  return router
}

function filterOf(
  { model, provider, listing }: z.output<typeof filterQuery>,
  catalog: Pick<Catalog, 'find'>,
): PriceFilter {
  const id = listing === undefined ? undefined : listingId(listing)
  if (listing !== undefined && !id) {
    throw new GatewayError('invalid_value', 'listing: use an id such as lst-….', { param: 'listing' })
  }
  return { model: model === undefined ? undefined : publicId(model, catalog), provider, listing: id }
}

function listingId(text: string): string | undefined {
  return parseId('lst-', text)
}

/** A filter by alias finds what is offered under the id; an unknown name finds nothing. */
function publicId(name: string, catalog: Pick<Catalog, 'find'>): string {
  try {
    return catalog.find(name).id
  } catch {
    return name
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
