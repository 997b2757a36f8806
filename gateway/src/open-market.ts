/** What is on offer and the choice among it: listings, prices, trust, capacity, health and the router, built in order. */
import type { Audit } from './audit/audit.ts'
import type { Catalog } from './catalog/catalog.ts'
import type { Egress } from './egress/egress.ts'
import type { Ledger } from './ledger/ledger.ts'
import { createMarketplace } from './marketplace/marketplace.ts'
import { createOfferMarket } from './marketplace/offer-market.ts'
import { nextChangeMs, priceNow } from './marketplace/offer-price.ts'
import { createPriceFeed } from './marketplace/price-feed.ts'
import { registerPriceMetrics } from './marketplace/price-metrics.ts'
import type { Billing } from './marketplace/price-preview.ts'
import { createCredentialRotation } from './marketplace/rotate-credentials.ts'
import { priceUsage, splitCost } from './metering/price-usage.ts'
import type { Clock } from './platform/clock.ts'
import type { Config } from './platform/config.ts'
import type { Database } from './platform/database.ts'
import type { Secrets } from './platform/given-secrets.ts'
import type { JobBoard } from './platform/job-board.ts'
import type { Kms } from './platform/kms.ts'
import type { Logger } from './platform/logger.ts'
import type { Metrics } from './platform/metrics.ts'
import type { NodeIdentity } from './platform/node-identity.ts'
import type { Sealer } from './platform/secrets.ts'
import type { Providers } from './providers/registry.ts'
import { createFillHistory } from './routing/fill-history.ts'
import { createListingSights } from './routing/listing-sights.ts'
import { createOfferSights } from './routing/offer-sights.ts'
import { openCapacity } from './routing/open-capacity.ts'
import { openHealth } from './routing/open-health.ts'
import { createRouteMetrics } from './routing/route-metrics.ts'
import { createRouteRecords } from './routing/route-records.ts'
import { createRouter, type Router } from './routing/router.ts'
import { createWaitingRoom } from './routing/waiting-room.ts'
import { createTrust } from './trust/trust.ts'

export interface MarketGround {
  config: Config
  secrets: Secrets
  providers: Providers
  catalog: Catalog
  database: Database
  databaseUrl: string
  node: NodeIdentity
  ledger: Ledger
  kms: Kms
  sealer: Sealer
  egress: Egress
  audit: Audit
  metrics: Metrics
  logger: Logger
  jobs: JobBoard
  clock: Clock
}

/** How requests are billed, for whoever asks what a price would come to. */
const priceBilling: Billing = {
  priceUsage,
  sellerShare: (costNanos, feeBps) => splitCost(costNanos, feeBps).sellerNanos,
}

type Closers = (() => Promise<unknown> | unknown)[]

export type Market = Awaited<ReturnType<typeof openMarket>>

/** What is on offer, and the choice among it. */
export async function openMarket(ground: MarketGround, closers: Closers) {
  const { config, clock, database, logger, metrics } = ground
  const rotation = createCredentialRotation({ ...ground, lostKeyIds: config.oldEncryptionKeys.lost })
  closers.push(() => rotation.close())
  await rotation.requireKeys()
  const marketplace = await createMarketplace({ ...ground, keepCredentials: ground.egress.keepCredentials })
  closers.push(() => marketplace.close())
  rotation.rotate().catch((error) => logger.error({ err: error }, 'credentials were not moved'))
  const trust = await createTrust({ ...ground, market: marketplace })
  closers.push(() => trust.close())
  const capacity = await openCapacity(ground, closers)
  const { breakers, ...health } = openHealth(ground, marketplace)
  closers.push(() => health.close())
  const routes = createRouteRecords({ database, logger })
  closers.push(() => routes.close())
  metrics.counter(
    'gateway_route_explanations_lost_total',
    'Decisions that were not kept, because too many waited for the database.',
    routes.forgotten,
  )
  const { rests } = health
  const sights = createListingSights({ clock, breakers, capacity, rests, reputations: trust.reputations })
  const fills = createFillHistory({ capacity })
  closers.push(() => fills.close())
  marketplace.watch({ sightOf: sights.sightOf, fillLastHour: fills.of })
  const offerSights = createOfferSights({ clock, breakers, capacity, rests })
  const routeMetrics = createRouteMetrics(metrics)
  const waitingRoom = createWaitingRoom({
    clock,
    capacity,
    nextFreeMs: (model) => router.nextFreeMs(model),
    metrics,
  })
  closers.push(() => waitingRoom.close())
  const router: Router = createRouter({
    waitingRoom,
    onRoute(record) {
      routes.add(record)
      sights.routed(record)
      routeMetrics.routed(record)
    },
    onAttempt(attempt) {
      trust.attempted(attempt)
      sights.attempted(attempt)
      offerSights.attempted(attempt)
    },
    reputations: trust.reputations,
    defer: setImmediate,
    priceNow,
    nextChangeMs,
    marketplace,
    breakers,
    rests: health.rests,
    onSuspended: health.onSuspended,
    capacity,
    clock,
    random: Math.random,
    logger,
    metrics,
  })
  const priceFeed = createPriceFeed({
    market: marketplace,
    fillOf: (offer) => capacity.fillOf(offer, clock.monotonicMs()),
    clock,
  })
  closers.push(() => priceFeed.close())
  registerPriceMetrics(metrics, priceFeed)
  const { reputations } = trust
  const feed = priceFeed
  const offers = createOfferMarket({ ...ground, marketplace, feed, reputations, sights: offerSights })
  return { marketplace, priceFeed, offers, priceBilling, rotation, router, routes, trust }
}

/** Begun from what was billed this month, also from what an earlier life left in its spool: that is booked by now. */
