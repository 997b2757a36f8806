/**
 * The pools that decisions are made from, one a model: built from the offers and from how they stand, and used for a
 * quarter of a second. A pool may be a little behind, because taking capacity is exact: an offer that has filled up or
 * broken since is passed over then, and a request that finds nobody looks again at a new pool before it is refused.
 */
import type { Model } from '../catalog/catalog.ts'
import { featureMask } from '../catalog/features.ts'
import type { Offer } from '../marketplace/offer.ts'
import type { Clock } from '../platform/clock.ts'
import type { Breakers } from './breakers.ts'
import type { Capacity } from './capacity.ts'
import { attoPrices, type DensePool, densify, type PoolOffer, STEPS } from './pool.ts'
import { type Reputations, unknownReputations } from './reputation.ts'
import type { Rests } from './rests.ts'

/** How long a pool serves, in milliseconds; a large one longer, since building it costs about half a microsecond an offer. */
const MAX_AGE_MS = 250
const MAX_AGE_MS_PER_OFFER = 0.5

export interface LivePool {
  dense: DensePool
  /** At today's prices, in the pool's order. */
  offers: readonly Offer[]
}

export interface Pools {
  /** `fresh`: built now. */
  of(model: Model, options?: { fresh?: boolean }): LivePool
}

export interface PoolsDeps {
  marketplace: { offersFor(model: string): readonly Offer[] }
  breakers: Breakers
  capacity: Capacity
  rests: Rests
  clock: Clock
  reputations?: Reputations | undefined
  /** The offer at the price of this moment and fill (twentieths); the same object while the price is. */
  priceNow?: ((offer: Offer, at: { nowMs: number; fillStep: number }) => Offer) | undefined
  /** When an offer's price changes next by the wall clock; undefined: never. */
  nextChangeMs?: ((offer: Offer, nowMs: number) => number | undefined) | undefined
  maxAgeMs?: number | undefined
  /** Where a pool that has aged is built anew, so that no request waits for it; at once when absent. */
  defer?: ((build: () => void) => void) | undefined
}

interface Kept extends LivePool {
  source: readonly Offer[]
  builtAtMs: number
  /** By the wall clock: from then on it would sell at a price that is over. */
  pricesUntilMs: number
  /** A new one is on its way. */
  renewing: boolean
}

/** So many times its age a pool may be used while the new one is on its way. */
const OVERDUE = 4

export function createPools(deps: PoolsDeps): Pools {
  const { marketplace, clock, maxAgeMs = MAX_AGE_MS } = deps
  // Models are the catalogue's, so there are never more pools than it lists.
  const kept = new Map<string, Kept>()

  function build(model: Model, source: readonly Offer[], nowMs: number): Kept {
    const before = kept.get(model.id)
    const offers = source.map((offer) => pricedNow(deps, offer, nowMs))
    const same = before?.dense.size === offers.length
    let changed = !same
    const pooled = offers.map((offer, at) => {
      const next = poolOffer(deps, model, offer, nowMs)
      const last = same ? before?.dense.pool.offers[at] : undefined
      if (last && saysTheSame(last, next)) return last
      changed = true
      return next
    })
    const dense = changed || !before ? densify(poolOf(model, pooled)) : before.dense
    const pricesUntilMs = firstChange(deps, source)
    const built = { source, offers, dense, builtAtMs: nowMs, pricesUntilMs, renewing: false }
    kept.set(model.id, built)
    return built
  }

  function renew(model: Model, last: Kept): void {
    if (last.renewing) return
    last.renewing = true
    deps.defer?.(() => {
      // Somebody who needed a new one at once has built it meanwhile.
      if (kept.get(model.id) === last) build(model, marketplace.offersFor(model.id), clock.monotonicMs())
    })
  }

  return {
    of(model, { fresh = false } = {}) {
      const nowMs = clock.monotonicMs()
      const source = marketplace.offersFor(model.id)
      const last = kept.get(model.id)
      if (fresh || !last || last.source !== source || clock.nowMs() >= last.pricesUntilMs)
        return build(model, source, nowMs)
      const mayAgeMs = maxAgeMs === 0 ? 0 : Math.max(maxAgeMs, source.length * MAX_AGE_MS_PER_OFFER)
      const ageMs = nowMs - last.builtAtMs
      if (ageMs < mayAgeMs) return last
      if (!deps.defer || ageMs >= mayAgeMs * OVERDUE) return build(model, source, nowMs)
      renew(model, last)
      return last
    },
  }
}

function poolOf({ id, contextWindow }: Model, offers: readonly PoolOffer[]) {
  return { model: id, ...(contextWindow === undefined ? {} : { contextWindow }), offers }
}

/** What of a pool's offer follows from the offer itself; made once. */
type Fixed = Omit<PoolOffer, keyof Stand | 'reputation' | 'proven' | 'tokensPerS' | 'ttftMs'>

