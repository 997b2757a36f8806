/** Which offers may serve a request, in which order, and why the others may not. */
import { type Feature, featuresIn, memberFor } from '../catalog/features.ts'
import type { Offer } from '../marketplace/offer.ts'
import { worstCase } from '../metering/price-usage.ts'
import { GatewayError } from '../platform/errors.ts'
import { formatUsd } from '../platform/money.ts'
import type { Choice, Exclusion, RouteRequest } from './choice.ts'
import { choose, exclusionOf, placeBits } from './choose.ts'
import { noCapacity } from './failover.ts'
import { type AttemptLoad, loadOf, type ModelAsk } from './load.ts'
import type { RoutingPolicy } from './policy.ts'
import type { DensePool } from './pool.ts'
import type { LivePool, Pools } from './pools.ts'
import { MAX_RANKED } from './rank.ts'
import type { Taken } from './taken.ts'

export interface PlanRequest extends ModelAsk {
  /** Other models that may answer when nobody can serve the first, in this order. */
  fallbackModels?: readonly ModelAsk[]
  policy: RoutingPolicy
  /** Seeds the draw, so that the same request on the same market is decided the same way. */
  requestId: string
  /** The organisation that pays. */
  buyer?: string
  /** Features that it asks for, as bits of catalog/features.ts. */
  asks?: number
  /** What the client's dialect needs of a wire format; every format serves when absent. */
  dialectNeeds?: { formats: readonly string[] }
  /** Names the conversation, so that its next turn finds the prompt cache of this one. */
  conversation?: string
  /** The most it may cost, and how many choices of a token each it must have room for. */
  maxCost?: { nanos: bigint; choices: number }
}

/** One model's part of a plan, with all that repeating it needs. */
export interface Decision {
  model: string
  dense: DensePool
  request: RouteRequest
  seed: string
  choice: Choice
}

export interface Plan {
  model: string
  buyer: string
  requestId: string
  conversation?: string
  /** Best first; of one model, or of several in the order they were asked for. */
  offers: readonly Offer[]
  /** How many offers of the first model were left out, by reason. */
  excluded: Choice['excluded'] & { lost_the_draw?: number }
  /** Soft ejections are ignored for this request. */
  panic: boolean
  decisions: readonly Decision[]
  asks: ReadonlyMap<string, ModelAsk>
  /** The attempt that was taken together with the decision. */
  first?: Taken
}

export interface PlanDeps {
  pools: Pools
  /** How long until an offer may take a request of this load, and until it has room for it; see leases.ts. */
  leases: {
    waitMs(offer: Offer, load: AttemptLoad): number
    fullForMs(offer: Offer, load: AttemptLoad): number
  }
  stickyTo?: (request: PlanRequest, model: string) => string | undefined
}

export type Planned = { plan: Plan } | { refusal: GatewayError; mayWait: boolean }

/**
 * Plans on pools that may be a little behind; with `exact`, on new ones and without the offers that have no room for this
 * very request; with `refuse`, says why nobody serves it. `mayWait`: somebody could serve, and is only full.
 */
export function planRequest(
  deps: PlanDeps,
  request: PlanRequest,
  { exact = false, refuse = false } = {},
): Planned {
  const asked = [request, ...(request.fallbackModels ?? [])]
  const live = asked.map(({ model }) => deps.pools.of(model, { fresh: exact }))
  let decided = asked.map((ask, at) => decide(deps, request, { ask, live: live[at] as LivePool, exact }))
  // A prompt that seems too long for a model goes to the next, unless it is too long for all that are on offer.
  const fitting = decided.filter(({ decision }) => fits(decision))
  if (fitting.some(({ decision }) => decision.dense.size > 0)) decided = fitting
  const offers = decided.flatMap(({ offers }) => offers).slice(0, MAX_RANKED)
  if (refuse || offers.length === 0) return refused(deps, request, { asked, live, decided })
  const first = decided[0] as Decided
  return {
    plan: {
      model: request.model.id,
      buyer: request.buyer ?? '',
      requestId: request.requestId,
      ...(request.conversation === undefined ? {} : { conversation: request.conversation }),
      offers,
      excluded: counted(first.decision.choice),
      panic: first.decision.choice.panic,
      decisions: decided.map(({ decision }) => decision),
      asks: new Map(asked.map((ask) => [ask.model.id, ask])),
    },
  }
}

