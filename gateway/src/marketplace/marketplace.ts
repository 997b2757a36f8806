/**
 * What is on offer. The request path reads a snapshot in memory and never the database; the snapshot is rebuilt when a
 * listing changes, and outlives a database that does not answer.
 */
import type { Audit } from '../audit/audit.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Clock } from '../platform/clock.ts'
import type { Config } from '../platform/config.ts'
import type { Database } from '../platform/database.ts'
import { formatId } from '../platform/ids.ts'
import type { Logger } from '../platform/logger.ts'
import type { Metrics } from '../platform/metrics.ts'
import type { Sealer } from '../platform/secrets.ts'
import type { Providers } from '../providers/registry.ts'
import { ensureEnvironmentListings, environmentListingId } from './environment-listings.ts'
import { followMarket } from './follow-market.ts'
import { createListings, type Listings } from './listings.ts'
import type { Offer } from './offer.ts'
import { buildSnapshot, emptySnapshot, type MarketSnapshot } from './snapshot.ts'
import { inTransaction, loadOffers, updateListing } from './store.ts'

export interface MarketplaceDeps {
  database: Database
  /** With it, changes made by other processes are heard at once; without, within 2 s. */
  databaseUrl?: string
  catalog: Catalog
  providers: Providers
  sealer: Pick<Sealer, 'seal'>
  config: Pick<Config, 'mode' | 'feeBps' | 'allowPrivateUpstreams' | 'environmentListings'>
  audit: Audit
  logger: Logger
  metrics?: Pick<Metrics, 'gauge'>
  clock: Clock
}

export type PausedState = 'paused' | 'suspended' | 'disabled' | 'quarantined'

export interface Marketplace {
  /** Today's offers for a model, sorted by listing; the same list until something changes. */
  offersFor(model: string): readonly Offer[]
  modelsOnOffer(): ReadonlySet<string>
  /** Resolves when the snapshot has everything that was committed before the call. Rejects when it cannot be read. */
  refresh(): Promise<void>
  /** Takes a listing off the market: here at once, everywhere when it is written. An unreachable database is retried. */
  pause(listingId: string, state: PausedState, reason: string): Promise<void>
  /** Makes the operator's listings from vendor keys (by the name of their variable) and disables those without one. */
  ensureEnvironmentListings(vendorKeys: Readonly<Record<string, string>>): Promise<void>
  /** What people do with listings. */
  listings: Listings
  close(): Promise<void>
}

const noOffers: readonly Offer[] = Object.freeze([])

/** Loads the snapshot and follows the market. Throws when the first load fails. */
export async function createMarketplace(deps: MarketplaceDeps): Promise<Marketplace> {
  const { database, catalog, providers, config, audit, logger } = deps
  const environmentIds = providers.list().map(({ id }) => environmentListingId(id))
  const hiddenListings = new Set(config.environmentListings ? [] : environmentIds)
  let snapshot: MarketSnapshot = emptySnapshot
  // Taken off here and not yet known to be so in the database.
  const pausing = new Map<string, { state: PausedState; reason: string }>()
  let running: Promise<void> | undefined
  let queued: Promise<void> | undefined

  async function load(): Promise<void> {
    const rows = await loadOffers(database)
    const usable = pausing.size === 0 ? rows : rows.filter(({ listingId }) => !pausing.has(listingId))
    const { mode, feeBps } = config
    const next = buildSnapshot(usable, { catalog, providers, feeBps, mode, hiddenListings })
    if (next.faults.length > 0)
      logger.warn({ faults: next.faults.slice(0, 20) }, 'some offers cannot be used')
    snapshot = next
  }

  /** At most one load runs and one waits; whoever comes meanwhile shares the one that waits. */
  function refresh(): Promise<void> {
    if (!running) {
      running = load().finally(() => {
        running = undefined
      })
      return running
    }
    queued ??= running
      .catch(() => {})
      .then(() => {
        queued = undefined
        return refresh()
      })
    return queued
  }

  async function pause(listingId: string, state: PausedState, reason: string): Promise<void> {
    pausing.set(listingId, { state, reason })
    snapshot = withoutListing(snapshot, listingId)
    await writePause(listingId)
  }

  async function writePause(listingId: string): Promise<void> {
    const wanted = pausing.get(listingId)
    if (!wanted) return
    await inTransaction(database, async (transaction) => {
      const changed = await updateListing(transaction, listingId, {
        state: wanted.state,
        stateReason: wanted.reason,
      })
      if (!changed) return
      const subject = formatId('lst-', listingId)
      await audit.record(
        { actor: 'system', action: `listing.${wanted.state}`, subject, detail: { reason: wanted.reason } },
        transaction,
      )
    })
    if (pausing.get(listingId) === wanted) pausing.delete(listingId)
  }

  async function retryPauses(): Promise<void> {
    for (const listingId of pausing.keys()) await writePause(listingId)
  }

  await refresh()
  const follower = followMarket({
    database,
    databaseUrl: deps.databaseUrl,
    logger,
    onChange: refresh,
    onPoll: retryPauses,
  })
  // What is committed is done, whether or not it can be read back now: the poll catches up.
  const catchUp = () =>
    refresh().catch((error) => logger.warn({ err: error }, 'a changed listing is not on the market yet'))
  const listings = createListings({ ...deps, onChange: catchUp })
  deps.metrics?.gauge('gateway_offers', 'Offers on the market: listings times models.', () =>
    countOffers(snapshot),
  )

  return {
    offersFor: (model) => snapshot.offersByModel.get(model) ?? noOffers,
    modelsOnOffer: () => snapshot.models,
    refresh,
    pause,
    async ensureEnvironmentListings(vendorKeys) {
      await ensureEnvironmentListings({ ...deps, vendorKeys })
      await refresh()
    },
    listings,
    async close() {
      await follower.close()
      await Promise.allSettled([running, queued])
    },
  }
}

function withoutListing(snapshot: MarketSnapshot, listingId: string): MarketSnapshot {
  const offersByModel = new Map<string, readonly Offer[]>()
  for (const [model, offers] of snapshot.offersByModel) {
    const left = offers.some((offer) => offer.listingId === listingId)
      ? Object.freeze(offers.filter((offer) => offer.listingId !== listingId))
      : offers
    if (left.length > 0) offersByModel.set(model, left)
  }
  return { ...snapshot, offersByModel, models: new Set(offersByModel.keys()) }
}

function countOffers({ offersByModel }: MarketSnapshot): number {
  let count = 0
  for (const offers of offersByModel.values()) count += offers.length
  return count
}
