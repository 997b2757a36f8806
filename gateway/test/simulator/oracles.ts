/** What must be true of every simulated run, judged by what the world knows. Each returns what it found wrong, in words. */
import type { Offer } from '../../src/marketplace/offer.ts'
import type { Decision } from '../../src/routing/plan.ts'
import { asSaid } from './oracle-prices.ts'
import { told } from './oracle-reasons.ts'
import { kept } from './oracle-rests.ts'
import { inTurn } from './oracle-waits.ts'
import type { Played, Run } from './run.ts'
import { allows } from './well.ts'

export type Oracle = (run: Run) => string[]

/** By name, as sentences that hold. */
export const oracles: Readonly<Record<string, Oracle>> = {
  'nobody is refused while a healthy offer has room, attempts and budget remain': avoidable,
  'no seller is ever asked for more than he said': overruns,
  'a request is tried three times at most, and never twice at a listing': tries,
  'nobody is served by somebody whom he excluded': obeyed,
  'a listing without a fault is never put out': falseEjections,
  'a listing is put out for what it did since it was last let in': earned,
  'who rests or is put out is left alone': kept,
  'every cheaper offer that was passed over has a reason, and a true one': told,
  'every decision comes out the same from what is stored of it': replayed,
  'everything that was taken is given back': givenBack,
  'the price of an attempt is the one that was planned, and the one its seller asked for': asSaid,
  'who waits is served in turn and in time': inTurn,
}

/** What the oracles find wrong with a run, each finding under its oracle's name; empty when all is well. */
export function findings(run: Run, of: Readonly<Record<string, Oracle>> = oracles): string[] {
  return Object.entries(of).flatMap(([name, oracle]) => {
    const found = oracle(run)
    return found.length === 0
      ? []
      : [`[${run.scene.name}] ${name}: ${found.length} times not. ${found.slice(0, 3).join(' | ')}`]
  })
}

const OURS = new Set([
  'no_capacity',
  'upstream_failed',
  'upstream_timeout',
  'unavailable',
  'model_not_found',
  'invalid_value',
])

function avoidable(run: Run): string[] {
  const servedIn = servedBetween(run)
  return run.played.flatMap((one) => {
    const { end, code, tries, request, wrong, poison } = one
    if (end !== 'refused' || !OURS.has(code ?? '') || wrong || poison) return []
    // A line is looked at every tenth of a second at least: whoever leaves it in vain may have missed room by that much.
    if (one.maxWaitMs > 0 && tries.length === 0 && (one.endedMs ?? 0) > one.cameMs) return []
    const { policy } = request
    const most = policy.allowFallbacks === false && !policy.order ? 1 : 3
    if (tries.length >= most) return []
    if (tries.length > 0 && (!one.mightRetry || isQueryOfDeath(one, servedIn))) return []
    const tried = new Set(tries.map(({ offer }) => offer.listingId))
    // A plan that names enough is not made anew when one of its offers fails; who was full then is not asked again.
    const named = new Set(one.plan?.offers.map(({ id }) => id))
    const could = one.wellAtFirst.filter(
      (id) =>
        one.wellAtLast.includes(id) &&
        !tried.has(id.slice(0, id.indexOf(':'))) &&
        (named.size < most || named.has(id)),
    )
    if (could.length === 0) return []
    return [
      `${request.requestId} heard ${code} at ${at(one.endedMs)} after ${triesOf(one)}; could have served: ${could.slice(0, 3)}`,
    ]
  })
}

type ServedBetween = (listingId: string, fromMs: number, untilMs: number) => boolean

/** Whether a listing served anybody in that time. */
function servedBetween({ played }: Run): ServedBetween {
  const servedMs = new Map<string, number[]>()
  for (const { tries: all } of played)
    for (const { offer, outcome, endedMs = 0 } of all)
      if (outcome === 'ok')
        servedMs
          .set(offer.listingId, servedMs.get(offer.listingId) ?? [])
          .get(offer.listingId)
          ?.push(endedMs)
  for (const times of servedMs.values()) times.sort((a, b) => a - b)
  return (listingId, fromMs, untilMs) => {
    const times = servedMs.get(listingId) ?? []
    let low = 0
    for (let high = times.length; low < high; ) {
      const middle = (low + high) >> 1
      if ((times[middle] as number) < fromMs) low = middle + 1
      else high = middle
    }
    return (times[low] ?? Number.POSITIVE_INFINITY) <= untilMs
  }
}

const MAY_BE_THE_QUERY = new Set(['server_error', 'timeout', 'malformed'])

/** Two sellers failed on it, and both served others meanwhile: then no third one is sacrificed. */
function isQueryOfDeath({ tries: all, endedMs = 0 }: Played, servedIn: ServedBetween): boolean {
  const sellers = all
    .filter(({ outcome }) => MAY_BE_THE_QUERY.has(outcome ?? ''))
    .filter(({ offer, takenMs }) => servedIn(offer.listingId, takenMs, endedMs))
    .map(({ offer }) => offer.sellerOrganisationId)
  return new Set(sellers).size >= 2
}

