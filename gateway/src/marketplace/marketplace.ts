/**
 * What is on offer. The request path reads a snapshot in memory and never the database; the snapshot is rebuilt when a
 * listing changes, and outlives a database that does not answer.
 */
import type { Audit } from '../audit/audit.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Egress } from '../egress/egress.ts'
import type { Clock } from '../platform/clock.ts'
import type { Config } from '../platform/config.ts'
import type { Database } from '../platform/database.ts'
import type { Logger } from '../platform/logger.ts'
import type { Metrics } from '../platform/metrics.ts'
import type { Sealer } from '../platform/secrets.ts'
import type { Providers } from '../providers/registry.ts'
import { credentialAad } from './credential-aad.ts'
import { ensureEnvironmentListings, environmentListingId } from './environment-listings.ts'
import { followMarket } from './follow-market.ts'
import { createGrounds, type Grounds } from './grounds.ts'
import type { ListingSights, Sight } from './listing-sight.ts'
import { createListings, type Listings } from './listings.ts'
import { countOffers, createLiveSnapshot } from './live-snapshot.ts'
import type { Offer } from './offer.ts'
import { createPriceBook, type PriceBook } from './price-book.ts'
import { createListingSearch, type ListingSearch } from './search-listings.ts'
import { buildSnapshot, type ListingFace } from './snapshot.ts'
import { loadOffers, type OfferRow } from './store.ts'
import { createSystemStates, type OffMarket } from './system-states.ts'
import { createVerifyJobs, type VerifyJobs } from './verify-jobs.ts'

export interface MarketplaceDeps {
  database: Database
  /** With it, changes made by other processes are heard at once; without, within 2 s. */
  databaseUrl?: string
  catalog: Catalog
  providers: Providers
  sealer: Pick<Sealer, 'seal'>
  egress: Pick<Egress, 'send' | 'get'>
  secrets: { keyPepper: Buffer }
  /** Whose leases on verifications are ours. */
  node: { nodeId: string }
  config: Pick<
    Config,
    | 'mode'
    | 'feeBps'
    | 'allowPrivateUpstreams'
    | 'allowCustomEndpoints'
    | 'environmentListings'
    | 'priceNoticeMs'
  >
  audit: Audit
  logger: Logger
  metrics?: Pick<Metrics, 'gauge'>
  /** Told, by `credentialAad`, whose credentials may stay open. */
  keepCredentials?: (aads: ReadonlySet<string>) => void
  clock: Clock
}

export interface Marketplace {
  /** Today's offers for a model, sorted by listing; the same list until something changes. */
  offersFor(model: string): readonly Offer[]
  modelsOnOffer(): ReadonlySet<string>
  /** How a listing that is on the market presents itself. */
  faceOf(listingId: string): ListingFace | undefined
  /** Resolves when the snapshot has everything that was committed before the call. Rejects when it cannot be read. */
  refresh(): Promise<void>
  /**
   * A rule takes a listing off the market: here at once, everywhere when it is written. An unreachable database is
   * retried. Nothing follows for a listing that is in this state or a heavier one, or that is a draft.
   */
  setState(listingId: string, state: OffMarket, reason: string): Promise<void>
  /** The rule's reason is over: what it alone had taken off the market returns. */
  resume(listingId: string, reason: string): Promise<void>
  /** As `setState`. */
  pause(listingId: string, state: OffMarket, reason: string): Promise<void>
  /** Makes the operator's listings from vendor keys (by the name of their variable) and disables those without one. */
  ensureEnvironmentListings(vendorKeys: Readonly<Record<string, string>>): Promise<void>
  /** What people do with listings. */
  listings: Listings
  /** What people find of listings. */
  search: ListingSearch
  grounds: Grounds
  /** Resolves when these listings' keys were tried, at the latest after `withinMs`. */
  verified: VerifyJobs['settled']
  /** From now on listings are shown with what the traffic knows of them. */
  watch(sights: ListingSights): void
  sights(): ListingSights
  /** What listings ask and have asked. */
  prices: PriceBook
  close(): Promise<void>
}

const noOffers: readonly Offer[] = Object.freeze([])

/** Until somebody watches: nothing is known against any listing. */
const unwatched: Sight = Object.freeze({
  fill: 0,
  headroom: {},
  breakers: [],
  resting: [],
  notChosen: {},
  reputation: null,
  successRate: null,
})

/** Loads the snapshot and follows the market. Throws when the first load fails. */
export async function createMarketplace(deps: MarketplaceDeps): Promise<Marketplace> {
  const { database, providers, config, audit, logger } = deps
  const environmentIds = providers.list().map(({ id }) => environmentListingId(id))
  const hiddenListings = new Set(config.environmentListings ? [] : environmentIds)
  let sights: ListingSights = { sightOf: () => unwatched }
  const build = (rows: readonly OfferRow[]) => {
    const usable = rows.filter(({ listingId }) => !states.isOff(listingId))
    const next = buildSnapshot(usable, { ...deps, ...config, hiddenListings, nowMs: deps.clock.nowMs() })
    if (next.faults.length > 0)
      logger.warn({ faults: next.faults.slice(0, 20) }, 'some offers cannot be used')
    deps.keepCredentials?.(new Set(usable.map(credentialAad)))
    return next
  }
  const live = createLiveSnapshot(() => loadOffers(database), build)
  const { refresh } = live
  const states = createSystemStates({ database, audit, onOff: live.leaveOut, onBack: refresh })

  await refresh()
  // What is committed is done, whether or not it can be read back now: the poll catches up.
  const catchUp = () =>
    refresh().catch((error) => logger.warn({ err: error }, 'a changed listing is not on the market yet'))
  const grounds = createGrounds({ ...deps, onChange: changed })
  const verifications = createVerifyJobs({
    ...deps,
    nodeId: deps.node.nodeId,
    grounds,
    unused: hiddenListings,
    ofAllModels: new Set(environmentIds),
    onChange: catchUp,
  })
  async function changed(): Promise<void> {
    verifications.kick()
    await catchUp()
  }
  const follower = followMarket({
    database,
    databaseUrl: deps.databaseUrl,
    logger,
    onChange: refresh,
    async onPoll() {
      verifications.kick()
      await states.retry()
    },
  })
  const listings = createListings({ ...deps, grounds, onChange: changed })
  const prices = createPriceBook(deps)
  const search = createListingSearch({
    ...deps,
    prices,
    sights: () => sights,
    unused: hiddenListings,
  })
  verifications.kick()
  deps.metrics?.gauge('gateway_offers', 'Offers on the market: listings times models.', () =>
    countOffers(live.current()),
  )

  return {
    offersFor: (model) => live.current().offersByModel.get(model) ?? noOffers,
    modelsOnOffer: () => live.current().models,
    faceOf: (listingId) => live.current().faces.get(listingId),
    refresh,
    setState: states.set,
    resume: states.resume,
    pause: states.set,
    async ensureEnvironmentListings(vendorKeys) {
      await ensureEnvironmentListings({ ...deps, vendorKeys, unused: hiddenListings })
      verifications.kick()
      await refresh()
    },
    listings,
    search,
    grounds,
    verified: verifications.settled,
    watch(seen) {
      sights = seen
    },
    sights: () => sights,
    prices,
    async close() {
      await follower.close()
      await verifications.close()
      await live.idle()
    },
  }
}
