/**
 * Room 5 and the failover of room 6: plans which offers may serve a request and tries them, at most three, within
 * their capacity, their breakers and the model's retry budget.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Offer } from '../marketplace/offer.ts'
import type { Clock } from '../platform/clock.ts'
import { GatewayError } from '../platform/errors.ts'
import type { Logger } from '../platform/logger.ts'
import type { Metrics } from '../platform/metrics.ts'
import type { UpstreamFailure } from '../providers/outcome.ts'
import type { Breakers, BreakerView } from './breakers.ts'
import type { Capacity, CapacityView, Lease } from './capacity.ts'
import {
  consequences,
  exhausted,
  type FailedAttempt,
  isQueryOfDeath,
  MAX_ATTEMPTS,
  rejectedRequest,
} from './failover.ts'
import { createLeases, type Market, type Taken } from './leases.ts'
import { type Plan, type PlanRequest, planRequest } from './plan.ts'
import { createRests, type Rests } from './rests.ts'
import { RetryBudget } from './retry-budget.ts'

export type { Plan, PlanRequest } from './plan.ts'

// Only before the third attempt, so that requests that failed together do not come back together.
const SECOND_RETRY_MIN_MS = 50
const SECOND_RETRY_MAX_MS = 250

const STATE_LIMIT = 200
const GAUGE_LIMIT = 100_000

export interface RouterDeps {
  marketplace: Market
  breakers: Breakers
  capacity: Capacity
  clock: Clock
  /** 0 ≤ random() < 1, for delays; the choice of an offer is seeded by the request instead. */
  random: () => number
  logger: Logger
  metrics?: Pick<Metrics, 'gauge'>
  sleep?: (ms: number) => Promise<unknown>
}

export interface Attempt {
  offer: Offer
  lease: Lease
  /** 1, 2 or 3. */
  attemptNumber: number
}

export type Attempted<Served> = { served: Served } | { failure: UpstreamFailure }

type TryOffer<Served> = (attempt: Attempt) => Promise<Attempted<Served>>

export interface RouterState {
  breakers: BreakerView[]
  capacity: CapacityView[]
  resting: ReturnType<Rests['state']>
  pools: { model: string; active: number; retrying: number; tokens: number }[]
}

export interface Router {
  /** Throws `model_not_found`, or `no_capacity` with `retryAfterMs` when it is known. */
  plan(request: PlanRequest): Plan
  /**
   * Tries the plan's offers in order until one serves. Ends the lease of every failed attempt; the lease of the one
   * that served is ended by the caller when the answer is over. Throws the `GatewayError` for the buyer when none did.
   */
  serve<Served>(plan: Plan, attempt: TryOffer<Served>, options?: { signal?: AbortSignal }): Promise<Served>
  /** For health pages; each list has at most `limit` entries. */
  state(limit?: number): RouterState
}

export function createRouter(deps: RouterDeps): Router {
  const { marketplace, breakers, capacity, clock, random, sleep = delay } = deps
  const rests = createRests({ clock, random })
  const leases = createLeases({ ...deps, rests })
  // One budget a model; models are the catalogue's, so there are never more than it lists.
  const budgets = new Map<string, RetryBudget>()

  function budgetOf(model: string): RetryBudget {
    let budget = budgets.get(model)
    if (!budget) {
      budget = new RetryBudget()
      budgets.set(model, budget)
    }
    return budget
  }

  async function serve<Served>(
    plan: Plan,
    attempt: TryOffer<Served>,
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<Served> {
    const flight = budgetOf(plan.model).enter()
    let handedOver = false
    try {
      const queue = [...plan.offers]
      const failed: FailedAttempt[] = []
      while (failed.length < MAX_ATTEMPTS && !signal?.aborted) {
        const last = failed.at(-1)
        if (last && (queue.length === 0 || !flight.mayRetry(last.failure.class))) break
        if (failed.length === 2) await sleep(between(SECOND_RETRY_MIN_MS, SECOND_RETRY_MAX_MS, random()))
        const taken = leases.takeNext(queue, plan, last)
        if (!taken) break
        if (last) flight.retry(last.failure.class)
        const result = await run(taken, attempt, failed.length + 1)
        if ('served' in result) {
          if (!last) flight.servedAtOnce()
          handedOver = true
          taken.whenEnded(flight.leave)
          return result.served
        }
        failed.push({ offer: taken.offer, failure: result.failure, beganMs: taken.beganMs })
        const queryOfDeath = isQueryOfDeath(failed, leases.servedOthersSince)
        taken.fail(result.failure, { innocent: queryOfDeath })
        if (queryOfDeath)
          throw exhausted(failed, { model: plan.model, retryAfterMs: undefined, queryOfDeath })
        if (!consequences[result.failure.class].next) throw finalError(result.failure)
      }
      throw exhausted(failed, {
        model: plan.model,
        retryAfterMs: leases.nextFreeMs(plan),
        queryOfDeath: false,
      })
    } finally {
      if (!handedOver) flight.leave()
    }
  }

  const running = () => capacity.state(GAUGE_LIMIT).reduce((sum, listing) => sum + listing.running, 0)
  const open = () => breakers.state(GAUGE_LIMIT).filter(({ state }) => state !== 'closed').length
  deps.metrics?.gauge('gateway_attempts_running', 'Attempts that hold capacity of a listing.', running)
  deps.metrics?.gauge('gateway_breakers_open', 'Offers whose breaker is open or half-open.', open)
  deps.metrics?.gauge(
    'gateway_offers_resting',
    'Offers and listings left alone after a 429, a spent quota or a refused key.',
    () => rests.state(GAUGE_LIMIT).length,
  )

  return {
    plan: (request) =>
      planRequest(
        { breakers, capacity, rests },
        marketplace.offersFor(request.model.id),
        request,
        clock.monotonicMs(),
      ),
    serve,
    state: (limit = STATE_LIMIT) => ({
      breakers: breakers.state(limit),
      capacity: capacity.state(limit),
      resting: rests.state(limit),
      pools: [...budgets].slice(0, limit).map(([model, budget]) => ({ model, ...budget.state() })),
    }),
  }
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
