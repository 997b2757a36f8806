/**
 * The order in which offers are tried. Pure: the same candidates and the same seed give the same order, so a decision
 * can be explained later. Floats serve as weights here and nowhere as money.
 */
import type { Offer } from '../marketplace/offer.ts'

/** As many offers as a plan carries: three are tried, the others stand in when one of them is full by then. */
export const MAX_RANKED = 20

/** Offers within this much of the cheapest count as equally cheap. */
const PRICE_BAND = 1.05

// A listing with almost no headroom still gets a draw: without one it could never be told apart from a full one.
const MIN_FACTOR = 0.01

export interface Candidate {
  offer: Offer
  /** price⁻², from `priceWeights`. */
  priceWeight: number
  /** What is left of its capacity, 0 to 1. */
  headroom: number
  /** Share of normal traffic, 0 to 1 (slow start). */
  health: number
}

export interface Ranking {
  sort: 'balanced' | 'price'
  /** The request's id: the draw is a function of it. */
  seed: string
  inputTokens: number
  outputTokens: number
}

/** At most `MAX_RANKED` offers, best first. */
export function rank(candidates: readonly Candidate[], ranking: Ranking): Offer[] {
  if (candidates.length === 1) return [(candidates[0] as Candidate).offer]
  const ordered =
    ranking.sort === 'price' ? byPrice(candidates, ranking) : drawn(candidates, randomOf(ranking.seed))
  return ordered.map(({ offer }) => offer)
}

const weightsOfPool = new WeakMap<readonly Offer[], Float64Array>()

/** price⁻² of each offer at a usual mix of tokens, computed once per snapshot. */
export function priceWeights(offers: readonly Offer[]): Float64Array {
  let weights = weightsOfPool.get(offers)
  if (!weights) {
    weights = Float64Array.from(offers, (offer) => usualPrice(offer) ** -2)
    weightsOfPool.set(offers, weights)
  }
  return weights
}

/** What a request is expected to cost at `offer`, in pico-dollars, for comparing only. */
export function expectedPicos(offer: Offer, tokens: { inputTokens: number; outputTokens: number }): number {
  const { table, multiplierPpm, nanosPerRequest } = offer.price
  const prices =
    table.tiers.findLast((tier) => tokens.inputTokens > tier.aboveInputTokens)?.prices ?? table.base
  const perToken =
    tokens.inputTokens * Number(prices.uncachedInput) + tokens.outputTokens * Number(prices.output)
  return (perToken * Number(multiplierPpm)) / 1e6 + Number(nanosPerRequest) * 1e3
}

// Three prompt tokens to one of the answer, a usual size: the weight is a property of the offer, not of the request.
const USUAL = { inputTokens: 1_500, outputTokens: 500 }

/** Never 0: a free offer is a very cheap one, not the only one. */
function usualPrice(offer: Offer): number {
  return Math.max(1, expectedPicos(offer, USUAL)) / (USUAL.inputTokens + USUAL.outputTokens)
}

/**
 * A weighted draw without replacement: each candidate's time is exponential at the rate of its weight, and the
 * earliest come first. One pass keeps the first twenty; a thousand offers are never sorted.
 */
function drawn(candidates: readonly Candidate[], random: () => number): Candidate[] {
  const first: { candidate: Candidate; time: number }[] = []
  for (const candidate of candidates) {
    const time = -Math.log(1 - random()) / weightOf(candidate)
    if (first.length === MAX_RANKED && time >= (first[MAX_RANKED - 1] as { time: number }).time) continue
    let at = first.length
    while (at > 0 && (first[at - 1] as { time: number }).time > time) at -= 1
    first.splice(at, 0, { candidate, time })
    if (first.length > MAX_RANKED) first.pop()
  }
  return first.map(({ candidate }) => candidate)
}

function weightOf({ priceWeight, headroom, health }: Candidate): number {
  return priceWeight * Math.max(MIN_FACTOR, headroom) * Math.max(MIN_FACTOR, health)
}

/** Cheapest band first; inside a band the most room first, and between equals the draw decides. */
function byPrice(candidates: readonly Candidate[], ranking: Ranking): Candidate[] {
  const random = randomOf(ranking.seed)
  const priced = candidates
    .map((candidate) => ({
      candidate,
      cost: expectedPicos(candidate.offer, ranking),
      room: candidate.headroom * candidate.health,
      draw: random(),
    }))
    .sort((a, b) => a.cost - b.cost)
  const ordered: Candidate[] = []
  for (let from = 0; from < priced.length && ordered.length < MAX_RANKED; ) {
    const bandMax = (priced[from] as { cost: number }).cost * PRICE_BAND
    let to = from
    while (to < priced.length && (priced[to] as { cost: number }).cost <= bandMax) to += 1
    const band = priced.slice(from, to).sort((a, b) => b.room - a.room || a.draw - b.draw)
    for (const { candidate } of band) ordered.push(candidate)
    from = to
  }
  return ordered.slice(0, MAX_RANKED)
}

/** Numbers from 0 to 1 that follow from `seed` (FNV-1a into mulberry32): fast and repeatable, not secret. */
export function randomOf(seed: string): () => number {
  let state = 0x811c9dc5
  for (let index = 0; index < seed.length; index += 1) {
    state = Math.imul(state ^ seed.charCodeAt(index), 0x01000193)
  }
  return function random() {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
