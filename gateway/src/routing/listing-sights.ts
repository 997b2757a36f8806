/** What sellers and buyers are shown of how listings do: from the router's own state and from the last hour's decisions. */
import type { ListingSights, Sight } from '../marketplace/listing-sight.ts'
import type { Clock } from '../platform/clock.ts'
import type { Breakers } from './breakers.ts'
import type { Capacity, CapacityView } from './capacity.ts'
import { reasonOf } from './explain.ts'
import { HourCounts } from './hour-counts.ts'
import type { EndedAttempt } from './leases.ts'
import type { Reputations } from './reputation.ts'
import type { Rests } from './rests.ts'
import type { RouteRecord } from './route-log.ts'

/** Listings with a record of the last hour; beyond it the oldest is forgotten. */
const MAX_LISTINGS = 20_000
/** Looking at every offer of a decision costs some hundred microseconds, so only so many a second are looked at. */
const SAMPLES_PER_SECOND = 20
const MAX_OFFERS = 500
const STATE_LIMIT = 100_000

// What says nothing about the listing: its buyer left, asked for what cannot be, or we failed.
export const UNCOUNTED: ReadonlySet<string> = new Set(['client_gone', 'user_error', 'own_fault'])

export interface ListingHours extends ListingSights {
  attempted(attempt: EndedAttempt): void
  routed(record: RouteRecord): void
}

export interface ListingSightsDeps {
  clock: Clock
  breakers: Pick<Breakers, 'state'>
  capacity: Pick<Capacity, 'viewOf'>
  rests: Pick<Rests, 'state'>
  reputations: Reputations
}

interface Hour {
  /** Offers of the listing that decisions have seen. */
  offers: Set<string>
  notChosen: HourCounts
  outcomes: HourCounts
}

export function createListingSights(deps: ListingSightsDeps): ListingHours {
  const { clock } = deps
  const hours = new Map<string, Hour>()
  let sampledSecond = 0
  let samplesLeft = 0
  let skipped = 0

  function hourOf(listingId: string): Hour {
    const known = hours.get(listingId)
    if (known) return known
    const oldest = hours.keys().next()
    if (hours.size >= MAX_LISTINGS && !oldest.done) hours.delete(oldest.value)
    const hour = { offers: new Set<string>(), notChosen: new HourCounts(), outcomes: new HourCounts() }
    hours.set(listingId, hour)
    return hour
  }

  /** How many decisions this one stands for; 0 when it is not looked at. */
  function sampled(nowMs: number): number {
    const second = Math.floor(nowMs / 1_000)
    if (second !== sampledSecond) {
      sampledSecond = second
      samplesLeft = SAMPLES_PER_SECOND
    }
    if (samplesLeft === 0) {
      skipped += 1
      return 0
    }
    samplesLeft -= 1
    const standsFor = 1 + skipped
    skipped = 0
    return standsFor
  }

  return {
    attempted({ offer, outcome, innocent }) {
      if (innocent || UNCOUNTED.has(outcome)) return
      const hour = hourOf(offer.listingId)
      hour.offers.add(offer.id)
      hour.outcomes.add(outcome === 'ok' ? 'ok' : 'failed', 1, clock.monotonicMs())
    },
    routed({ plan, atMs, monotonicMs }) {
      const nowMs = clock.monotonicMs()
      const standsFor = sampled(nowMs)
      if (standsFor === 0) return
      for (const decision of plan.decisions) {
        const { offers } = decision.dense.pool
        for (let index = 0; index < Math.min(offers.length, MAX_OFFERS); index += 1) {
          const reason = reasonOf({ ...decision, atMs, monotonicMs }, index)
          if (reason) hourOf(offers[index]?.listing as string).notChosen.add(reason, standsFor, nowMs)
        }
      }
    },
    sightOf: (listingId) => sightOf(deps, hours.get(listingId), listingId),
  }
}

function sightOf(
  { clock, breakers, capacity, rests, reputations }: ListingSightsDeps,
  hour: Hour | undefined,
  listingId: string,
): Sight {
  const nowMs = clock.monotonicMs()
  const toWall = (untilMs: number) => clock.nowMs() + untilMs - nowMs
  const { ok = 0, failed = 0 } = hour?.outcomes.sums(nowMs) ?? {}
  const view = capacity.viewOf(listingId)
  const reached = view?.reached
  const modelOf = (id: string) => (id.includes(':') ? id.slice(id.indexOf(':') + 1) : null)
  return {
    fill: view?.fill ?? 0,
    headroom: headroomOf(view),
    breakers: breakers
      .state(STATE_LIMIT)
      .filter(({ offerId, state }) => offerId.startsWith(`${listingId}:`) && state !== 'closed')
      .map(({ offerId, state, untilMs }) => ({
        model: modelOf(offerId) ?? '',
        state,
        untilMs: untilMs === undefined ? undefined : toWall(untilMs),
      })),
    resting: [
      ...(reached ? [{ model: null, reason: `${reached.kind}_limit`, untilMs: reached.untilMs }] : []),
      ...rests
        .state(STATE_LIMIT)
        .filter(({ id }) => id === listingId || id.startsWith(`${listingId}:`))
        .map(({ id, reason, untilMs }) => ({ model: modelOf(id), reason, untilMs: toWall(untilMs) })),
    ],
    notChosen: hour?.notChosen.sums(nowMs) ?? {},
    reputation: reputationOf(reputations, hour?.offers, listingId),
    successRate: ok + failed === 0 ? null : ok / (ok + failed),
  }
}

/** That of its worst model; null until one of its offers was seen. */
function reputationOf(
  reputations: Reputations,
  offers: ReadonlySet<string> | undefined,
  listingId: string,
): number | null {
  if (!offers || offers.size === 0) return null
  return Math.min(...[...offers].map((id) => reputations.of({ id, listingId }).factor))
}

/** What is left of each limit, 0 to 1. */
function headroomOf(view: CapacityView | undefined): Record<string, number> {
  const headroom: Record<string, number> = {}
  for (const [name, reading] of Object.entries(view?.limits ?? {}))
    if (reading) headroom[name] = Math.max(0, 1 - Number(reading.used) / Number(reading.limit))
  return headroom
}
