/** Who finds which listings, and how much of them he sees. */
import type { Config } from '../platform/config.ts'
import type { Database } from '../platform/database.ts'
import { GatewayError } from '../platform/errors.ts'
import { parseScaled } from '../platform/money.ts'
import { type Actor, isOperator } from './actor.ts'
import { healthOf, type ListingHealth, type ListingSights, withItsLimit } from './listing-sight.ts'
import type { PriceBook } from './price-book.ts'
import { CEILING_SCALE } from './schema.ts'
import type { PriceOf } from './show-listing.ts'
import {
  findListing,
  isOnOffer,
  type ListingFilter,
  type ListingRecord,
  listListings,
  type OnOffer,
} from './store.ts'

/** Rows that one page looks at when it filters by what the database does not know; the cursor goes on from there. */
const MOST_READ = 2_000
const READ_AT_ONCE = 200

/** Scaled by `CEILING_SCALE`; `model` alone is looked at when it is named, else any model of the listing will do. */
export interface PriceCeiling {
  model?: string
  input?: bigint
  output?: bigint
}

export interface ListingQuery extends Omit<ListingFilter, 'visible'> {
  /** Those one may manage only: one's own, for operators all. */
  own?: boolean
  ceiling?: PriceCeiling
  health?: ListingHealth
}

export interface Found {
  listing: ListingRecord
  /** The whole of it, as its seller and operators see it; else what anybody may know. */
  isWhole: boolean
  health: ListingHealth
}

export interface ListingSearch {
  /** Newest first, at most `limit`; `next` is where to go on, and null at the end. */
  find(query: ListingQuery, viewer: Actor): Promise<{ found: Found[]; next: string | null }>
  /** Throws `not_found` for what the viewer may not see. */
  see(id: string, viewer: Actor): Promise<Found>
}

export function createListingSearch({
  database,
  prices,
  config,
  sights,
  unused,
}: {
  database: Database
  prices: Pick<PriceBook, 'ofListings'>
  config: Pick<Config, 'mode'>
  sights: () => ListingSights
  unused: ReadonlySet<string>
}): ListingSearch {
  // What the public sees is what it can buy from.
  const onOffer: OnOffer = { except: [...unused], demo: config.mode === 'play' }

  function foundFor(viewer: Actor) {
    return (listing: ListingRecord): Found => {
      const sight = sights().sightOf(listing.id)
      return {
        listing: withItsLimit(listing, sight),
        isWhole: isOperator(viewer) || viewer.organisationId === listing.organisationId,
        health: healthOf(sight, listing.models.length),
      }
    }
  }

  return {
    async find({ own, ceiling, health, limit, ...filter }, viewer) {
      const visible = isOperator(viewer) ? undefined : { organisationId: viewer.organisationId, onOffer }
      const organisation = own && !isOperator(viewer) ? { organisationId: viewer.organisationId } : {}
      const show = foundFor(viewer)
      const isFiltered = ceiling !== undefined || health !== undefined
      const found: Found[] = []
      let beforeId = filter.beforeId
      for (let read = 0; ; ) {
        const take = isFiltered ? READ_AT_ONCE : limit + 1
        const rows = await listListings(database, {
          ...filter,
          ...organisation,
          ...(visible ? { visible } : {}),
          ...(beforeId === undefined ? {} : { beforeId }),
          limit: take,
        })
        const priceOf = ceiling && (await prices.ofListings(rows.map(({ id }) => id)))
        for (const row of rows) {
          if (found.length === limit) return { found, next: beforeId ?? null }
          beforeId = row.id
          if (ceiling && priceOf && !isWithin(row, ceiling, priceOf)) continue
          const one = show(row)
          if (health === undefined || one.health === health) found.push(one)
        }
        read += rows.length
        if (rows.length < take) return { found, next: null }
        if (read >= MOST_READ) return { found, next: beforeId ?? null }
      }
    },

    async see(id, viewer) {
      const listing = await findListing(database.prisma, id)
      const one = listing && foundFor(viewer)(listing)
      if (one && (one.isWhole || (await isOnOffer(database, id, onOffer)))) return one
      throw new GatewayError(
        'not_found',
        'There is no such listing. GET /api/marketplace/listings lists those you can see.',
      )
    },
  }
}

function isWithin(
  { id, models }: ListingRecord,
  { model: named, input, output }: PriceCeiling,
  priceOf: PriceOf,
): boolean {
  return models.some(({ model }) => {
    const price = named === undefined || model === named ? priceOf(id, model)?.usdPerMTok : undefined
    return price ? isBelow(price.input, input) && isBelow(price.output, output) : false
  })
}

function isBelow(usd: string, ceiling: bigint | undefined): boolean {
  const shown = parseScaled(usd, CEILING_SCALE)
  return ceiling === undefined || (shown !== undefined && shown <= ceiling)
}