const fixedParts = new WeakMap<Offer, Fixed>()

function fixedOf(model: Model, offer: Offer): Fixed {
  const known = fixedParts.get(offer)
  if (known) return known
  const { provider, tokensPerMinute, modelCapacity } = offer
  const mostTokens = Math.min(
    tokensPerMinute ?? Number.POSITIVE_INFINITY,
    modelCapacity?.tokensPerMinute ?? Number.POSITIVE_INFINITY,
  )
  const fixed: Fixed = {
    id: offer.id,
    listing: offer.listingId,
    seller: offer.sellerOrganisationId,
    provider: provider.id,
    format: provider.format,
    ...attoPrices(offer.price),
    ...(offer.price.version === undefined ? {} : { version: offer.price.version }),
    ...(Number.isFinite(mostTokens) ? { mostTokens } : {}),
    refuses: featureMask([...(model.lacks ?? []), ...(provider.lacks ?? [])]),
    ignores: featureMask(provider.ignores ?? []),
  }
  fixedParts.set(offer, fixed)
  return fixed
}

function saysTheSame(last: PoolOffer, next: PoolOffer): boolean {
  return (
    last.price === next.price &&
    last.standing === next.standing &&
    last.headroom === next.headroom &&
    last.share === next.share &&
    last.reputation === next.reputation &&
    last.proven === next.proven &&
    last.untilMs === next.untilMs &&
    last.ttftMs === next.ttftMs &&
    last.tokensPerS === next.tokensPerS
  )
}

function pricedNow({ priceNow, capacity, clock }: PoolsDeps, offer: Offer, nowMs: number): Offer {
  if (!priceNow || !offer.schedule) return offer
  const fillStep = Math.min(STEPS, Math.floor(capacity.fillOf(offer, nowMs) * STEPS))
  return priceNow(offer, { nowMs: clock.nowMs(), fillStep })
}

function firstChange({ nextChangeMs, clock }: PoolsDeps, offers: readonly Offer[]): number {
  let firstMs = Number.POSITIVE_INFINITY
  if (!nextChangeMs) return firstMs
  const nowMs = clock.nowMs()
  for (const offer of offers) {
    if (offer.schedule) firstMs = Math.min(firstMs, nextChangeMs(offer, nowMs) ?? firstMs)
  }
  return firstMs
}

function poolOffer(deps: PoolsDeps, model: Model, offer: Offer, nowMs: number): PoolOffer {
  const reputation = (deps.reputations ?? unknownReputations).of(offer)
  return {
    ...fixedOf(model, offer),
    ...stand(deps, offer, nowMs),
    reputation: Math.max(1, Math.round(reputation.factor * STEPS)),
    proven: reputation.proven,
    // To a tenth of a second and a token: a pool is not another one for less.
    ...(reputation.ttftMs === undefined ? {} : { ttftMs: Math.round(reputation.ttftMs / 100) * 100 }),
    ...(reputation.tokensPerS === undefined ? {} : { tokensPerS: Math.round(reputation.tokensPerS) }),
  }
}

type Stand = Pick<PoolOffer, 'standing' | 'headroom' | 'share'> & { untilMs?: number }

/** How an offer stands at this moment. */
export function stand(
  { rests, breakers, capacity }: Pick<PoolsDeps, 'rests' | 'breakers' | 'capacity'>,
  offer: Offer,
  nowMs: number,
): Stand {
  const rest = rests.restOf(offer)
  if (rest) return { standing: rest.reason, headroom: 0, share: 0, ...until(rest.untilMs) }
  const breaker = breakers.standing(offer)
  if (breaker.state !== 'closed') {
    const { probeAtMs, forcedProbeAtMs, untilMs } = breaker
    if (probeAtMs <= nowMs) return { standing: 'probe', headroom: STEPS, share: STEPS }
    if (forcedProbeAtMs <= nowMs)
      return { standing: 'ejected', headroom: STEPS, share: STEPS, ...until(untilMs) }
    const standing = breaker.reason === 'origin' ? 'origin_open' : 'breaker_open'
    return { standing, headroom: 0, share: 0, ...until(probeAtMs) }
  }
  const load = { tokens: 1, share: breaker.places }
  const room = capacity.roomAt(offer, load, nowMs)
  const share = Math.max(1, Math.round(breaker.share * STEPS))
  if (room > 0) return { standing: 'usable', headroom: Math.max(1, Math.ceil(room * STEPS)), share }
  const why = capacity.whyFull(offer, load, nowMs)
  const standing = why === 'day' ? 'day_limit' : why === 'month' ? 'month_limit' : 'full'
  // When a minute's room comes back moves all the time; a day's end does not.
  return { standing, headroom: 0, share, ...(standing === 'full' ? {} : until(nowMs - room)) }
}

function until(untilMs: number): { untilMs?: number } {
  return Number.isFinite(untilMs) ? { untilMs: Math.round(untilMs) } : {}
}
