/**
 * A decision in words and figures: who stood where, with what chance, who was left out and why, and what would have
 * changed it. Pure: made from the stored pool and request, so it says the same today and in a week.
 */
import { featuresIn } from '../catalog/features.ts'
import { formatId } from '../platform/ids.ts'
import type { Choice, Exclusion, Loss, RouteRequest } from './choice.ts'
import { exclusionOf } from './choose.ts'
import { type DensePool, expectedAttos, type PoolOffer, pricesAt, STEPS } from './pool.ts'
import { chancesOf, MAX_RANKED } from './rank.ts'

/** Offers that are told one by one; the counts by reason cover all. */
const MAX_TOLD = 200
/** Sentences about what would have changed the choice. */
const MAX_CHANGES = 10

export interface OfferExplained {
  listingId: string
  provider: string
  /** 1 is tried first; absent for those that were not to be tried. */
  rank?: number
  /** Why it was left out, or why it was not first. */
  reason?: Exclusion | Loss
  detail?: string
  usdPerMTok: { prompt: string; completion: string }
  usdPerRequest: string
  /** At the most tokens that the request may come to. */
  expectedUsd: string
  /** Of being drawn first, among those that could serve; in draws only. */
  chance?: number
  headroom: number
  health: number
  reputation: number
  proven: boolean
  /** When it is expected back. */
  backAt?: string
}

export interface RouteExplained {
  model: string
  pool: string
  seed: string
  /** What put the first one first. */
  by: Choice['by']
  sentence: string
  panic: boolean
  offers: number
  excluded: Choice['excluded']
  /** Best first, then the others by price; at most 200. */
  candidates: OfferExplained[]
  wouldChange: string[]
}

export interface Explained {
  dense: DensePool
  request: RouteRequest
  choice: Choice
  seed: string
  /** The decision's time on both clocks, to turn the pool's times into dates. */
  atMs: number
  monotonicMs: number
  /** The ids of the offers that were tried, in order; absent when nothing has been tried yet. */
  attempts?: readonly { offer: string }[]
}

export function explain(decision: Explained): RouteExplained {
  const { dense, request, choice, seed } = decision
  const passedOver = passedOverIn(decision)
  const chances =
    choice.by === 'draw' ? chancesOf(dense, eligible(dense, request)) : new Map<number, number>()
  const told = choice.ranked.slice(0, MAX_RANKED).map((index, place) => ({
    ...offerExplained(decision, index, chances.get(index)),
    rank: place + 1,
    ...(passedOver.has(index) ? noRoomByThen : place === 0 ? {} : lossOf(decision, index)),
  }))
  const ranked = new Set(choice.ranked)
  const others = byPrice(decision, ranked)
    .slice(0, MAX_TOLD - told.length)
    .map((index) => ({
      ...offerExplained(decision, index, chances.get(index)),
      ...leftOutBy(decision, index),
    }))
  return {
    model: dense.pool.model,
    pool: dense.id,
    seed,
    by: choice.by,
    sentence: sentenceOf(decision, chances),
    panic: choice.panic,
    offers: dense.size,
    excluded: choice.excluded,
    candidates: [...told, ...others],
    wouldChange: changesOf(decision, ranked).slice(0, MAX_CHANGES),
  }
}

/** One line for a header: who, by what, among how many, and who was left out. */
export function routeLine({ dense, choice }: Pick<Explained, 'dense' | 'choice'>, attempts: number): string {
  const first = dense.pool.offers[choice.ranked[0] ?? -1]
  const excluded = Object.entries(choice.excluded).map(([reason, count]) => `${reason}=${count}`)
  return [
    `first=${first ? formatId('lst-', first.listing) : 'none'}`,
    `by=${choice.by}`,
    `candidates=${choice.ranked.length + choice.left}`,
    `offers=${dense.size}`,
    ...excluded,
    `attempts=${attempts}`,
  ].join('; ')
}

/** Why an offer did not serve, or was not first; undefined for the first. The oracle of the simulator reads it too. */
export function reasonOf(decision: Explained, index: number): Exclusion | Loss | undefined {
  if (passedOverIn(decision).has(index)) return noRoomByThen.reason
  if (decision.choice.ranked[0] === index) return undefined
  return (decision.choice.ranked.includes(index) ? lossOf(decision, index) : leftOutBy(decision, index))
    .reason
}

const noRoomByThen = {
  reason: 'passed_over',
  detail: 'its turn came, and by then it had no room for this request or another provider was preferred',
} as const

