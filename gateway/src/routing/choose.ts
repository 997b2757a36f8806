/**
 * The choice among a model's offers. Pure: the same pool, the same request and the same seed give the same order, so a
 * decision can be repeated and explained later. One pass over flat arrays leaves out who cannot serve, and says why; the
 * order of the others is a seeded draw, or follows a measure.
 */
import type { Choice, Exclusion, RouteRequest } from './choice.ts'
import type { RoutingPolicy } from './policy.ts'
import {
  ATTOS_PER_NANO,
  type DensePool,
  dearestAt,
  marksOf,
  type PolicyMarks,
  pricesAt,
  standings,
} from './pool.ts'
import { MAX_RANKED, rank } from './rank.ts'

/** Below this share of usable offers, soft ejections are ignored: too many ejected means the ejecting is wrong. */
const PANIC_SHARE = 0.3

const USABLE = standings.indexOf('usable')
const PROBE = standings.indexOf('probe')
const EJECTED = standings.indexOf('ejected')
// From here on a standing is not the breaker's: the listing itself says no.
const FIRST_REST = standings.indexOf('cooling')
const FULL = standings.indexOf('full')

/** A set of places in a pool of `size` as text, an eighth of a byte each. */
export function placeBits(size: number, places: readonly number[]): string {
  const bits = new Uint8Array((size + 7) >> 3)
  for (const place of places) bits[place >> 3] = (bits[place >> 3] as number) | (1 << (place & 7))
  return Buffer.from(bits).toString('base64url')
}

interface Survey {
  usable: readonly number[]
  /** The usable ones, and the probes where a request may be one. */
  withProbes: readonly number[]
  probes: readonly number[]
  ejected: readonly number[]
  enabled: number
  closed: number
  excluded: Partial<Record<Exclusion, number>>
}

export function choose(dense: DensePool, request: RouteRequest, seed: string): Choice {
  const survey = surveyOf(dense, request)
  const { usable, probes, ejected, enabled } = survey
  const { allowFallbacks, order } = request.policy
  const excluded = { ...survey.excluded }
  const panic = survey.closed < enabled * PANIC_SHARE
  const oneOnly = allowFallbacks === false && !order
  // A request that allows no fallback has no cover: it is not made a guinea pig while anything else is usable.
  const uncovered = oneOnly && usable.length > 0
  if (uncovered) count(excluded, 'no_cover', probes.length)
  if (!panic) count(excluded, 'breaker_open', ejected.length)
  const candidates = uncovered ? usable : survey.withProbes
  const { ranked, by } = rank(dense, candidates, request, seed)
  // Better than a refusal: the one whose ejection ends first before the others.
  if (panic) for (const index of byReturn(dense, ejected)) if (ranked.length < MAX_RANKED) ranked.push(index)
  const tried = oneOnly ? ranked.slice(0, 1) : ranked
  const left = candidates.length + (panic ? ejected.length : 0) - tried.length
  return {
    ranked: tried,
    by: candidates.length === 0 && tried.length > 0 ? 'panic' : by,
    excluded,
    left,
    panic,
    enabled,
  }
}

/** Why the offer at `index` cannot serve `request` whatever is chosen among the others; `undefined` when it could. */
export function exclusionOf(dense: DensePool, index: number, request: RouteRequest): Exclusion | undefined {
  return (
    excludedBy(dense, index, rulesOf(dense, request)) ?? standingExclusion(dense.standing[index] as number)
  )
}

/** Kinds of requests that one policy's survey is kept for. */
const MAX_KINDS = 64

/** The survey of the pool for requests of this kind: made once for those that differ in nothing that it looks at. */
function surveyOf(dense: DensePool, request: RouteRequest): Survey {
  const kind = kindOf(dense, request)
  if (kind === undefined) return survey(dense, request)
  const owner = excludesNobody(request.policy) ? dense : request.policy
  let kinds = dense.surveys.get(owner) as Map<string, Survey> | undefined
  const known = kinds?.get(kind)
  if (known) return known
  const made = survey(dense, request)
  if (!kinds || kinds.size >= MAX_KINDS) {
    kinds = new Map()
    dense.surveys.set(owner, kinds)
  }
  kinds.set(kind, made)
  return made
}

/** Most keys have a policy of their own that says nothing: they share one survey. */
function excludesNobody(policy: RoutingPolicy): boolean {
  const { only, alsoOnly, ignore, order, maxPrice, requireParameters } = policy
  return !only && !alsoOnly && !ignore && !order && !maxPrice && requireParameters !== true
}

/** What a survey depends on beside the policy; `undefined` when that is this very request. */
function kindOf(dense: DensePool, request: RouteRequest): string | undefined {
  const { policy, asks, formats, inputTokens, outputTokens } = request
  if (request.full !== undefined || request.maxCostNanos !== undefined) return undefined
  if (inputTokens + outputTokens > dense.leastMostTokens) return undefined
  if (policy.maxPrice !== undefined && dense.hasTiers) return undefined
  const ignored = policy.requireParameters === true ? asks & dense.ignoredBySome : 0
  return `${asks & dense.refusedBySome} ${ignored} ${formats?.join() ?? ''}`
}

