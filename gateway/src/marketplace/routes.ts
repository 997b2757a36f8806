import { type RequestHandler, Router } from 'express'
import type { z } from 'zod'
import { cursorId } from '../audit/page.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { userOf } from '../http/principal.ts'
import { validate } from '../http/validate.ts'
import { GatewayError } from '../platform/errors.ts'
import { formatId, parseId } from '../platform/ids.ts'
import { listingIdOf } from './listing-id.ts'
import type { Listings } from './listings.ts'
import type { PriceBook } from './price-book.ts'
import type { ReputationView } from './reputation-view.ts'
import { createListingBody, listListingsQuery, updateListingBody } from './schema.ts'
import type { Found, ListingQuery, ListingSearch } from './search-listings.ts'
import { type PriceOf, showListing, showPublicListing } from './show-listing.ts'
import type { ListingRecord } from './store.ts'

export interface ListingRoutesDeps {
  listings: Listings
  search: ListingSearch
  prices: Pick<PriceBook, 'ofListings'>
  reputations: ReputationView
  catalog: Pick<Catalog, 'find'>
  authenticate: RequestHandler
}

/** Listings: one's own whole, others' as far as they are on offer, all of it for operators. Paths relative to `/api`. */
export function createListingRoutes(deps: ListingRoutesDeps): Router {
  const { listings, search, prices, reputations, catalog, authenticate } = deps
  const router = Router()
  async function ofListings(ids: readonly string[]): Promise<PriceOf> {
    const priceOf = await prices.ofListings(ids)
    return (listingId, model) => ({
      ...priceOf(listingId, model),
      reputation: reputations.show({ listingId, model }),
    })
  }
  async function showAll(found: readonly Found[]) {
    const priceOf = await ofListings(found.map(({ listing }) => listing.id))
    return found.map(({ listing, isWhole, health }) =>
      isWhole ? showListing(listing, priceOf, health) : showPublicListing(listing, priceOf, health),
    )
  }
  const show = async (listing: ListingRecord) => showListing(listing, await ofListings([listing.id]))

  router.post('/marketplace/listings', authenticate, async (request, response) => {
    const actor = userOf(response)
    const draft = validate(createListingBody, request.body ?? {})
    response.status(201).json(await show(await listings.create(draft, actor)))
  })
  router.get('/marketplace/listings', authenticate, async (request, response) => {
    const query = validate(listListingsQuery, request.query)
    const { found, next } = await search.find(queryOf(query, catalog), userOf(response))
    const nextCursor = next === null ? null : formatId('lst-', next)
    response.json({ data: await showAll(found), hasMore: next !== null, nextCursor })
  })
  router.get('/marketplace/listings/:id', authenticate, async (request, response) => {
    const [shown] = await showAll([await search.see(listingIdOf(request), userOf(response))])
    response.json(shown)
  })
  router.put('/marketplace/listings/:id', authenticate, async (request, response) => {
    const actor = userOf(response)
    const changes = validate(updateListingBody, request.body ?? {})
    response.json(await show(await listings.update(listingIdOf(request), changes, actor)))
  })
  router.delete('/marketplace/listings/:id', authenticate, async (request, response) => {
    await listings.remove(listingIdOf(request), userOf(response))
    response.status(204).end()
  })
  return router
}

function queryOf(query: z.output<typeof listListingsQuery>, catalog: Pick<Catalog, 'find'>): ListingQuery {
  const { limit, cursor, organisation, scope, maxInputUsdPerMTok, maxOutputUsdPerMTok, ...filter } = query
  const model = filter.model === undefined ? undefined : publicId(filter.model, catalog)
  const isCapped = maxInputUsdPerMTok !== undefined || maxOutputUsdPerMTok !== undefined
  return {
    ...definedOnly({
      ...filter,
      model,
      beforeId: cursorId('lst-', cursor),
      organisationId: organisation === undefined ? undefined : organisationNamed(organisation),
      ceiling: isCapped
        ? definedOnly({ model, input: maxInputUsdPerMTok, output: maxOutputUsdPerMTok })
        : undefined,
    }),
    limit,
    own: scope === 'own',
  }
}

function organisationNamed(named: string): string {
  const id = parseId('org-', named)
  if (id) return id
  throw new GatewayError('invalid_value', 'organisation: use an id such as org-….', { param: 'organisation' })
}

/** A filter by alias finds what is stored under the id; an unknown name finds nothing. */
function publicId(name: string, catalog: Pick<Catalog, 'find'>): string {
  try {
    return catalog.find(name).id
  } catch {
    return name
  }
}

function definedOnly<Fields extends object>(
  fields: Fields,
): { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never
}