/** Whose turn came before that of one that was tried, and who was not. */
function passedOverIn({ dense, choice, attempts = [] }: Explained): ReadonlySet<number> {
  const tried = new Set(attempts.map(({ offer }) => offer))
  const isTried = (index: number) => tried.has(dense.pool.offers[index]?.id ?? '')
  const model = attempts.at(-1)?.offer
  // All of a model's turns came when another model's offer was tried in the end.
  const isOther = model !== undefined && !dense.pool.offers.some(({ id }) => id === model)
  const until = isOther ? choice.ranked.length : choice.ranked.findLastIndex(isTried)
  return new Set(choice.ranked.slice(0, Math.max(0, until)).filter((index) => !isTried(index)))
}

function eligible(dense: DensePool, request: RouteRequest): number[] {
  const could: number[] = []
  for (let index = 0; index < dense.size; index += 1)
    if (exclusionOf(dense, index, request) === undefined && dense.pool.offers[index]?.standing !== 'ejected')
      could.push(index)
  return could
}

function offerExplained(
  { dense, request, atMs, monotonicMs }: Explained,
  index: number,
  chance: number | undefined,
): OfferExplained {
  const offer = dense.pool.offers[index] as PoolOffer
  const [prompt, completion] = pricesAt(dense, index, request.inputTokens)
  return {
    listingId: formatId('lst-', offer.listing),
    provider: offer.provider,
    usdPerMTok: { prompt: usd(prompt / 1e12), completion: usd(completion / 1e12) },
    usdPerRequest: usd(offer.price[2] / 1e18),
    expectedUsd: usd(expectedAttos(dense, index, request) / 1e18),
    ...(chance === undefined ? {} : { chance: Math.round(chance * 10_000) / 10_000 }),
    headroom: offer.headroom / STEPS,
    health: offer.share / STEPS,
    reputation: offer.reputation / STEPS,
    proven: offer.proven,
    ...(offer.untilMs === undefined
      ? {}
      : { backAt: new Date(atMs + offer.untilMs - monotonicMs).toISOString() }),
  }
}

/** A figure for reading, with nine decimals at most and no exponent. */
function usd(amount: number): string {
  return amount.toFixed(9).replace(/\.?0+$/, '')
}

function lossOf(
  { dense, choice }: Explained,
  index: number,
): { reason: Loss | 'breaker_open'; detail: string } {
  const first = dense.pool.offers[choice.ranked[0] as number] as PoolOffer
  const offer = dense.pool.offers[index] as PoolOffer
  // In panic they are asked after all others, whatever they cost.
  if (offer.standing === 'ejected') return { reason: 'breaker_open', detail: details.breaker_open }
  switch (choice.by) {
    case 'order':
      return {
        reason: 'later_in_order',
        detail: 'another one stands before it in the order that was asked for',
      }
    case 'price':
      if (!offer.proven && first.proven) return newcomer
      return { reason: 'dearer', detail: 'another one is cheaper, or as cheap (within 5 %) with more room' }
    case 'throughput':
    case 'latency':
      if (!offer.proven && first.proven) return newcomer
      return { reason: 'slower', detail: 'another one is faster, or as fast (within 5 %) with more room' }
    case 'sticky':
      return {
        reason: 'lost_the_draw',
        detail: 'another one served this conversation before and has its prompt in the cache',
      }
    default:
      return { reason: 'lost_the_draw', detail: 'another one was drawn; see the chances' }
  }
}

const newcomer = {
  reason: 'not_tried',
  detail: 'it has no record yet; newcomers are tried with two requests in a hundred',
} as const

function leftOutBy(decision: Explained, index: number): { reason: Exclusion | Loss; detail: string } {
  const { dense, request, choice } = decision
  const reason = exclusionOf(dense, index, request)
  if (reason !== undefined) return { reason, detail: details[reason] }
  const { standing } = dense.pool.offers[index] as PoolOffer
  if (standing === 'ejected' && !choice.panic) return { reason: 'breaker_open', detail: details.breaker_open }
  if (standing === 'probe' && request.policy.allowFallbacks === false)
    return { reason: 'no_cover', detail: details.no_cover }
  return lossOf(decision, index)
}

