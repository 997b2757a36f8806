/**
 * Room 5 and the failover of room 6: decides which offers may serve a request, takes capacity of the first with the
 * decision, and tries them, at most three, within their capacity, their breakers and the retry budgets.
 */
import type { Model } from '../catalog/catalog.ts'
import type { Clock } from '../platform/clock.ts'
import type { GatewayError } from '../platform/errors.ts'
import type { Logger } from '../platform/logger.ts'
import type { Metrics } from '../platform/metrics.ts'
import type { Breakers, BreakerView } from './breakers.ts'
import type { Capacity, CapacityView } from './capacity.ts'
import { MAX_ATTEMPTS } from './failover.ts'
import { createLeases, type EndedAttempt, type LeasesDeps, type Market } from './leases.ts'
import { loadOf } from './load.ts'
import { type Decision, decisionsOn, type Plan, type Planned, type PlanRequest, planRequest } from './plan.ts'
import { createPools, type LivePool, type PoolsDeps } from './pools.ts'
import { createRests, type Rests } from './rests.ts'
import { logRoute, type RouteRecord } from './route-log.ts'
import { createServer, type TryOffer } from './serve.ts'
import { createStickiness } from './stickiness.ts'

export type { Plan, PlanRequest } from './plan.ts'
export type { Attempt, Attempted } from './serve.ts'

const STATE_LIMIT = 200
const GAUGE_LIMIT = 100_000

export interface RouterDeps extends Pick<PoolsDeps, 'reputations' | 'priceNow' | 'nextChangeMs' | 'defer'> {
  marketplace: Market
  breakers: Breakers
  capacity: Capacity
  clock: Clock
  /** 0 ≤ random() < 1, for delays; the choice of an offer is seeded by the request instead. */
  random: () => number
  logger: Logger
  metrics?: Pick<Metrics, 'gauge' | 'samples'>
  sleep?: (ms: number) => Promise<unknown>
  /** Who rests; without it nobody does at the start. */
  rests?: Rests
  waitingRoom?: WaitsForRoom
  /** How old a pool may be that a decision is made from, in milliseconds. */
  poolMaxAgeMs?: number
  /** Told of each attempt once, when it is over. */
  onAttempt?: (attempt: EndedAttempt) => void
  /** Told when a listing's account is spent. */
  onSuspended?: NonNullable<LeasesDeps['onSuspended']>
  /** Told of each decision once, when all that came of it is over. */
  onRoute?: (record: RouteRecord) => void
}

export interface RouterState {
  breakers: BreakerView[]
  capacity: CapacityView[]
  resting: ReturnType<Rests['state']>
  pools: { model: string; active: number; retrying: number; tokens: number }[]
}

/** Where requests wait for a place; see waiting-room.ts. */
export interface WaitsForRoom {
  /** Calls `tryNow` whenever room may have come; rejects with `no_capacity` when none came in time. */
  wait<Result>(
    model: string,
    wait: Wait & { buyer?: string },
    tryNow: () => Result | undefined,
  ): Promise<Result>
  waitingFor(model: string): number
}

/** How long a caller lets us wait for a place when everybody is full, in milliseconds. */
export interface Wait {
  maxWaitMs: number
  signal?: AbortSignal
}

export interface Router {
  /** Decides without taking anything. Throws `model_not_found`, or `no_capacity` with `retryAfterMs` when it is known. */
  plan(request: PlanRequest): Plan
  /** Decides and takes capacity of the first offer; who gets a plan serves or abandons it. Throws as `plan`. */
  admit(request: PlanRequest, wait?: Wait): Promise<Plan>
  /** Gives back what an admitted plan holds, when nothing was sent. */
  abandon(plan: Plan, error: unknown): void
  /**
   * Tries the plan's offers in order until one serves. Ends the lease of every failed attempt; the lease of the one
   * that served is ended by the caller when the answer is over. Throws the `GatewayError` for the buyer when none did.
   */
  serve<Served>(plan: Plan, attempt: TryOffer<Served>, options?: { signal?: AbortSignal }): Promise<Served>
  /** How long until somebody may take a small request for the model, in milliseconds; `Infinity` when unknown. */
  nextFreeMs(model: string): number
  /** What would be decided now, for each model, without taking anything. */
  dryRun(request: PlanRequest): Decision[]
  /** A model's offers as decisions see them now. */
  poolOf(model: Model): LivePool
  /** For health pages; each list has at most `limit` entries. */
  state(limit?: number): RouterState
}

