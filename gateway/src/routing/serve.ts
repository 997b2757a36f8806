/**
 * The failover of room 6: tries a plan's offers, at most three, within their capacity, their breakers and the model's
 * retry budget, until one serves.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Offer } from '../marketplace/offer.ts'
import { GatewayError } from '../platform/errors.ts'
import type { UpstreamFailure } from '../providers/outcome.ts'
import { isRival } from './arbitration.ts'
import {
  consequences,
  exhausted,
  type FailedAttempt,
  isQueryOfDeath,
  MAX_ATTEMPTS,
  rejectedRequest,
} from './failover.ts'
import type { Lease } from './lease.ts'
import type { Leases } from './leases.ts'
import type { Plan } from './plan.ts'
import { createRetryBudgets, type Flight } from './retry-budget.ts'
import type { Taken } from './taken.ts'

// Only before the third attempt, so that requests that failed together do not come back together.
const SECOND_RETRY_MIN_MS = 50
const SECOND_RETRY_MAX_MS = 250

export interface Attempt {
  offer: Offer
  lease: Lease
  /** 1, 2 or 3. */
  attemptNumber: number
}

export type Attempted<Served> = { served: Served } | { failure: UpstreamFailure }

export type TryOffer<Served> = (attempt: Attempt) => Promise<Attempted<Served>>

export interface Server {
  /** See `Router.serve`. */
  serve<Served>(plan: Plan, attempt: TryOffer<Served>, options?: { signal?: AbortSignal }): Promise<Served>
  budgets(limit: number): { model: string; active: number; retrying: number; tokens: number }[]
  /** Requests that went on to another offer, by what the last one came to. */
  failovers(): ReadonlyMap<string, number>
}

export interface ServerDeps {
  leases: Leases
  /** 0 ≤ random() < 1, for delays. */
  random: () => number
  sleep?: ((ms: number) => Promise<unknown>) | undefined
}

interface Trial {
  plan: Plan
  queue: Offer[]
  failed: FailedAttempt[]
  doubt?: Doubt
}

/** A refusal that may be the listing's fault, while another is asked. */
interface Doubt {
  offer: Offer
  failure: UpstreamFailure
  settle: (verdict: 'user_error' | 'malformed') => void
}

export function createServer({ leases, random, sleep = delay }: ServerDeps): Server {
  const budgets = createRetryBudgets()
  const failovers = new Map<string, number>()

  async function serve<Served>(
    plan: Plan,
    attempt: TryOffer<Served>,
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<Served> {
    const flight = budgets.enter(plan)
    const queue = plan.offers.filter((offer) => offer !== plan.first?.offer)
    const trial: Trial = { plan, queue, failed: [] }
    let handedOver = false
    try {
      while (trial.failed.length < MAX_ATTEMPTS && !signal?.aborted) {
        const taken = await next(trial, flight)
        if (!taken) break
        const result = await run(taken, attempt, trial.failed.length + 1)
        if ('served' in result) {
          if (trial.failed.length === 0) flight.servedAtOnce()
          if (trial.doubt) resolve(trial.doubt, taken.offer, flight)
          handedOver = true
          taken.whenEnded(() => flight.leave())
          return result.served
        }
        const error = conclude(trial, taken, result.failure)
        if (error) throw error
      }
      throw unserved(trial)
    } finally {
      trial.doubt?.settle('user_error')
      // What was taken with the decision and never tried goes back; for what was tried this says nothing any more.
      if (!handedOver) plan.first?.lease.undo()
      if (!handedOver) flight.leave()
    }
  }

  /** The first attempt, or the next one when the budgets allow another. */
  async function next({ plan, queue, failed, doubt }: Trial, flight: Flight): Promise<Taken | undefined> {
    const last = failed.at(-1)
    if (!last) return plan.first ?? leases.takeNext(queue, plan)
    leases.preferElsewhere(queue, last)
    // A seller is no judge of his own refusals.
    if (doubt) queue.sort((left, right) => rivalry(doubt.offer, right) - rivalry(doubt.offer, left))
    const reason = last.failure.class
    // An offer that may be failing too is left out when the budget has no room for it, not waited for: one that works may
    // stand behind it. A listing that failed is not asked again, not for another model either.
    const mayBeNext = (offer: Offer) =>
      failed.every((each) => each.offer.listingId !== offer.listingId) &&
      flight.mayRetry(reason, { proven: leases.isProven(offer) })
    queue.splice(0, queue.length, ...queue.filter(mayBeNext))
    if (queue.length === 0) return undefined
    if (failed.length === 2) await sleep(between(SECOND_RETRY_MIN_MS, SECOND_RETRY_MAX_MS, random()))
    const taken = leases.takeNext(queue, plan)
    if (!taken) return undefined
    flight.retry(reason)
    failovers.set(reason, (failovers.get(reason) ?? 0) + 1)
    return taken
  }

  /** Notes a failed attempt; returns the error that ends the request, if it does. */
  function conclude(trial: Trial, taken: Taken, failure: UpstreamFailure): GatewayError | undefined {
    const { failed, doubt, plan } = trial
    const { offer, beganMs } = taken
    if (!doubt && leases.isDoubtful(offer, failure)) {
      trial.doubt = { offer, failure, settle: taken.suspend(failure) }
      failed.push({ offer, failure, beganMs })
      return undefined
    }
    const queryOfDeath = isQueryOfDeath([...failed, { offer, failure, beganMs }], leases.servedOthersSince)
    const judged = taken.fail(failure, { innocent: queryOfDeath })
    failed.push({ offer, failure: judged, beganMs })
    if (judged.class === 'client_gone') return finalError(judged)
    // Asked once elsewhere, and that did not help: it stays what the first one said.
    if (doubt)
      return rejectedRequest(judged.class === 'user_error' && judged.recognised ? judged : doubt.failure)
    if (queryOfDeath) return exhausted(failed, { model: plan.model, retryAfterMs: undefined, queryOfDeath })
    return consequences[judged.class].next ? undefined : finalError(judged)
  }

  function unserved({ plan, failed, doubt }: Trial): GatewayError {
    if (doubt) return rejectedRequest(doubt.failure)
    return exhausted(failed, {
      model: plan.model,
      retryAfterMs: leases.nextFreeMs(plan),
      queryOfDeath: false,
      alone: plan.offers.length === 1,
    })
  }

  return { serve, budgets: budgets.state, failovers: () => failovers }
}

/** Somebody took what was refused. */
function resolve({ offer, failure, settle }: Doubt, taker: Offer, flight: Flight): void {
  settle(isRival(offer, taker) ? 'malformed' : 'user_error')
  flight.repay(failure.class)
}

function rivalry(refusing: Offer, other: Offer): number {
  return Number(isRival(refusing, other))
}

/** A thrown attempt is a fault of ours: its lease is ended without a word about the listing. */
async function run<Served>(
  taken: Taken,
  attempt: TryOffer<Served>,
  attemptNumber: number,
): Promise<Attempted<Served>> {
  try {
    return await attempt({ offer: taken.offer, lease: taken.lease, attemptNumber })
  } catch (error) {
    taken.lease.end('own_fault')
    throw error
  }
}

/** The error for an outcome that no other offer can mend. */
function finalError(failure: UpstreamFailure): GatewayError {
  if (failure.class === 'user_error') return rejectedRequest(failure)
  return new GatewayError(
    'request_timeout',
    'The client closed the connection before the answer was complete.',
    {
      cause: failure,
    },
  )
}

function between(min: number, max: number, share: number): number {
  return min + (max - min) * share
}
