import { type Request, type RequestHandler, Router } from 'express'
import { cursorId, pageOf } from '../audit/page.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { userOf } from '../http/principal.ts'
import { validate } from '../http/validate.ts'
import { GatewayError } from '../platform/errors.ts'
import { parseId } from '../platform/ids.ts'
import type { Listings } from './listings.ts'
import { createListingBody, listListingsQuery, updateListingBody } from './schema.ts'
import { showListing } from './show-listing.ts'
import type { ListingRecord } from './store.ts'

export interface ListingRoutesDeps {
  listings: Listings
  catalog: Pick<Catalog, 'find'>
  authenticate: RequestHandler
}

/** Listings: every seller's for operators, one's own for everyone else. Paths relative to `/api`. */
export function createListingRoutes({ listings, catalog, authenticate }: ListingRoutesDeps): Router {
  const router = Router()
  const show = (listing: ListingRecord) => showListing(listing, catalog)

  router.post('/marketplace/listings', authenticate, async (request, response) => {
    const actor = userOf(response)
    const draft = validate(createListingBody, request.body ?? {})
    response.status(201).json(show(await listings.create(draft, actor)))
  })
  router.get('/marketplace/listings', authenticate, async (request, response) => {
    const { limit, cursor, organisation, model, ...filter } = validate(listListingsQuery, request.query)
    const beforeId = cursorId('lst-', cursor)
    const organisationId = organisation === undefined ? undefined : organisationNamed(organisation)
    const rows = await listings.list(
      {
        limit: limit + 1,
        ...definedOnly(filter),
        ...(model ? { model: publicId(model, catalog) } : {}),
        ...(beforeId ? { beforeId } : {}),
        ...(organisationId ? { organisationId } : {}),
      },
      userOf(response),
    )
    response.json(pageOf(rows, limit, show))
  })
  router.get('/marketplace/listings/:id', authenticate, async (request, response) => {
    response.json(show(await listings.get(idOf(request), userOf(response))))
  })
  router.put('/marketplace/listings/:id', authenticate, async (request, response) => {
    const actor = userOf(response)
    const changes = validate(updateListingBody, request.body ?? {})
    response.json(show(await listings.update(idOf(request), changes, actor)))
  })
  router.delete('/marketplace/listings/:id', authenticate, async (request, response) => {
    await listings.remove(idOf(request), userOf(response))
    response.status(204).end()
  })
  return router
}

function idOf(request: Request): string {
  const id = parseId('lst-', String(request.params.id))
  if (id) return id
  throw new GatewayError('not_found', 'There is no such listing. GET /api/marketplace/listings lists yours.')
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
