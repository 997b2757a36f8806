/**
 * Takes what an attempt needs (a breaker's ticket and the listing's capacity) and lets follow, once, what must follow
 * from its end: capacity back, breaker told, rests begun, a dead key's listing disabled.
 */

import type { Offer } from '../marketplace/offer.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import type { OutcomeClass, UpstreamFailure } from '../providers/outcome.ts'
import { createVerdicts } from './arbitration.ts'
import type { Breakers, Ticket } from './breakers.ts'
import type { Capacity, Load } from './capacity.ts'
import { consequences, type FailedAttempt } from './failover.ts'
import type { Lease, LeaseUse } from './lease.ts'
import { type AttemptLoad, loadOf } from './load.ts'
import { createMalformedLog } from './malformed-log.ts'
import type { Plan } from './plan.ts'
import type { Rests } from './rests.ts'
import type { Taken } from './taken.ts'

/** Listings whose last success is remembered. */
const MAX_SERVED = 20_000

/** What routing needs of the market; `marketplace/` is it. */
export interface Market {
  offersFor(model: string): readonly Offer[]
  pause(listingId: string, state: 'disabled' | 'quarantined', reason: string): Promise<void>
}

export interface Leases {
  /** The next offer of `queue` that lets an attempt in; the queue loses it and those that did not. */
  takeNext(queue: Offer[], plan: Plan): Taken | undefined
  /** How long until an offer of the plan may be taken again; `Infinity` when unknown. */
  nextFreeMs(plan: Plan): number
  /** The same for one offer and a request of this load. */
  waitMs(offer: Offer, load: AttemptLoad): number
  /** How long until `offer` has room for it, however it stands otherwise. */
  fullForMs(offer: Offer, load: AttemptLoad): number
  servedOthersSince(listingId: string, sinceMs: number): boolean
  /** Brings an offer of another origin to the front of `queue` when the failed one's may be what failed. */
  preferElsewhere(queue: Offer[], failed: FailedAttempt): void
  isDoubtful(offer: Offer, failure: UpstreamFailure): boolean
  /** True while nothing has failed there since its last success. */
  isProven(offer: Offer): boolean
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
  /** Told when a listing's account is spent, so that its seller hears of it. */
  onSuspended?: (suspended: { listingId: string; untilMs: number }) => void
}

interface Held {
  offer: Offer
  ticket: Ticket
  capacityLease: Lease
  beganMs: number
  buyer: string
  requestId: string
}

interface End extends LeaseUse {
  outcome: OutcomeClass
  innocent?: boolean
  status?: number
  blocked?: boolean
  /** It is malformed because somebody else took what it refused, which a buyer with a listing can bring about. */
  arbitrated?: boolean
}

/** An attempt that is over. */
export interface EndedAttempt extends LeaseUse {
  offer: Offer
  /** The organisation that asked; empty when it is not known. */
  buyer: string
  /** As the plan names it. */
  requestId: string
  outcome: OutcomeClass
  /** The failure is not the listing's: the request itself breaks upstreams. */
  innocent: boolean
}

