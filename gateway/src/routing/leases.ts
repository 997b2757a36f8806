/**
 * Takes what an attempt needs (a breaker's ticket and the listing's capacity) and lets follow, once, what must follow
 * from its end: capacity back, breaker told, rests begun, a dead key's listing disabled.
 */
import type { Offer } from '../marketplace/offer.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import type { OutcomeClass, UpstreamFailure } from '../providers/outcome.ts'
import type { Breakers } from './breakers.ts'
import type { Capacity, Lease, LeaseUse } from './capacity.ts'
import { consequences, type FailedAttempt } from './failover.ts'
import type { Ticket } from './health.ts'
import type { Plan } from './plan.ts'
import type { Rests } from './rests.ts'

/** Listings whose last success is remembered. */
const MAX_SERVED = 20_000

/** What routing needs of the market; `marketplace/` is it. */
export interface Market {
  offersFor(model: string): readonly Offer[]
  pause(listingId: string, state: 'disabled', reason: string): Promise<void>
}

export interface Taken {
  offer: Offer
  lease: Lease
  /** On the monotonic clock. */
  beganMs: number
  /** Ends the lease of an attempt that failed; `innocent` keeps the failure from the listing's record. */
  fail(failure: UpstreamFailure, options: { innocent: boolean }): void
  /** Calls `then` when the lease has ended, at once if it has. */
  whenEnded(then: () => void): void
}

export interface Leases {
  /** The next offer of `queue` that lets an attempt in; the queue loses it and those that did not. */
  takeNext(queue: Offer[], plan: Plan, last?: FailedAttempt): Taken | undefined
  /** How long until an offer of the plan may be taken again; `Infinity` when unknown. */
  nextFreeMs(plan: Plan): number
  servedOthersSince(listingId: string, sinceMs: number): boolean
}

export interface LeasesDeps {
  marketplace: Market
  breakers: Breakers
  capacity: Capacity
  rests: Rests
  clock: Clock
  logger: Logger
  /** Told of each attempt once, when it is over. */
  onAttempt?: (attempt: EndedAttempt) => void
}

interface Held {
  offer: Offer
  ticket: Ticket
  capacityLease: Lease
}

interface End extends LeaseUse {
  outcome: OutcomeClass
  innocent?: boolean
}

/** An attempt that is over. */
export interface EndedAttempt extends LeaseUse {
  offer: Offer
  outcome: OutcomeClass
  /** The failure is not the listing's: the request itself breaks upstreams. */
  innocent: boolean
}

export function createLeases(deps: LeasesDeps): Leases {
  const { marketplace, breakers, capacity, rests, clock, logger, onAttempt } = deps
  const lastServedMs = new Map<string, number>()

  function takeNext(queue: Offer[], plan: Plan, last?: FailedAttempt): Taken | undefined {
    if (last && consequences[last.failure.class].elsewhere) preferElsewhere(queue, last.offer)
    for (let offer = queue.shift(); offer; offer = queue.shift()) {
      const held = take(offer, plan)
      if (held) return takenOf(held)
    }
    return undefined
  }

  function take(offer: Offer, plan: Plan): Held | undefined {
    if (rests.restOf(offer)) return undefined
    const load = loadOf(offer, plan)
    // Asked before the breaker, so that a full listing does not use up its probe.
    if (capacity.nextFreeMs(offer, load) > 0) return undefined
    const ticket = breakers.begin(offer.id, { force: plan.panic })
    const capacityLease = ticket && capacity.take(offer, load)
    return capacityLease && { offer, ticket, capacityLease }
  }

  function loadOf(offer: Offer, plan: Plan) {
    const standing = breakers.standing(offer.id)
    return { tokens: plan.tokens, share: standing.state === 'closed' ? standing.share : 1 }
  }

  function takenOf(held: Held): Taken {
    let ended = false
    let afterwards: (() => void) | undefined
    const end = (event: End) => {
      if (ended) return
      ended = true
      conclude(held, event)
      afterwards?.()
    }
    return {
      offer: held.offer,
      beganMs: clock.monotonicMs(),
      lease: { end: (outcome, used) => end({ ...used, outcome }) },
      fail: ({ class: outcome, retryAfterMs }, { innocent }) =>
        end({ outcome, innocent, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }),
      whenEnded: (then) => {
        if (ended) then()
        else afterwards = then
      },
    }
  }

  function conclude({ offer, ticket, capacityLease }: Held, { outcome, innocent, ...used }: End): void {
    capacityLease.end(outcome, used)
    const alone = marketplace.offersFor(offer.model).length === 1
    breakers.end(offer.id, ticket, { outcome: innocent ? 'own_fault' : outcome, alone })
    if (outcome === 'ok') served(offer)
    const { rest } = consequences[outcome]
    if (rest) rests.rest(offer, rest, used.retryAfterMs)
    if (rest === 'disabled') disable(offer)
    onAttempt?.({ ...used, offer, outcome, innocent: innocent === true })
  }

  function served(offer: Offer): void {
    rests.served(offer)
    lastServedMs.delete(offer.listingId)
    lastServedMs.set(offer.listingId, clock.monotonicMs())
    const oldest = lastServedMs.keys().next()
    if (lastServedMs.size > MAX_SERVED && !oldest.done) lastServedMs.delete(oldest.value)
  }

  /** It rests here at once; the market is told so that it stays out after a restart and on other nodes. */
  function disable(offer: Offer): void {
    marketplace
      .pause(offer.listingId, 'disabled', 'key_rejected')
      .catch((error) =>
        logger.error({ err: error, listingId: offer.listingId }, 'a listing was not disabled'),
      )
  }

  function waitMs(offer: Offer, plan: Plan): number {
    const nowMs = clock.monotonicMs()
    const restUntilMs = rests.restOf(offer)?.untilMs ?? nowMs
    const standing = breakers.standing(offer.id)
    const probeAtMs = standing.state === 'closed' ? nowMs : standing.probeAtMs
    return Math.max(restUntilMs - nowMs, probeAtMs - nowMs, capacity.nextFreeMs(offer, loadOf(offer, plan)))
  }

  return {
    takeNext,
    nextFreeMs: (plan) => Math.min(...plan.offers.map((offer) => waitMs(offer, plan))),
    servedOthersSince: (listingId, sinceMs) =>
      (lastServedMs.get(listingId) ?? Number.NEGATIVE_INFINITY) >= sinceMs,
  }
}

/** Brings the first offer of another origin to the front: this one's machines or network may be what failed. */
function preferElsewhere(queue: Offer[], failed: Offer): void {
  const { origin } = new URL(failed.baseUrl)
  const at = queue.findIndex((offer) => new URL(offer.baseUrl).origin !== origin)
  if (at > 0) queue.unshift(...queue.splice(at, 1))
}
