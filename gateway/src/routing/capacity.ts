/**
 * What a listing may carry, as a whole and for each of its models: requests at once, requests and tokens per minute,
 * tokens and money per UTC day and month. Everything an attempt needs is taken together or not at all, at its worst case
 * and in one synchronous step, so that no interleaving of requests passes a limit; the end of the attempt corrects it.
 */
import type { Spent, WindowClosed } from '../limits/calendar-window.ts'
import type { CapacityLimits } from '../marketplace/offer.ts'
import type { Clock } from '../platform/clock.ts'
import { type LeaseHome, type ListingUse, RunningLease } from './capacity-leases.ts'
import { type Asked, type CapacityKind, type CapacityReadings, fitsUnused, Use } from './capacity-use.ts'
import { Wheel } from './capacity-wheel.ts'
import type { Lease } from './lease.ts'

export type { CapacityKind } from './capacity-use.ts'

/** Listings whose last minute is remembered; the windows of idle ones beyond it are dropped, about 3 KB each. */
const MAX_TRACKED_LISTINGS = 20_000

/** A lease that nobody ends nor renews is lost after this; a live request renews every 30 s. */
const LEASE_MS = 120_000

/** What capacity looks at of an offer. */
export interface CapacityOf extends CapacityLimits {
  listingId: string
  model: string
  modelCapacity?: CapacityLimits
}

export interface Load {
  tokens: number
  /** Share of the listing's concurrency that may be used (slow start); at least one request. */
  share?: number
  /** What it may cost at most; only needed where money is limited. */
  costNanos?: bigint
}

interface UseView {
  running: number
  /** Of the fullest limit, 0 idle to 1. */
  fill: number
  limits: CapacityReadings
  reached?: WindowClosed
}

export interface CapacityView extends UseView {
  listingId: string
  headroom: number
  models: (UseView & { model: string })[]
}

export interface Capacity {
  /** `undefined` when it does not fit now. */
  take(offer: CapacityOf, load: Load): Lease | undefined
  /**
   * What is left for a request of `load` at `nowMs` (monotonic), above 0 to 1 (idle); if it does not fit, minus the
   * milliseconds until it can. One number, because it is asked for every offer of every request.
   */
  roomAt(offer: CapacityOf, load: Load, nowMs: number): number
  /** How long until `load` can fit: 0 now, `Infinity` never. */
  nextFreeMs(offer: CapacityOf, load: Load): number
  /** Which limit does not take `load`: the one it has to wait for longest. */
  whyFull(offer: CapacityOf, load: Load, nowMs: number): CapacityKind | undefined
  /** 0 idle to 1 full: the fuller of the listing and its model, over all their limits. */
  fillOf(offer: CapacityOf, nowMs: number): number
  /**
   * Hears when something came free of a listing that has refused somebody, for each model that was refused. Returns how
   * to stop listening.
   */
  onFreed(listener: (offer: { listingId: string; model: string }) => void): () => void
  /** The listings whose day or month is used up, until its end. */
  limitReached(listingId: string): WindowClosed | undefined
  reached(): ReadonlyMap<string, WindowClosed>
  /** How often there was no room when somebody looked, by which limit was in the way. */
  refusals(): Readonly<Record<CapacityKind, number>>
  /** How many leases ran out: each is a request that was not brought to its end. */
  lost(): number
  /** What one listing carries; undefined when it has not been used. */
  viewOf(listingId: string): CapacityView | undefined
  /** What the listings that have been used carry, the fullest first, at most `limit` of them. */
  state(limit: number): CapacityView[]
}

/** What a listing's model had used in this month before this process counted. */
export interface SpentBefore extends Spent {
  listingId: string
  model: string
}

export interface CapacityDeps {
  clock: Clock
  spent?: Iterable<SpentBefore>
  maxTracked?: number
  leaseMs?: number
}

