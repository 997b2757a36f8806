/**
 * A model's offers as one decision sees them: plain data, so that it can be stored and the decision repeated from it, and
 * the same laid out in flat arrays, so that a choice among thousands reads memory in a row.
 *
 * Prices are atto-dollars per token (pico-dollars times parts per million), floats: they order offers and are never money.
 */
import { createHash } from 'node:crypto'
import type { PriceSnapshot } from '../catalog/price.ts'
import { dearestPrices } from '../metering/price-usage.ts'
import { bareName, type RoutingPolicy } from './policy.ts'

/** How an offer stands, whatever the request; anything but the first three excludes it. */
export const standings = [
  'usable',
  /** Ejected and due for a try with real traffic. */
  'probe',
  /** Ejected and not due: only in panic. */
  'ejected',
  'breaker_open',
  'origin_open',
  'cooling',
  'model_suspended',
  'listing_suspended',
  'disabled',
  'full',
  'day_limit',
  'month_limit',
] as const
export type PoolStanding = (typeof standings)[number]

export interface PoolOffer {
  id: string
  listing: string
  seller: string
  provider: string
  format: string
  /** Prompt, completion (atto-dollars per token) and one request (atto-dollars). */
  price: readonly [number, number, number]
  /** Prompt and completion above so many prompt tokens; the last that applies counts. */
  tiers?: readonly (readonly [number, number, number])[]
  /** The same at the dearest class that prompt and completion can be billed by, from the first token on; where that differs. */
  dearest?: readonly (readonly [number, number, number])[]
  version?: number
  standing: PoolStanding
  /** When it is expected back, in whole milliseconds of the monotonic clock. */
  untilMs?: number
  /** Twentieths of its capacity that are free, of its usual traffic that it gets, and of what its reputation gives it. */
  headroom: number
  share: number
  reputation: number
  proven: boolean
  /** The largest request it ever takes, in tokens. */
  mostTokens?: number
  /** Features (bits of catalog/features.ts) that it cannot serve, and those it would leave unused. */
  refuses: number
  ignores: number
  tokensPerS?: number
  ttftMs?: number
}

export interface Pool {
  model: string
  contextWindow?: number
  offers: readonly PoolOffer[]
}

/** A pool in flat arrays. */
export interface DensePool {
  pool: Pool
  size: number
  prompt: Float64Array
  completion: Float64Array
  perRequest: Float64Array
  hasTiers: boolean
  standing: Uint8Array
  /** price⁻² × headroom × share × reputation at a usual mix of tokens. */
  weight: Float64Array
  room: Float64Array
  proven: Uint8Array
  mostTokens: Float64Array
  refuses: Int32Array
  ignores: Int32Array
  /** All features that somebody refuses, or leaves unused; and the least that anybody takes. */
  refusedBySome: number
  ignoredBySome: number
  leastMostTokens: number
  /** What was surveyed for requests of the same kind; see choose.ts. */
  surveys: WeakMap<object, Map<string, unknown>>
  /** A policy's lists, marked on the offers; kept for as long as the key's policy object lives. */
  marks: WeakMap<RoutingPolicy, PolicyMarks>
  /** Content address: pools that say the same have the same. */
  readonly id: string
}

/** Headroom, share and reputation are told in twentieths, so that pools which hardly differ are the same. */
export const STEPS = 20

// Three prompt tokens to one of the answer, a usual size: the weight is a property of the offer, not of the request.
const USUAL_INPUT = 1_500
const USUAL_OUTPUT = 500
// An offer with almost nothing left still gets a draw: without one it could never be told apart from a full one.
const MIN_FACTOR = 0.01
export const ATTOS_PER_NANO = 1e9
// Even a prompt of no token is above it.
const BASE_ABOVE = -1

/** An offer's price in the pool's unit. */
export function attoPrices({
  table,
  multiplierPpm,
  nanosPerRequest,
}: PriceSnapshot): Pick<PoolOffer, 'price' | 'tiers' | 'dearest'> {
  const ppm = Number(multiplierPpm)
  const { base, tiers } = table
  const dearest = [BASE_ABOVE, ...tiers.map(({ aboveInputTokens }) => aboveInputTokens)].map((above) => {
    const { input, output } = dearestPrices(table, above + 1)
    return [above, Number(input) * ppm, Number(output) * ppm] as const
  })
  const differs = dearest.some(([, input, output], at) => {
    const { uncachedInput, output: usual } = tiers[at - 1]?.prices ?? base
    return input !== Number(uncachedInput) * ppm || output !== Number(usual) * ppm
  })
  const request = Number(nanosPerRequest) * ATTOS_PER_NANO
  return {
    price: [Number(base.uncachedInput) * ppm, Number(base.output) * ppm, request],
    ...(tiers.length === 0
      ? {}
      : {
          tiers: tiers.map(({ aboveInputTokens, prices }) => [
            aboveInputTokens,
            Number(prices.uncachedInput) * ppm,
            Number(prices.output) * ppm,
          ]),
        }),
    ...(differs ? { dearest } : {}),
  }
}