/** What `planRequest` decides, for each model, also where nobody could serve. */
export function decisionsOn(deps: PlanDeps, request: PlanRequest): Decision[] {
  return [request, ...(request.fallbackModels ?? [])].map(
    (ask) =>
      decide(deps, request, { ask, live: deps.pools.of(ask.model, { fresh: true }), exact: true }).decision,
  )
}

interface Decided {
  decision: Decision
  offers: readonly Offer[]
}

function decide(
  deps: PlanDeps,
  request: PlanRequest,
  { ask, live, exact }: { ask: ModelAsk; live: LivePool; exact: boolean },
): Decided {
  const { dense, offers } = live
  const model = ask.model.id
  const stickyTo = request.conversation === undefined ? undefined : deps.stickyTo?.(request, model)
  const full = exact ? fullPlaces(deps, live, new Map([[model, ask]])) : undefined
  const route: RouteRequest = {
    inputTokens: ask.inputTokens,
    outputTokens: ask.maxOutputTokens,
    policy: request.policy,
    asks: request.asks ?? 0,
    ...(request.dialectNeeds ? { formats: request.dialectNeeds.formats } : {}),
    ...(stickyTo === undefined ? {} : { stickyTo }),
    ...(request.maxCost
      ? { maxCostNanos: Number(request.maxCost.nanos), choices: request.maxCost.choices }
      : {}),
    ...(full === undefined ? {} : { full: placeBits(dense.size, full) }),
  }
  const seed = request.requestId
  const choice = choose(dense, route, seed)
  return {
    decision: { model, dense, request: route, seed, choice },
    offers: choice.ranked.map((index) => offers[index] as Offer),
  }
}

/** Where in the pool nobody has room for this very request. */
function fullPlaces({ leases }: PlanDeps, { offers }: LivePool, asks: Plan['asks']): number[] {
  const places: number[] = []
  for (let place = 0; place < offers.length; place += 1) {
    const offer = offers[place] as Offer
    if (leases.fullForMs(offer, loadOf({ asks }, offer)) > 0) places.push(place)
  }
  return places
}

function fits({ dense, request }: Decision): boolean {
  return request.inputTokens <= (dense.pool.contextWindow ?? Number.POSITIVE_INFINITY)
}

/** The exclusions, and how many could have served and were not needed. */
function counted({ excluded, left }: Choice): Plan['excluded'] & { lost_the_draw?: number } {
  return left > 0 ? { ...excluded, lost_the_draw: left } : excluded
}

interface Attempted {
  asked: readonly ModelAsk[]
  live: readonly LivePool[]
  decided: readonly Decided[]
}

function refused(deps: PlanDeps, request: PlanRequest, { asked, live, decided }: Attempted): Planned {
  const model = request.model.id
  const offered = decided.reduce((sum, { decision }) => sum + decision.dense.size, 0)
  if (offered === 0) {
    const refusal = new GatewayError(
      'model_not_found',
      `Nobody offers '${model}' at present. GET /v1/models lists the models you can use.`,
      { param: 'model' },
    )
    return { refusal, mayWait: false }
  }
  const excluded = summed(decided)
  const dear = excluded.max_cost ?? 0
  if (dear > 0 && callers(excluded) === offered && request.maxCost)
    return { refusal: aboveMaxCost(request, request.maxCost, live), mayWait: false }
  const why = Object.entries(excluded)
    .map(([reason, count]) => `${count} ${reason}`)
    .join(', ')
  if (callers(excluded) === offered)
    return { refusal: byPolicy(request, offered, { excluded, why, decided }), mayWait: false }
  const retryAfterMs = soonestMs(deps, { asked, live, decided })
  const tooLarge = (excluded.too_large ?? 0) > 0 && callers(excluded) + (excluded.too_large ?? 0) === offered
  const never = tooLarge || retryAfterMs === Number.POSITIVE_INFINITY
  const known = Number.isFinite(retryAfterMs) || tooLarge
  return {
    refusal: noCapacity({
      model,
      retryAfterMs: tooLarge ? Number.POSITIVE_INFINITY : known ? retryAfterMs : undefined,
      why: ` (${why})`,
    }),
    mayWait: !never && ((excluded.full ?? 0) > 0 || (excluded.breaker_open ?? 0) > 0),
  }
}