export function createLeases(deps: LeasesDeps): Leases {
  const { marketplace, breakers, capacity, rests, clock, logger, onAttempt } = deps
  const lastServedMs = new Map<string, number>()
  const malformedLog = createMalformedLog()
  const verdicts = createVerdicts()

  function takeNext(queue: Offer[], plan: Plan): Taken | undefined {
    for (let offer = queue.shift(); offer; offer = queue.shift()) {
      const held = take(offer, plan)
      if (held) return takenOf(held)
    }
    return undefined
  }

  function take(offer: Offer, plan: Plan): Held | undefined {
    if (rests.restOf(offer)) return undefined
    const load = loadAt(offer, loadOf(plan, offer))
    // Asked before the breaker, so that a full listing does not use up its probe.
    if (capacity.nextFreeMs(offer, load) > 0) return undefined
    const ticket = breakers.begin(offer, { force: plan.panic })
    const capacityLease = ticket && capacity.take(offer, load)
    const beganMs = clock.monotonicMs()
    const { buyer, requestId } = plan
    return capacityLease && { offer, ticket, capacityLease, beganMs, buyer, requestId }
  }

  function loadAt(offer: Offer, { tokens, costNanos }: AttemptLoad): Load {
    const standing = breakers.standing(offer)
    const share = standing.state === 'closed' ? standing.places : 1
    return limitsMoney(offer) ? { tokens, share, costNanos: costNanos() } : { tokens, share }
  }

  function takenOf(held: Held): Taken {
    const { offer, capacityLease, beganMs } = held
    let ended = false
    let afterwards: (() => void) | undefined
    const release = (event: End) => {
      ended = true
      capacityLease.end(event.outcome, usedIn(event))
      afterwards?.()
    }
    const end = (event: End): OutcomeClass => {
      if (ended) return event.outcome
      release(event)
      return conclude(held, event)
    }
    return {
      offer,
      beganMs,
      lease: {
        end: (outcome, used) => void end({ ...used, outcome }),
        renew: () => capacityLease.renew(),
        undo() {
          if (ended) return
          ended = true
          capacityLease.undo()
          breakers.end(offer, held.ticket, { outcome: 'own_fault' })
          afterwards?.()
        },
      },
      fail: (failure, { innocent }) => {
        const judged = end({ ...endOf(failure), innocent: innocent || isFancy(offer, failure) })
        return judged === failure.class || judged === 'ok' ? failure : { ...failure, class: judged }
      },
      suspend(failure) {
        const event = endOf(failure)
        release(event)
        let settled = false
        return (verdict) => {
          if (!settled) conclude(held, { ...event, outcome: settle(held, verdict), arbitrated: true })
          settled = true
        }
      },
      whenEnded: (then) => {
        if (ended) then()
        else afterwards = then
      },
    }
  }

  function settle(
    { offer: { listingId }, buyer }: Held,
    verdict: 'user_error' | 'malformed',
  ): 'user_error' | 'malformed' {
    if (verdict === 'user_error') return verdict
    return verdicts.counts({ listingId, buyer }, clock.monotonicMs()) ? 'malformed' : 'user_error'
  }

  /** Lets follow what must, and returns what the attempt is judged to have come to. */
  function conclude(held: Held, event: End): OutcomeClass {
    const { offer, ticket, beganMs, buyer, requestId } = held
    const { outcome, innocent = false, status, blocked, arbitrated = false } = event
    const used = usedIn(event)
    const durationMs = used.durationMs ?? clock.monotonicMs() - beganMs
    const judged = breakers.end(offer, ticket, {
      outcome: innocent ? 'own_fault' : outcome,
      status,
      ttftMs: used.ttftMs,
      durationMs,
      blocked,
    })
    const told = innocent ? outcome : judged
    if (told === 'ok') served(offer)
    else punish(held, { outcome: told, innocent, blocked, arbitrated, retryAfterMs: used.retryAfterMs })
    onAttempt?.({ ...used, durationMs, offer, buyer, requestId, outcome: told, innocent })
    return told
  }

  function punish(
    { offer, buyer }: Held,
    {
      outcome,
      innocent,
      blocked,
      arbitrated,
      retryAfterMs,
    }: {
      outcome: OutcomeClass
      innocent: boolean
      blocked: boolean | undefined
      arbitrated: boolean
      retryAfterMs: number | undefined
    },
  ): void {
    const { rest } = consequences[outcome]
    const begins = rest !== undefined && rests.rest(offer, rest, retryAfterMs)
    if (rest === 'disabled') pause(offer, 'disabled', 'key_rejected')
    if (rest === 'listing_suspended' && begins) tellSuspended(offer)
    if (blocked) pause(offer, 'quarantined', 'upstream_blocked')
    else if (outcome === 'malformed' && !innocent && !arbitrated && isTimeAndAgain(offer, buyer))
      pause(offer, 'quarantined', 'malformed_answers')
  }

  function isTimeAndAgain(offer: Offer, buyer: string): boolean {
    const { listingId, sellerOrganisationId: seller } = offer
    const who = {
      listingId,
      seller,
      origin: breakers.originOf(offer),
      buyer: buyer === '' ? undefined : buyer,
    }
    return malformedLog.note(who, clock.monotonicMs())
  }

  function tellSuspended(offer: Offer): void {
    const untilMs = rests.restOf(offer)?.untilMs
    if (untilMs !== undefined) deps.onSuspended?.({ listingId: offer.listingId, untilMs })
  }

  function served(offer: Offer): void {
    rests.served(offer)
    lastServedMs.delete(offer.listingId)
    lastServedMs.set(offer.listingId, clock.monotonicMs())
    const oldest = lastServedMs.keys().next()
    if (lastServedMs.size > MAX_SERVED && !oldest.done) lastServedMs.delete(oldest.value)
  }

  /** It rests here at once; the market is told so that it stays out after a restart and on other nodes. */
  function pause(offer: Offer, state: 'disabled' | 'quarantined', reason: string): void {
    const { listingId } = offer
    rests.rest(offer, 'disabled')
    marketplace
      .pause(listingId, state, reason)
      .catch((error) =>
        logger.error({ err: error, listingId, state }, 'a listing was not taken off the market'),
      )
  }

  function fullForMs(offer: Offer, load: AttemptLoad): number {
    return capacity.nextFreeMs(offer, loadAt(offer, load))
  }

  function waitMs(offer: Offer, load: AttemptLoad): number {
    const nowMs = clock.monotonicMs()
    const restUntilMs = rests.restOf(offer)?.untilMs ?? nowMs
    const standing = breakers.standing(offer)
    const probeAtMs = standing.state === 'closed' ? nowMs : standing.probeAtMs
    return Math.max(restUntilMs - nowMs, probeAtMs - nowMs, fullForMs(offer, load))
  }

  return {
    takeNext,
    nextFreeMs: (plan) => Math.min(...plan.offers.map((offer) => waitMs(offer, loadOf(plan, offer)))),
    waitMs,
    fullForMs,
    servedOthersSince: (listingId, sinceMs) =>
      (lastServedMs.get(listingId) ?? Number.NEGATIVE_INFINITY) >= sinceMs,
    preferElsewhere(queue, { offer: failed, failure }) {
      if (!consequences[failure.class].elsewhere) return
      const origin = breakers.originOf(failed)
      const at = queue.findIndex((offer) => breakers.originOf(offer) !== origin)
      if (at > 0) queue.unshift(...queue.splice(at, 1))
    },
    isDoubtful: breakers.isDoubtful,
    isProven: breakers.isProven,
  }
}

function endOf({ class: outcome, retryAfterMs, status, blocked }: UpstreamFailure): End {
  const end: End = { outcome }
  if (retryAfterMs !== undefined) end.retryAfterMs = retryAfterMs
  if (status !== undefined) end.status = status
  if (blocked) end.blocked = true
  return end
}

function usedIn({
  outcome: _,
  innocent: _i,
  status: _s,
  blocked: _b,
  arbitrated: _a,
  ...used
}: End): LeaseUse {
  return used
}

/** A call that nobody asked for, by the model of a vendor: the seller behind whose key it runs cannot help it. */
function isFancy({ backing }: Offer, { integrity }: UpstreamFailure): boolean {
  return integrity === 'undeclared_tool' && backing === 'key'
}

function limitsMoney({ nanosPerDay, nanosPerMonth, modelCapacity }: Offer): boolean {
  return (
    nanosPerDay !== undefined ||
    nanosPerMonth !== undefined ||
    modelCapacity?.nanosPerDay !== undefined ||
    modelCapacity?.nanosPerMonth !== undefined
  )
}