function overruns({ upstreams, books }: Run): string[] {
  return [...[...upstreams.values()].flatMap((one) => one.overruns), ...books.overruns]
}

function tries({ played }: Run): string[] {
  return played
    .filter(
      ({ tries: all }) =>
        all.length > 3 || new Set(all.map(({ offer }) => offer.listingId)).size < all.length,
    )
    .map((one) => `${one.request.requestId}: ${triesOf(one)}`)
}

function obeyed({ played }: Run): string[] {
  return played.flatMap(({ request, tries: all }) =>
    all
      .filter(
        ({ offer }) => !allows({ ...request, policy: { ...request.policy, maxPrice: undefined } }, offer),
      )
      .map(
        ({ offer }) =>
          `${request.requestId} was sent to ${offer.id}, against ${JSON.stringify(request.policy)}`,
      ),
  )
}

function falseEjections({ changes, paused, well }: Run): string[] {
  const ejected = changes.filter(
    ({ to, offerId, atMs }) =>
      to === 'open' && well.isBlameless(offerId.slice(0, offerId.indexOf(':')), atMs),
  )
  const off = paused.filter(({ listingId, atMs }) => well.isBlameless(listingId, atMs))
  return [
    ...ejected.map(({ offerId, atMs }) => `the breaker of ${offerId} opened at ${at(atMs)}`),
    ...off.map(({ listingId, state, atMs }) => `${listingId} became ${state} at ${at(atMs)}`),
  ]
}

/** The fewest failures that put anybody out: three connections in a row. */
const FEWEST = 3

function earned({ changes, played }: Run): string[] {
  const failures = played
    .flatMap(({ tries: all }) => all)
    .filter(({ outcome }) => outcome !== undefined && outcome !== 'ok' && outcome !== 'client_gone')
  const letInMs = new Map<string, number>()
  return changes.flatMap(({ offerId, from, to, atMs }) => {
    if (to === 'closed') letInMs.set(offerId, atMs)
    if (from !== 'closed' || to !== 'open') return []
    const sinceMs = letInMs.get(offerId) ?? 0
    const since = failures.filter(
      ({ offer, takenMs, endedMs = 0 }) => offer.id === offerId && takenMs >= sinceMs && endedMs <= atMs,
    )
    return since.length >= FEWEST
      ? []
      : [`${offerId} was put out at ${at(atMs)} after ${since.length} failures`]
  })
}

function replayed({ house, played }: Run): string[] {
  // A pool is laid out once for all decisions that were made from it.
  const pools = new Map<object, ReturnType<typeof house.densify>>()
  const again = ({ dense, request, seed }: Decision) => {
    const stored = pools.get(dense) ?? house.densify(JSON.parse(JSON.stringify(dense.pool)))
    pools.set(dense, stored)
    return house.choose(stored, JSON.parse(JSON.stringify(request)), seed)
  }
  return played.flatMap(({ plan, request }) =>
    (plan?.decisions ?? [])
      .filter((decision) => JSON.stringify(again(decision)) !== JSON.stringify(decision.choice))
      .map(({ model }) => `${request.requestId} for ${model} came out otherwise`),
  )
}

function givenBack({ played, atEnd, books, waitingAtEnd, routes, scene }: Run): string[] {
  const lost = played.filter(({ end }) => end === 'lost').length
  const ended = played.filter(({ end }) => end !== undefined).length
  const plans = played.filter(({ plan }) => plan !== undefined).length
  const running = atEnd.capacity.filter(
    (view) => view.running !== 0 || view.models.some((one) => one.running !== 0),
  )
  const untold = books.running() - lost
  const active = atEnd.pools.reduce((sum, pool) => sum + pool.active, 0)
  return [
    ...played.flatMap(({ request, fault }) => (fault ? [`${request.requestId} ended with ${fault}`] : [])),
    ...(ended === scene.traffic.requests ? [] : [`${scene.traffic.requests - ended} requests never ended`]),
    ...running.map(({ listingId, running: count }) => `${count} still run at ${listingId}`),
    ...(untold === 0 ? [] : [`${untold} leases were not ended`]),
    ...(active === lost ? [] : [`${active} requests count as active, ${lost} were lost`]),
    ...(waitingAtEnd === 0 ? [] : [`${waitingAtEnd} still wait`]),
    ...(routes.length === plans - lost ? [] : [`${routes.length} decisions were told of ${plans - lost}`]),
  ]
}

function triesOf({ tries: all }: Pick<Played, 'tries'>): string {
  return all.map(({ offer, outcome }) => `${nameOf(offer)} ${outcome}`).join(', ') || 'no attempt'
}

function nameOf({ id }: Pick<Offer, 'id'>): string {
  return id
}

function at(ms: number | undefined): string {
  return `${Math.round(ms ?? 0)} ms`
}
