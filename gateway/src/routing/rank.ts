/**
 * The order of the offers that could serve a request: a seeded draw by weight, or by a measure. Pure. Floats serve as
 * weights here and nowhere as money.
 */
import type { Choice, RouteRequest } from './choice.ts'
import type { Sort } from './policy.ts'
import { type DensePool, expectedAttos, marksOf } from './pool.ts'
import { randomOf } from './seeded-random.ts'

/** As many offers as a choice carries: three are tried, the others stand in when one of them is full by then. */
export const MAX_RANKED = 20

/** Offers within this much of the best count as equally good. */
const BAND = 0.05
/** Of the traffic that others could serve, the part that offers without a record get, all together. */
const EXPLORED_SHARE = 0.02
/** A conversation stays with its offer unless that has become this much dearer than the cheapest. */
const STICKY_MAX_DEARER = 1.5

interface Ranked {
  ranked: number[]
  by: Choice['by']
}

export function rank(
  dense: DensePool,
  candidates: readonly number[],
  request: RouteRequest,
  seed: string,
): Ranked {
  const { policy } = request
  const sort = policy.sort ?? 'balanced'
  const by: Choice['by'] = sort === 'balanced' ? 'draw' : sort
  if (candidates.length === 1) return { ranked: [...candidates], by: 'only_one' }
  const random = randomOf(seed)
  const sorted = (among: readonly number[], limit: number) =>
    sort === 'balanced'
      ? draw(dense, among, { random, limit })
      : inBands(dense, among, { values: measured(dense, among, { sort, request }), random, limit })
  const { place, places } = marksOf(dense, policy)
  if (place) {
    const ranked: number[] = []
    for (let at = 0; at <= places && ranked.length < MAX_RANKED; at += 1) {
      const here = candidates.filter((index) => place[index] === at)
      if (here.length > 0) ranked.push(...sorted(here, MAX_RANKED - ranked.length))
    }
    return { ranked, by: (place[ranked[0] ?? 0] ?? places) < places ? 'order' : by }
  }
  const ranked = sorted(candidates, MAX_RANKED)
  const sticky = sort === 'balanced' ? stickyOf(dense, candidates, request) : undefined
  if (sticky === undefined) return { ranked, by }
  return {
    ranked: [sticky, ...ranked.filter((index) => index !== sticky)].slice(0, MAX_RANKED),
    by: 'sticky',
  }
}

/** The offer that has this conversation in its prompt cache, while it is healthy, has room and has kept its price. */
function stickyOf(
  dense: DensePool,
  candidates: readonly number[],
  request: RouteRequest,
): number | undefined {
  if (request.stickyTo === undefined) return undefined
  const index = candidates.find((at) => dense.pool.offers[at]?.id === request.stickyTo)
  if (index === undefined || dense.pool.offers[index]?.standing !== 'usable') return undefined
  let least = Number.POSITIVE_INFINITY
  for (const at of candidates) least = Math.min(least, expectedAttos(dense, at, request))
  return expectedAttos(dense, index, request) <= least * STICKY_MAX_DEARER ? index : undefined
}

interface Drawing {
  random: () => number
  limit: number
}

/**
 * A weighted draw without replacement: a number falls on an offer as often as its weight says; one that was drawn before
 * is drawn anew. When the weights are so uneven that this takes long, the drawn ones are taken out and it goes on.
 */
function draw(dense: DensePool, candidates: readonly number[], { random, limit }: Drawing): number[] {
  const wanted = Math.min(limit, candidates.length)
  let { weights, sums } = wheelOf(dense, candidates)
  let among = candidates
  const drawn: number[] = []
  while (drawn.length < wanted) {
    const taken = new Set<number>()
    const sum = sums[sums.length - 1] as number
    for (let misses = 0; misses < MAX_MISSES && drawn.length < wanted; ) {
      const at = placeOf(sums, random() * sum)
      if (taken.has(at)) misses += 1
      else {
        taken.add(at)
        drawn.push(among[at] as number)
      }
    }
    if (drawn.length === wanted) break
    among = among.filter((_, at) => !taken.has(at))
    weights = weights.filter((_, at) => !taken.has(at))
    sums = sumsOf(weights)
  }
  return drawn
}

const MAX_MISSES = 8

interface Wheel {
  weights: Float64Array
  /** Of the weights up to and with each place. */
  sums: Float64Array
}

// Candidates are an array that lives as long as what was surveyed; their wheel is turned by every request of the kind.
const wheels = new WeakMap<readonly number[], Wheel>()

function wheelOf(dense: DensePool, candidates: readonly number[]): Wheel {
  const known = wheels.get(candidates)
  if (known) return known
  const weights = exploredWeights(dense, candidates)
  const wheel = { weights, sums: sumsOf(weights) }
  wheels.set(candidates, wheel)
  return wheel
}

