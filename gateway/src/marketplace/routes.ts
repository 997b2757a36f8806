import { Router } from 'express'
import type { z } from 'zod'
import { cursorId } from '../audit/page.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { type Door, serveOperation } from '../http/serve-operation.ts'
import { GatewayError } from '../platform/errors.ts'
import { formatId, parseId } from '../platform/ids.ts'
import { listingIdOf } from './listing-id.ts'
import type { Listings } from './listings.ts'
import { createListing, deleteListing, getListing, listListings, updateListing } from './listings-api.ts'
import { publicModelId } from './named.ts'
import type { PriceBook } from './price-book.ts'
import type { ReputationView } from './reputation-view.ts'
import type { listListingsQuery } from './schema.ts'
import type { Found, ListingQuery, ListingSearch } from './search-listings.ts'
import { type PriceOf, showListing, showPublicListing } from './show-listing.ts'
import type { ListingRecord } from './store.ts'

export interface ListingRoutesDeps {
  listings: Listings
  search: ListingSearch
  prices: Pick<PriceBook, 'ofListings'>
  reputations: ReputationView
  catalog: Pick<Catalog, 'find'>
  door: Door
}

/** Listings: one's own whole, others' as far as they are on offer, all of it for operators. */
export function createListingRoutes(deps: ListingRoutesDeps): Router {
  const { listings, search, prices, reputations, catalog, door } = deps
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

  serveOperation(router, door, createListing, async ({ body, user }) =>
    show(await listings.create(body, user)),
  )
  serveOperation(router, door, listListings, async ({ query, user }) => {
    const { found, next } = await search.find(queryOf(query, catalog), user)
    const nextCursor = next === null ? null : formatId('lst-', next)
    return { data: await showAll(found), hasMore: next !== null, nextCursor }
  })
  serveOperation(router, door, getListing, async ({ request, user }) => {
    const [shown] = await showAll([await search.see(listingIdOf(request), user)])
    return shown as NonNullable<typeof shown>
  })
  serveOperation(router, door, updateListing, async ({ request, body, user }) =>
    show(await listings.update(listingIdOf(request), body, user)),
  )
  serveOperation(router, door, deleteListing, async ({ request, user }) => {
    await listings.remove(listingIdOf(request), user)
    return undefined
  })
  return router
}

function queryOf(query: z.output<typeof listListingsQuery>, catalog: Pick<Catalog, 'find'>): ListingQuery {
  const { limit, cursor, organisation, scope, review, maxInputUsdPerMTok, maxOutputUsdPerMTok, ...filter } =
    query
  const model = filter.model === undefined ? undefined : publicModelId(filter.model, catalog)
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
    // Whose key somebody else tried to list is nobody else's business.
    own: scope === 'own' || review === 'true',
    inReview: review === 'true',
  }
}

function organisationNamed(named: string): string {
  const id = parseId('org-', named)
  if (id) return id
  throw new GatewayError('invalid_value', 'organisation: use an id such as org-….', { param: 'organisation' })
}

function definedOnly<Fields extends object>(
  fields: Fields,
): { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never
}
