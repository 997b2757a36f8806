/** Which offers may serve a request, in which order, and why the others may not. */
import type { Model } from '../catalog/catalog.ts'
import type { Offer } from '../marketplace/offer.ts'
import { GatewayError } from '../platform/errors.ts'
import type { ProviderConfig } from '../providers/provider.ts'
import type { Breakers } from './breakers.ts'
import type { Capacity } from './capacity.ts'
import { noCapacity } from './failover.ts'
import { type PolicyExclusion, policyFilter, type RoutingPolicy } from './policy.ts'
import { type Candidate, MAX_RANKED, priceWeights, rank } from './rank.ts'
import type { RestReason, Rests } from './rests.ts'

/** Below this share of usable offers, soft ejections are ignored: too many ejected means the ejecting is wrong. */
const PANIC_SHARE = 0.3

export interface PlanRequest {
  model: Model
  inputTokens: number
  maxOutputTokens: number
  policy: RoutingPolicy
  /** Seeds the draw, so that the same request on the same market is decided the same way. */
  requestId: string
  /** What the client's dialect needs of a wire format; every format serves when absent. */
  dialectNeeds?: { formats: readonly ProviderConfig['format'][] }
}

export type Exclusion = PolicyExclusion | RestReason | 'dialect' | 'breaker_open' | 'full' | 'lost_the_draw'

export interface Plan {
  model: string
  /** Best first. */
  offers: readonly Offer[]
  /** How many offers were left out, by reason. */
  excluded: Readonly<Partial<Record<Exclusion, number>>>
  /** What each attempt takes from a listing's tokens per minute. */
  tokens: number
  /** Soft ejections are ignored for this request. */
  panic: boolean
}

export interface PlanDeps {
  breakers: Breakers
  capacity: Capacity
  rests: Rests
}

interface Survey {
  usable: Candidate[]
  /** Ejected, but due for a probe with real traffic. */
  probes: Candidate[]
  /** Ejected and not due: tried only in panic, the one that ends first first. */
  ejected: { offer: Offer; untilMs: number }[]
  /** Passing the policy and not at rest. */
  enabled: number
  /** Closed breaker, full or not. */
  closed: number
  excluded: Partial<Record<Exclusion, number>>
  retryAfterMs: number
}

/** Throws `model_not_found` when nobody offers the model to this caller, `no_capacity` when nobody can serve it now. */
export function planRequest(
  deps: PlanDeps,
  offers: readonly Offer[],
  request: PlanRequest,
  nowMs: number,
): Plan {
  const model = request.model.id
  if (offers.length === 0) {
    throw new GatewayError(
      'model_not_found',
      `Nobody offers '${model}' at present. GET /v1/models lists the models you can use.`,
      {
        param: 'model',
      },
    )
  }
  const survey = surveyOffers(deps, offers, request, nowMs)
  const panic = survey.closed < survey.enabled * PANIC_SHARE
  if (!panic && survey.ejected.length > 0) {
    survey.excluded.breaker_open = (survey.excluded.breaker_open ?? 0) + survey.ejected.length
  }
  const ordered = order(survey, request, panic)
  if (ordered.length === 0) throw refusal(survey, offers.length, model)
  const used = request.policy.allowFallbacks === false ? ordered.slice(0, 1) : ordered.slice(0, MAX_RANKED)
  const left = survey.usable.length + survey.probes.length + (panic ? survey.ejected.length : 0) - used.length
  if (left > 0) survey.excluded.lost_the_draw = left
  return { model, offers: used, excluded: survey.excluded, tokens: tokensOf(request), panic }
}