function sumsOf(weights: Float64Array): Float64Array {
  const sums = new Float64Array(weights.length)
  let sum = 0
  for (let at = 0; at < weights.length; at += 1) {
    sum += weights[at] as number
    sums[at] = sum
  }
  return sums
}

/** The first place whose sum lies above `point`. */
function placeOf(sums: Float64Array, point: number): number {
  let low = 0
  let high = sums.length - 1
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sums[middle] as number) > point) high = middle
    else low = middle + 1
  }
  return low
}

/** The chance of each candidate to be drawn first. */
export function chancesOf(dense: DensePool, candidates: readonly number[]): Map<number, number> {
  const weights = exploredWeights(dense, candidates)
  const sum = weights.reduce((total, weight) => total + weight, 0)
  return new Map(candidates.map((index, place) => [index, (weights[place] as number) / sum]))
}

/** The candidates' weights; those without a record get a small share of the whole between them, while others could serve. */
function exploredWeights(dense: DensePool, candidates: readonly number[]): Float64Array {
  const weights = new Float64Array(candidates.length)
  let proven = 0
  let unproven = 0
  for (let place = 0; place < candidates.length; place += 1) {
    const index = candidates[place] as number
    const weight = dense.weight[index] as number
    weights[place] = weight
    if (dense.proven[index] === 1) proven += weight
    else unproven += weight
  }
  const most = (proven * EXPLORED_SHARE) / (1 - EXPLORED_SHARE)
  if (proven === 0 || unproven <= most) return weights
  const scale = most / unproven
  for (let place = 0; place < candidates.length; place += 1)
    if (dense.proven[candidates[place] as number] === 0) weights[place] = (weights[place] as number) * scale
  return weights
}

// Written and read within one ranking; a new array for each would cost more than what is written into it.
let scratch = new Float64Array(1_024)

/** What is to be small, for each candidate. An offer whose speed nobody knows stands behind those that are known. */
function measured(
  dense: DensePool,
  candidates: readonly number[],
  { sort, request }: { sort: Exclude<Sort, 'balanced'>; request: RouteRequest },
): Float64Array {
  const count = candidates.length
  if (scratch.length < count) scratch = new Float64Array(count * 2)
  const values = scratch.subarray(0, count)
  const { offers } = dense.pool
  if (sort === 'price' && !dense.hasTiers) {
    const { prompt, completion, perRequest } = dense
    const { inputTokens, outputTokens } = request
    for (let place = 0; place < count; place += 1) {
      const index = candidates[place] as number
      values[place] =
        inputTokens * (prompt[index] as number) +
        outputTokens * (completion[index] as number) +
        (perRequest[index] as number)
    }
    return values
  }
  for (let place = 0; place < count; place += 1) {
    const index = candidates[place] as number
    if (sort === 'price') values[place] = expectedAttos(dense, index, request)
    else if (sort === 'latency') values[place] = offers[index]?.ttftMs ?? Number.MAX_VALUE
    else values[place] = 1 / Math.max(1e-9, offers[index]?.tokensPerS ?? 0)
  }
  return values
}

/**
 * Best band first; inside a band the most room first, and between equals the draw decides. An offer without a record comes
 * first only as often as exploring allows; otherwise it stands behind the band it would be in.
 */
function inBands(
  dense: DensePool,
  candidates: readonly number[],
  { values, random, limit }: Drawing & { values: Float64Array },
): number[] {
  const exploring = random() < EXPLORED_SHARE
  const ranked: number[] = []
  for (let above = Number.NEGATIVE_INFINITY; ranked.length < limit; ) {
    let least = Number.POSITIVE_INFINITY
    for (let place = 0; place < values.length; place += 1) {
      const value = values[place] as number
      if (value > above && value < least) least = value
    }
    if (least === Number.POSITIVE_INFINITY) break
    above = least + Math.abs(least) * BAND
    const from = above
    const band: number[] = []
    for (let place = 0; place < values.length; place += 1) {
      const value = values[place] as number
      if (value >= least && value <= from) band.push(candidates[place] as number)
    }
    for (const index of byRoom(dense, band, { random, exploring }))
      if (ranked.length < limit) ranked.push(index)
  }
  return exploring ? ranked : provenFirst(dense, ranked)
}

function byRoom(
  dense: DensePool,
  band: readonly number[],
  { random, exploring }: { random: () => number; exploring: boolean },
): number[] {
  const known = (index: number) => (exploring ? 0 : 1 - (dense.proven[index] as number))
  return band
    .map((index) => ({ index, room: dense.room[index] as number, chance: random() }))
    .sort((a, b) => known(a.index) - known(b.index) || b.room - a.room || a.chance - b.chance)
    .map(({ index }) => index)
}

/** Moves the best offer with a record to the front; the others keep their places. */
function provenFirst(dense: DensePool, ranked: number[]): number[] {
  const at = ranked.findIndex((index) => dense.proven[index] === 1)
  if (at > 0) ranked.unshift(...ranked.splice(at, 1))
  return ranked
}