const details: Readonly<Record<Exclusion, string>> = {
  breaker_open: 'it failed lately and is given time',
  origin_open: 'its provider failed lately and is given time',
  cooling: 'its provider asked for a pause (429)',
  model_suspended: 'its provider refused this model to its key',
  listing_suspended: "its key's quota is spent",
  disabled: 'its key was refused; its seller must act',
  full: 'it had no room for this request',
  day_limit: 'it has reached its limit for the day',
  month_limit: 'it has reached its limit for the month',
  policy_only: "it is not among those that the key's or the request's policy allows",
  policy_ignore: 'the policy ignores it',
  policy_order: 'it is not in the order that was asked for, and fallbacks are off',
  policy_max_price: "it is dearer than the policy's limit",
  max_cost: 'the prompt alone may cost more than max_cost there',
  dialect: "its wire format cannot say this client's dialect",
  feature_missing: 'it lacks a feature that the request asks for',
  parameter_unused: 'it would leave a parameter unused, and require_parameters is set',
  too_large: 'the request is larger than it ever takes in a minute',
  no_cover: 'it is recovering, and a request without fallbacks has no cover',
}

function byPrice({ dense, request }: Explained, ranked: ReadonlySet<number>): number[] {
  const costs = Float64Array.from({ length: dense.size }, (_, index) => expectedAttos(dense, index, request))
  const others: number[] = []
  for (let index = 0; index < dense.size; index += 1) if (!ranked.has(index)) others.push(index)
  return others.sort((a, b) => (costs[a] as number) - (costs[b] as number))
}

function sentenceOf({ dense, choice }: Explained, chances: ReadonlyMap<number, number>): string {
  const index = choice.ranked[0]
  if (index === undefined) return 'Nobody could serve this request.'
  const { listing, provider } = dense.pool.offers[index] as PoolOffer
  const who = `${formatId('lst-', listing)} (${provider})`
  const among = choice.ranked.length + choice.left
  switch (choice.by) {
    case 'draw':
      return `${who} was drawn among ${among}, with a chance of ${percent(chances.get(index) ?? 0)}.`
    case 'sticky':
      return `${who} served this conversation before and has its prompt in the cache.`
    case 'order':
      return `${who} stands first in the order that was asked for.`
    case 'only_one':
      return `${who} was the only one of ${dense.size} that could serve.`
    case 'panic':
      return `${who} was tried although it failed lately: nobody else was left.`
    default:
      return `${who} came first of ${among} by ${choice.by}.`
  }
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}

/** For those cheaper than the first: what would have let them serve, as far as anybody can do something about it. */
function changesOf(decision: Explained, ranked: ReadonlySet<number>): string[] {
  const { dense, request, choice } = decision
  const first = choice.ranked[0]
  const limit = first === undefined ? Number.POSITIVE_INFINITY : expectedAttos(dense, first, request)
  const changes: string[] = []
  for (const index of byPrice(decision, ranked)) {
    if (expectedAttos(dense, index, request) >= limit || changes.length === MAX_CHANGES) break
    const change = changeFor(decision, index)
    if (change) changes.push(change)
  }
  return changes
}

function changeFor(decision: Explained, index: number): string | undefined {
  const { dense, request } = decision
  const offer = dense.pool.offers[index] as PoolOffer
  const who = formatId('lst-', offer.listing)
  const { reason } = leftOutBy(decision, index)
  const { expectedUsd, backAt, usdPerMTok } = offerExplained(decision, index, undefined)
  const at = `${who} at $${expectedUsd}`
  switch (reason) {
    case 'policy_only':
    case 'policy_ignore':
    case 'policy_order':
      return `${at} would be a candidate if the policy let it in.`
    case 'policy_max_price':
      return `${at} would be a candidate with max_price of at least ${usdPerMTok.prompt} for the prompt and ${usdPerMTok.completion} for the answer.`
    case 'feature_missing':
      return `${at} would be a candidate without ${featuresIn(offer.refuses & request.asks).join(', ')}.`
    case 'parameter_unused':
      return `${at} would be a candidate without require_parameters (it leaves ${featuresIn(offer.ignores & request.asks).join(', ')} unused).`
    case 'full':
    case 'passed_over':
    case 'too_large':
      return `${at} would be a candidate with more room: fewer tokens, or max_wait_ms.`
    case 'lost_the_draw':
    case 'not_tried':
      return `${at} would have been first with sort: price, or another draw.`
    case 'dearer':
    case 'slower':
    case 'later_in_order':
    case 'dialect':
    case 'max_cost':
      return undefined
    default:
      return backAt
        ? `${at} would be a candidate after ${backAt}.`
        : `${at} would be a candidate when it is well.`
  }
}