/** Lays a pool out; a stored pool comes to the same numbers as the one it was stored from. */
export function densify(pool: Pool): DensePool {
  const { offers } = pool
  const size = offers.length
  const of = (read: (offer: PoolOffer) => number) => Float64Array.from(offers, read)
  let id: string | undefined
  return {
    pool,
    size,
    prompt: of(({ price }) => price[0]),
    completion: of(({ price }) => price[1]),
    perRequest: of(({ price }) => price[2]),
    hasTiers: offers.some(({ tiers }) => tiers !== undefined),
    standing: Uint8Array.from(offers, ({ standing }) => standings.indexOf(standing)),
    weight: of(weightOf),
    room: of(({ headroom, share }) => headroom * share),
    proven: Uint8Array.from(offers, ({ proven }) => (proven ? 1 : 0)),
    mostTokens: of(({ mostTokens }) => mostTokens ?? Number.POSITIVE_INFINITY),
    refuses: Int32Array.from(offers, ({ refuses }) => refuses),
    ignores: Int32Array.from(offers, ({ ignores }) => ignores),
    refusedBySome: offers.reduce((mask, { refuses }) => mask | refuses, 0),
    ignoredBySome: offers.reduce((mask, { ignores }) => mask | ignores, 0),
    leastMostTokens: offers.reduce(
      (least, { mostTokens }) => Math.min(least, mostTokens ?? Number.POSITIVE_INFINITY),
      Number.POSITIVE_INFINITY,
    ),
    surveys: new WeakMap(),
    marks: new WeakMap(),
    get id() {
      id ??= createHash('sha256').update(JSON.stringify(pool)).digest('base64url').slice(0, 22)
      return id
    },
  }
}

function weightOf({ price: [prompt, completion, request], headroom, share, reputation }: PoolOffer): number {
  // Never 0: a free offer is a very cheap one, not the only one.
  const attos = Math.max(1e6, (USUAL_INPUT * prompt + USUAL_OUTPUT * completion + request) / 2_000)
  const factor = (steps: number) => Math.max(MIN_FACTOR, steps / STEPS)
  return (attos / 1e12) ** -2 * factor(headroom) * factor(share) * factor(reputation)
}

/** What a request of these tokens is expected to cost at the offer at `index`, in atto-dollars. */
export function expectedAttos(
  dense: DensePool,
  index: number,
  { inputTokens, outputTokens }: { inputTokens: number; outputTokens: number },
): number {
  const perRequest = dense.perRequest[index] as number
  if (!dense.hasTiers) {
    const { prompt, completion } = dense
    return inputTokens * (prompt[index] as number) + outputTokens * (completion[index] as number) + perRequest
  }
  const [prompt, completion] = pricesAt(dense, index, inputTokens)
  return inputTokens * prompt + outputTokens * completion + perRequest
}

/** Prompt and completion price of the tier that a prompt of this length falls into. */
export function pricesAt(dense: DensePool, index: number, inputTokens: number): readonly [number, number] {
  const tier = dense.hasTiers
    ? dense.pool.offers[index]?.tiers?.findLast(([above]) => inputTokens > above)
    : undefined
  if (tier) return [tier[1], tier[2]]
  return [dense.prompt[index] as number, dense.completion[index] as number]
}

/** What prompt and completion may come to be billed by at most: the dearest class of the tiers that the prompt can reach. */
export function dearestAt(dense: DensePool, index: number, inputTokens: number): readonly [number, number] {
  const dearest = dense.pool.offers[index]?.dearest?.findLast(([above]) => inputTokens > above)
  return dearest ? [dearest[1], dearest[2]] : pricesAt(dense, index, inputTokens)
}

/** What a policy's lists say of each offer. */
export interface PolicyMarks {
  /** 1 where every list of `only` names the offer, its provider or its seller. */
  only: Uint8Array | undefined
  ignored: Uint8Array | undefined
  /** Place in `order`, from 0; its length for those that it does not name. */
  place: Uint16Array | undefined
  places: number
}

const noMarks: PolicyMarks = { only: undefined, ignored: undefined, place: undefined, places: 0 }

export function marksOf(dense: DensePool, policy: RoutingPolicy): PolicyMarks {
  const { only, alsoOnly, ignore, order } = policy
  if (!only && !alsoOnly && !ignore && !order) return noMarks
  const known = dense.marks.get(policy)
  if (known) return known
  const marks: PolicyMarks = {
    only: only || alsoOnly ? markedBy(dense, [only, alsoOnly]) : undefined,
    ignored: ignore && markedBy(dense, [ignore]),
    place: order && placesIn(dense, order),
    places: order?.length ?? 0,
  }
  dense.marks.set(policy, marks)
  return marks
}

function markedBy({ pool }: DensePool, lists: readonly (readonly string[] | undefined)[]): Uint8Array {
  const sets = lists.flatMap((list) => (list ? [new Set(list.map(bareName))] : []))
  return Uint8Array.from(pool.offers, (offer) => (sets.every((names) => isNamed(offer, names)) ? 1 : 0))
}

function isNamed({ provider, listing, seller }: PoolOffer, names: ReadonlySet<string>): boolean {
  return names.has(provider) || names.has(listing) || names.has(seller)
}

function placesIn({ pool }: DensePool, order: readonly string[]): Uint16Array {
  const places = new Map<string, number>()
  order.forEach((name, index) => {
    const bare = bareName(name)
    if (!places.has(bare)) places.set(bare, index)
  })
  const placeOf = (name: string) => places.get(name) ?? order.length
  return Uint16Array.from(pool.offers, ({ provider, listing, seller }) =>
    Math.min(placeOf(provider), placeOf(listing), placeOf(seller)),
  )
}