/** The form for one process: counts in memory, begun from what was billed this month. */
export function createCapacity(deps: CapacityDeps): Capacity {
  const { clock, maxTracked = MAX_TRACKED_LISTINGS, leaseMs = LEASE_MS } = deps
  const listings = new Map<string, ListingUse>()
  const listeners = new Set<(offer: { listingId: string; model: string }) => void>()
  const refusals: Record<CapacityKind, number> = { rate: 0, concurrency: 0, day: 0, month: 0 }
  const wheel = new Wheel<RunningLease>(leaseMs, clock.monotonicMs())
  const home: LeaseHome = { wheel, leaseMs, nowMs: clock.monotonicMs, wallMs: clock.nowMs, freed, lost }
  let sweepAt = maxTracked
  let fullBy: CapacityKind = 'rate'
  let lostLeases = 0
  for (const spent of deps.spent ?? []) begin(spent)

  function begin({ listingId, model, ...spent }: SpentBefore): void {
    const listing = listings.get(listingId)
    if (listing) listing.use.calendar.add(spent)
    else listings.set(listingId, listingUse(listingId, new Use({}, spent)))
    listings.get(listingId)?.models.set(model, new Use({}, spent))
  }

  function turn(nowMs: number): void {
    if (nowMs >= wheel.nextMs) wheel.turn(nowMs, (lease) => lease.due())
  }

  function lost(): void {
    lostLeases += 1
  }

  function freed(listing: ListingUse): void {
    if (listing.refused.size === 0) return
    const models = [...listing.refused]
    listing.refused.clear()
    for (const model of models)
      for (const listener of listeners) listener({ listingId: listing.listingId, model })
  }

  function take(offer: CapacityOf, load: Load): Lease | undefined {
    const nowMs = clock.monotonicMs()
    if (ask(offer, load, nowMs) > 0) return undefined
    const listing = listings.get(offer.listingId) ?? open(offer, nowMs)
    listing.use.fit(offer)
    return new RunningLease(home, { listing, model: modelOf(listing, offer), taken: askedOf(load), nowMs })
  }

  function open(offer: CapacityOf, nowMs: number): ListingUse {
    if (listings.size >= sweepAt) sweep(nowMs)
    const listing = listingUse(offer.listingId, new Use(offer))
    listings.set(offer.listingId, listing)
    return listing
  }

  /** What has counted nothing this month is forgotten, what has counted nothing this minute gives its windows back. */
  function sweep(nowMs: number): void {
    const wallMs = clock.nowMs()
    for (const [listingId, { use, models }] of listings) {
      if (!use.isRateIdle(nowMs)) continue
      if (use.calendar.isIdle(wallMs)) listings.delete(listingId)
      else for (const one of [use, ...models.values()]) one.dropWindows()
    }
    // What is left must be kept; looking again before it has grown would find as little.
    sweepAt = Math.max(maxTracked, Math.ceil(listings.size * 1.1))
  }

  function waitOf(listing: ListingUse, offer: CapacityOf, asked: Asked, nowMs: number): number {
    const waitMs = listing.use.waitMs(offer, asked, nowMs, clock.nowMs)
    fullBy = listing.use.fullBy
    const { modelCapacity } = offer
    if (!modelCapacity) return waitMs
    const model = listing.models.get(offer.model)
    if (!model) return fitsUnused(modelCapacity, asked) ? waitMs : Number.POSITIVE_INFINITY
    const modelWaitMs = model.waitMs(modelCapacity, asked, nowMs, clock.nowMs)
    if (modelWaitMs <= waitMs) return waitMs
    fullBy = model.fullBy
    return modelWaitMs
  }

  function waitMs(offer: CapacityOf, load: Load, nowMs: number): number {
    turn(nowMs)
    const asked = askedOf(load)
    const listing = listings.get(offer.listingId)
    if (listing) return waitOf(listing, offer, asked, nowMs)
    fullBy = 'rate'
    return fitsUnused(offer, asked) && fitsUnused(offer.modelCapacity ?? offer, asked)
      ? 0
      : Number.POSITIVE_INFINITY
  }

  /** As `waitMs`, and who has to wait will hear when something comes free. What never fits does not wait. */
  function ask(offer: CapacityOf, load: Load, nowMs: number): number {
    const wait = waitMs(offer, load, nowMs)
    if (wait === 0 || wait === Number.POSITIVE_INFINITY) return wait
    refusals[fullBy] += 1
    if (listeners.size > 0) listings.get(offer.listingId)?.refused.add(offer.model)
    return wait
  }

  function headroom(listing: ListingUse, offer: CapacityOf, share: number, nowMs: number): number {
    const times = { nowMs, wallMs: clock.nowMs }
    const whole = listing.use.headroom(offer, share, times)
    const model = offer.modelCapacity && listing.models.get(offer.model)
    return model ? Math.min(whole, model.headroom(offer.modelCapacity ?? {}, share, times)) : whole
  }

  function reachedBy(use: Use): WindowClosed | undefined {
    return use.calendar.closed(use.limits, clock.nowMs())
  }

  function useView(use: Use, nowMs: number): UseView {
    const fill = 1 - use.headroom(use.limits, 1, { nowMs, wallMs: clock.nowMs })
    const reached = reachedBy(use)
    const limits = use.readings(nowMs, clock.nowMs())
    return { running: use.running, fill, limits, ...(reached ? { reached } : {}) }
  }

  function listingView({ listingId, use, models }: ListingUse, nowMs: number): CapacityView {
    const view = useView(use, nowMs)
    const perModel = [...models].map(([model, one]) => ({ model, ...useView(one, nowMs) }))
    return { listingId, headroom: 1 - view.fill, ...view, models: perModel }
  }

  return {
    take,
    roomAt(offer, load, nowMs) {
      const wait = ask(offer, load, nowMs)
      if (wait > 0) return -wait
      const listing = listings.get(offer.listingId)
      return listing ? Math.max(Number.MIN_VALUE, headroom(listing, offer, load.share ?? 1, nowMs)) : 1
    },
    nextFreeMs: (offer, load) => ask(offer, load, clock.monotonicMs()),
    whyFull: (offer, load, nowMs) => (waitMs(offer, load, nowMs) > 0 ? fullBy : undefined),
    fillOf(offer, nowMs) {
      const listing = listings.get(offer.listingId)
      return listing ? 1 - headroom(listing, offer, 1, nowMs) : 0
    },
    onFreed(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    limitReached(listingId) {
      const listing = listings.get(listingId)
      return listing && reachedBy(listing.use)
    },
    reached() {
      const reached = new Map<string, WindowClosed>()
      for (const [listingId, { use }] of listings) {
        const one = reachedBy(use)
        if (one) reached.set(listingId, one)
      }
      return reached
    },
    refusals: () => ({ ...refusals }),
    lost: () => lostLeases,
    viewOf(listingId) {
      const nowMs = clock.monotonicMs()
      turn(nowMs)
      const listing = listings.get(listingId)
      return listing && listingView(listing, nowMs)
    },
    state(limit) {
      const nowMs = clock.monotonicMs()
      turn(nowMs)
      const fullest = [...listings.values()]
        .map((listing) => ({ listing, fill: useView(listing.use, nowMs).fill }))
        .sort((a, b) => b.fill - a.fill)
        .slice(0, limit)
      return fullest.map(({ listing }) => listingView(listing, nowMs))
    },
  }
}

function listingUse(listingId: string, use: Use): ListingUse {
  return { listingId, use, models: new Map(), refused: new Set() }
}

function modelOf(listing: ListingUse, { model, modelCapacity = unlimited }: CapacityOf): Use {
  let use = listing.models.get(model)
  if (!use) {
    use = new Use(modelCapacity)
    listing.models.set(model, use)
  }
  use.fit(modelCapacity)
  return use
}

const unlimited: CapacityLimits = Object.freeze({})

function askedOf({ tokens, costNanos = 0n, share = 1 }: Load): Asked {
  return { tokens, nanos: costNanos, share }
}