// What the caller can change: his policy, his dialect, his features.
const CALLERS: readonly Exclusion[] = [
  'policy_only',
  'policy_ignore',
  'policy_order',
  'policy_max_price',
  'max_cost',
  'dialect',
  'feature_missing',
  'parameter_unused',
]

function callers(excluded: Choice['excluded']): number {
  return CALLERS.reduce((sum, reason) => sum + (excluded[reason] ?? 0), 0)
}

function summed(decided: readonly Decided[]): Partial<Record<Exclusion, number>> {
  const sums: Partial<Record<Exclusion, number>> = {}
  for (const { decision } of decided)
    for (const [reason, count] of Object.entries(decision.choice.excluded) as [Exclusion, number][])
      sums[reason] = (sums[reason] ?? 0) + count
  return sums
}

function byPolicy(
  { model }: PlanRequest,
  offered: number,
  { excluded, why, decided }: { excluded: Choice['excluded']; why: string; decided: readonly Decided[] },
): GatewayError {
  const missing = excluded.feature_missing ? missingFeatures(decided) : []
  const [first] = missing
  if (first) {
    const named = missing.map((feature) => `'${feature}'`).join(', ')
    return new GatewayError(
      'invalid_value',
      `No offer for '${model.id}' that may serve this request supports ${named}. Leave it out, or use another model or policy.`,
      { param: memberFor(first) },
    )
  }
  return new GatewayError(
    'model_not_found',
    `None of the ${offered} offers for '${model.id}' passes this key's and this request's routing policy (${why}). Loosen the policy, or use another model.`,
    { param: 'model' },
  )
}

/** What the offers that were left out for a feature lack of what is asked. */
function missingFeatures(decided: readonly Decided[]): Feature[] {
  let mask = 0
  for (const { decision } of decided) {
    const { dense, request } = decision
    for (let index = 0; index < dense.size; index += 1)
      if (exclusionOf(dense, index, request) === 'feature_missing')
        mask |= (dense.refuses[index] as number) & request.asks
  }
  return featuresIn(mask)
}

function aboveMaxCost(
  { inputTokens }: PlanRequest,
  { nanos, choices }: { nanos: bigint; choices: number },
  live: readonly LivePool[],
): GatewayError {
  let least: bigint | undefined
  for (const { offers } of live)
    for (const { price } of offers) {
      const needed = worstCase({ inputTokens, maxOutputTokens: choices, price })
      if (least === undefined || needed < least) least = needed
    }
  return new GatewayError(
    'invalid_value',
    `max_cost is $${formatUsd(nanos)}, and the prompt alone may cost $${formatUsd(least ?? 0n)}. Raise it, shorten the prompt, or choose a cheaper model.`,
    { param: 'max_cost', metadata: { needed_nanos: (least ?? 0n).toString() } },
  )
}

/** How long until somebody whom the caller allows may serve it; `Infinity` when that is not known. */
function soonestMs(deps: PlanDeps, { asked, live, decided }: Attempted): number {
  const asks = new Map(asked.map((ask) => [ask.model.id, ask]))
  let soonest = Number.POSITIVE_INFINITY
  decided.forEach(({ decision: { dense, request } }) => {
    const offers = live.find((each) => each.dense === dense)?.offers ?? []
    const opened = openedUp(dense)
    const { full: _full, ...asked } = request
    for (let index = 0; index < dense.size; index += 1) {
      if (exclusionOf(opened, index, asked) !== undefined) continue
      const offer = offers[index] as Offer
      soonest = Math.min(soonest, Math.max(1, deps.leases.waitMs(offer, loadOf({ asks }, offer))))
    }
  })
  return soonest
}

/** The pool as if everybody could serve: who is left out of it is left out by the caller. */
function openedUp(dense: DensePool): DensePool {
  return { ...dense, standing: new Uint8Array(dense.size) }
}