function survey(dense: DensePool, request: RouteRequest): Survey {
  const rules = rulesOf(dense, request)
  const usable: number[] = []
  const probes: number[] = []
  const ejected: number[] = []
  const excluded: Survey['excluded'] = {}
  let enabled = 0
  let closed = 0
  for (let index = 0; index < dense.size; index += 1) {
    const by = excludedBy(dense, index, rules)
    const standing = dense.standing[index] as number
    const reason = by ?? standingExclusion(standing)
    if (by === undefined && (standing < FIRST_REST || standing >= FULL)) {
      enabled += 1
      if (standing === USABLE || standing >= FULL) closed += 1
    }
    if (reason !== undefined) count(excluded, reason, 1)
    else if (standing === USABLE) usable.push(index)
    else if (standing === PROBE) probes.push(index)
    else ejected.push(index)
  }
  const withProbes = probes.length === 0 ? usable : [...usable, ...probes]
  return { usable, withProbes, probes, ejected, enabled, closed, excluded }
}

function standingExclusion(standing: number): Exclusion | undefined {
  return standing <= EJECTED ? undefined : (standings[standing] as Exclusion)
}

/** What is asked of every offer, looked up once. */
interface Rules {
  request: RouteRequest
  marks: PolicyMarks
  /** Attos per token, and per request. */
  maxPrompt: number
  maxCompletion: number
  maxRequest: number
  maxCostAttos: number
  ignoredAsks: number
  tokens: number
  full: Uint8Array | undefined
  priced: boolean
}

const ATTOS_PER_USD_PER_MTOK = 1e12
const ATTOS_PER_USD = 1e18

function rulesOf(dense: DensePool, request: RouteRequest): Rules {
  const { policy, maxCostNanos } = request
  const limit = (text: string | undefined, unit: number) =>
    text === undefined ? Number.POSITIVE_INFINITY : Math.round(Number(text) * 1e9) * (unit / 1e9)
  return {
    request,
    marks: marksOf(dense, policy),
    maxPrompt: limit(policy.maxPrice?.prompt, ATTOS_PER_USD_PER_MTOK),
    maxCompletion: limit(policy.maxPrice?.completion, ATTOS_PER_USD_PER_MTOK),
    maxRequest: limit(policy.maxPrice?.request, ATTOS_PER_USD),
    maxCostAttos: (maxCostNanos ?? Number.POSITIVE_INFINITY) * ATTOS_PER_NANO,
    ignoredAsks: policy.requireParameters === true ? request.asks : 0,
    tokens: request.inputTokens + request.outputTokens,
    full: request.full === undefined ? undefined : Buffer.from(request.full, 'base64url'),
    priced: policy.maxPrice !== undefined || maxCostNanos !== undefined,
  }
}

function excludedBy(dense: DensePool, index: number, rules: Rules): Exclusion | undefined {
  const { request, marks } = rules
  if (marks.only && marks.only[index] === 0) return 'policy_only'
  if (marks.ignored && marks.ignored[index] === 1) return 'policy_ignore'
  if (marks.place && request.policy.allowFallbacks === false && marks.place[index] === marks.places)
    return 'policy_order'
  if (rules.priced) {
    const dear = tooDear(dense, index, rules)
    if (dear) return dear
  }
  if (request.formats && !request.formats.includes(dense.pool.offers[index]?.format ?? '')) return 'dialect'
  if (((dense.refuses[index] as number) & request.asks) !== 0) return 'feature_missing'
  if (((dense.ignores[index] as number) & rules.ignoredAsks) !== 0) return 'parameter_unused'
  if (rules.tokens > (dense.mostTokens[index] as number)) return 'too_large'
  if (rules.full && ((rules.full[index >> 3] as number) & (1 << (index & 7))) !== 0) return 'full'
  return undefined
}

function tooDear(dense: DensePool, index: number, rules: Rules): 'policy_max_price' | 'max_cost' | undefined {
  const { inputTokens } = rules.request
  const [prompt, completion] = pricesAt(dense, index, inputTokens)
  const perRequest = dense.perRequest[index] as number
  if (prompt > rules.maxPrompt || completion > rules.maxCompletion || perRequest > rules.maxRequest)
    return 'policy_max_price'
  if (rules.request.maxCostNanos === undefined) return undefined
  // As it is held: a prompt may be billed by a dearer class, and the cap on the answer is made with that.
  const [mostPrompt, mostCompletion] = dearestAt(dense, index, inputTokens)
  const least = inputTokens * mostPrompt + (rules.request.choices ?? 1) * mostCompletion + perRequest
  return least > rules.maxCostAttos ? 'max_cost' : undefined
}

function count(excluded: Partial<Record<Exclusion, number>>, reason: Exclusion, more: number): void {
  if (more > 0) excluded[reason] = (excluded[reason] ?? 0) + more
}

function byReturn({ pool }: DensePool, ejected: readonly number[]): number[] {
  const backAt = (index: number) => pool.offers[index]?.untilMs ?? 0
  return [...ejected].sort((a, b) => backAt(a) - backAt(b))
}
