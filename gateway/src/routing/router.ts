/**
 * Room 5 and the failover of room 6: plans which offers may serve a request and tries them, at most three, within
 * their capacity, their breakers and the model's retry budget.
 */
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import type { Metrics } from '../platform/metrics.ts'
import type { Breakers, BreakerView } from './breakers.ts'
import type { Capacity, CapacityView } from './capacity.ts'
import { createLeases, type EndedAttempt, type Market } from './leases.ts'
import { type Plan, type PlanRequest, planRequest } from './plan.ts'
import { createRests, type Rests } from './rests.ts'
import { createServer, type Server } from './serve.ts'

export type { Plan, PlanRequest } from './plan.ts'
export type { Attempt, Attempted } from './serve.ts'

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
  /** Told of each attempt once, when it is over. */
  onAttempt?: (attempt: EndedAttempt) => void
}

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
  serve: Server['serve']
  /** For health pages; each list has at most `limit` entries. */
  state(limit?: number): RouterState
}

export function createRouter(deps: RouterDeps): Router {
  const { marketplace, breakers, capacity, clock, random } = deps
  const rests = createRests({ clock, random })
  const leases = createLeases({ ...deps, rests })
  const server = createServer({ leases, random, sleep: deps.sleep })
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
    serve: server.serve,
    state: (limit = STATE_LIMIT) => ({
      breakers: breakers.state(limit),
      capacity: capacity.state(limit),
      resting: rests.state(limit),
      pools: server.budgets(limit),
    }),
  }
}
