/**
 * The failover of room 6: tries a plan's offers, at most three, within their capacity, their breakers and the model's
 * retry budget, until one serves.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Offer } from '../marketplace/offer.ts'
import { GatewayError } from '../platform/errors.ts'
import type { UpstreamFailure } from '../providers/outcome.ts'
import type { Lease } from './capacity.ts'
import {
  consequences,
  exhausted,
  type FailedAttempt,
  isQueryOfDeath,
  MAX_ATTEMPTS,
  rejectedRequest,
} from './failover.ts'
import type { Leases, Taken } from './leases.ts'
import type { Plan } from './plan.ts'
import { RetryBudget } from './retry-budget.ts'

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
}

export interface ServerDeps {
  leases: Leases
  /** 0 ≤ random() < 1, for delays. */
  random: () => number
  sleep?: ((ms: number) => Promise<unknown>) | undefined
}

export function createServer({ leases, random, sleep = delay }: ServerDeps): Server {
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

  return {
    serve,
    budgets: (limit) => [...budgets].slice(0, limit).map(([model, budget]) => ({ model, ...budget.state() })),
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