function surveyOffers(deps: PlanDeps, offers: readonly Offer[], request: PlanRequest, nowMs: number): Survey {
  const { rests, breakers, capacity } = deps
  const weights = priceWeights(offers)
  const exclusionOf = policyFilter(request.policy, request)
  const formats = request.dialectNeeds?.formats
  const survey: Survey = {
    usable: [],
    probes: [],
    ejected: [],
    enabled: 0,
    closed: 0,
    excluded: {},
    retryAfterMs: Number.POSITIVE_INFINITY,
  }
  const waitUntil = (untilMs: number) => {
    survey.retryAfterMs = Math.min(survey.retryAfterMs, Math.max(1, untilMs - nowMs))
  }
  const exclude = (reason: Exclusion, untilMs = Number.POSITIVE_INFINITY) => {
    survey.excluded[reason] = (survey.excluded[reason] ?? 0) + 1
    waitUntil(untilMs)
  }
  const load = { tokens: tokensOf(request), share: 1 }
  for (let index = 0; index < offers.length; index += 1) {
    const offer = offers[index] as Offer
    const exclusion = exclusionOf(offer)
    if (exclusion) {
      exclude(exclusion)
      continue
    }
    if (formats && !formats.includes(offer.provider.format)) {
      exclude('dialect')
      continue
    }
    const resting = rests.restOf(offer)
    if (resting) {
      exclude(resting.reason, resting.untilMs)
      continue
    }
    survey.enabled += 1
    const standing = breakers.standing(offer.id)
    if (standing.state === 'closed') survey.closed += 1
    load.share = standing.state === 'closed' ? standing.share : 1
    const room = capacity.roomAt(offer, load, nowMs)
    if (room <= 0) {
      exclude('full', nowMs - room)
      continue
    }
    const candidate = { offer, priceWeight: weights[index] as number, headroom: room, health: load.share }
    if (standing.state === 'closed') survey.usable.push(candidate)
    else if (standing.probeAtMs <= nowMs) survey.probes.push(candidate)
    else if (standing.forcedProbeAtMs > nowMs) exclude('breaker_open', standing.probeAtMs)
    else {
      survey.ejected.push({ offer, untilMs: standing.untilMs })
      waitUntil(standing.probeAtMs)
    }
  }
  return survey
}

/**
 * Probes take part in the draw, with the other offers behind them as cover, so that the buyer is not the guinea pig; a
 * request that allows no fallback has no cover and gets none while anything else is usable. In panic the ejected offers
 * come last, the one whose ejection ends first before the others: better than a refusal.
 */
function order(survey: Survey, request: PlanRequest, panic: boolean): Offer[] {
  const { usable, probes, ejected } = survey
  const uncovered = request.policy.allowFallbacks === false && usable.length > 0
  const ranked = rank(uncovered || probes.length === 0 ? usable : [...usable, ...probes], {
    sort: request.policy.sort ?? 'balanced',
    seed: request.requestId,
    inputTokens: request.inputTokens,
    outputTokens: request.maxOutputTokens,
  })
  if (!panic) return ranked
  return [...ranked, ...ejected.sort((a, b) => a.untilMs - b.untilMs).map(({ offer }) => offer)]
}

function tokensOf({ inputTokens, maxOutputTokens }: PlanRequest): number {
  return inputTokens + maxOutputTokens
}

function refusal(survey: Survey, offered: number, model: string): GatewayError {
  const { excluded } = survey
  const why = Object.entries(excluded)
    .map(([reason, count]) => `${count} ${reason}`)
    .join(', ')
  const byCaller =
    (excluded.policy_only ?? 0) +
    (excluded.policy_ignore ?? 0) +
    (excluded.policy_max_price ?? 0) +
    (excluded.dialect ?? 0)
  if (byCaller === offered) {
    return new GatewayError(
      'model_not_found',
      `None of the ${offered} offers for '${model}' passes this key's routing policy (${why}). Loosen the policy, or use another model.`,
      { param: 'model' },
    )
  }
  const onlyTooLarge = survey.enabled > 0 && survey.enabled === (excluded.full ?? 0)
  const known = Number.isFinite(survey.retryAfterMs) || onlyTooLarge
  return noCapacity({ model, retryAfterMs: known ? survey.retryAfterMs : undefined, why: ` (${why})` })
}