export function createRouter(deps: RouterDeps): Router {
  const { breakers, capacity, clock, random } = deps
  const rests = deps.rests ?? createRests({ clock, random })
  const leases = createLeases({ ...deps, rests })
  const server = createServer({ leases, random, sleep: deps.sleep })
  const pools = createPools({ ...deps, rests, maxAgeMs: deps.poolMaxAgeMs })
  const sticky = createStickiness(clock)
  const tell = (record: RouteRecord) => deps.onRoute?.(record)
  const planDeps = { pools, leases, stickyTo }

  function stickyTo({ conversation }: PlanRequest, model: string): string | undefined {
    return conversation === undefined ? undefined : sticky.offerOf(conversation, model)
  }

  function plan(request: PlanRequest): Plan {
    const planned = planRequest(planDeps, request)
    if ('plan' in planned) return planned.plan
    throw planned.refusal
  }

  /** Too few have room to fail over to, and some were full when the pool was built: they may have room by now. */
  function mayMissSomebody({ policy }: PlanRequest, { decisions, offers, asks }: Plan): boolean {
    if (!decisions.some(({ choice }) => choice.excluded.full !== undefined)) return false
    const wanted = policy.allowFallbacks === false && !policy.order ? 1 : MAX_ATTEMPTS
    const roomy = offers.filter((offer) => leases.fullForMs(offer, loadOf({ asks }, offer)) === 0)
    return roomy.length < wanted
  }

  /** With capacity taken; `undefined` when somebody could serve and nobody has room. */
  function tryAdmit(request: PlanRequest): { plan: Plan } | { refusal: GatewayError; mayWait: boolean } {
    let planned: Planned = planRequest(planDeps, request)
    for (const exact of [false, true]) {
      if (exact) planned = planRequest(planDeps, request, { exact })
      if ('refusal' in planned || (!exact && mayMissSomebody(request, planned.plan))) continue
      const first = leases.takeNext([...planned.plan.offers], planned.plan)
      if (first) return { plan: { ...planned.plan, first } }
    }
    if ('refusal' in planned) return planned
    // Between looking and taking nothing else runs, so an exact plan is refused by a breaker's lease alone.
    return planRequest(planDeps, request, { exact: true, refuse: true }) as Exclude<Planned, { plan: Plan }>
  }

  async function admit(request: PlanRequest, wait?: Wait): Promise<Plan> {
    const { waitingRoom } = deps
    const model = request.model.id
    const mayWait = waitingRoom !== undefined && wait !== undefined && wait.maxWaitMs > 0
    // Who may wait does not push past those who do.
    if (!mayWait || waitingRoom.waitingFor(model) === 0) {
      const now = tryAdmit(request)
      if ('plan' in now) return now.plan
      if (!mayWait || !now.mayWait) throw now.refusal
    }
    return waitingRoom.wait(model, { ...wait, buyer: request.buyer ?? '' }, () => {
      const again = tryAdmit(request)
      if ('plan' in again) return again.plan
      if (!again.mayWait) throw again.refusal
      return undefined
    })
  }

  async function serve<Served>(
    admitted: Plan,
    attempt: TryOffer<Served>,
    options?: { signal?: AbortSignal },
  ): Promise<Served> {
    const log = logRoute(admitted, { clock, tell })
    const { conversation } = admitted
    const watched = log.watch<Served>(attempt)
    try {
      return await server.serve<Served>(
        admitted,
        async (each) => {
          const result = await watched(each)
          if ('served' in result && conversation !== undefined) sticky.served(conversation, each.offer)
          return result
        },
        options,
      )
    } catch (error) {
      log.ended(error)
      throw error
    }
  }

  registerGauges(deps, rests)
  registerFailovers(deps, server.failovers())

  return {
    plan,
    admit,
    abandon(admitted, error) {
      admitted.first?.lease.undo()
      logRoute(admitted, { clock, tell }).ended(error)
    },
    serve,
    nextFreeMs(model) {
      const load = { tokens: 1, costNanos: () => 1n }
      let soonest = Number.POSITIVE_INFINITY
      for (const offer of deps.marketplace.offersFor(model))
        soonest = Math.min(soonest, leases.waitMs(offer, load))
      return soonest
    },
    dryRun: (request) => decisionsOn(planDeps, request),
    poolOf: (model) => pools.of(model),
    state: (limit = STATE_LIMIT) => ({
      breakers: breakers.state(limit),
      capacity: capacity.state(limit),
      resting: rests.state(limit),
      pools: server.budgets(limit),
    }),
  }
}

function registerGauges({ metrics, capacity, breakers }: RouterDeps, rests: Rests): void {
  const running = () => capacity.state(GAUGE_LIMIT).reduce((sum, listing) => sum + listing.running, 0)
  const open = () => breakers.state(GAUGE_LIMIT).filter(({ state }) => state !== 'closed').length
  metrics?.gauge('gateway_attempts_running', 'Attempts that hold capacity of a listing.', running)
  metrics?.gauge('gateway_breakers_open', 'Offers whose breaker is open or half-open.', open)
  metrics?.gauge(
    'gateway_offers_resting',
    'Offers and listings left alone after a 429, a spent quota or a refused key.',
    () => rests.state(GAUGE_LIMIT).length,
  )
}

function registerFailovers({ metrics }: RouterDeps, failovers: ReadonlyMap<string, number>): void {
  metrics?.samples(
    'gateway_failovers_total',
    { help: 'Attempts at another offer, by what the last one came to.', labels: ['reason'], type: 'counter' },
    () => [...failovers].map(([reason, value]) => ({ labels: [reason], value })),
  )
}
