/**
 * What an offer's breaker cannot know from its own outcomes: whether the provider or our own network is down, how fast
 * and how willing it is beside the others of its model, and what its vendor's 429s leave of its concurrency.
 */
import type { Offer } from '../marketplace/offer.ts'
import type { OutcomeClass, UpstreamFailure } from '../providers/outcome.ts'
import { isDoubtful, isRival } from './arbitration.ts'
import { type Concurrency, createConcurrency } from './concurrency.ts'
import type { Verdict } from './health.ts'
import { createLocalOutage, type LocalOutage } from './local-outage.ts'
import { countAnswer, createOfferRecords } from './offer-records.ts'
import type { OriginTicket } from './origin-health.ts'
import { createOrigins, type OriginStanding, type Origins } from './origins.ts'
import { impatientSample, isSlowProbe, noteSpeed, slowRules } from './slow-score.ts'

// What failed within it when an outage of ours is found out was ours too.
const OUTAGE_BEGAN_MS = 5_000
// What failed within it when a provider is found to be down was the provider's.
const ORIGIN_FAILED_MS = 30_000

/** What health needs to know of an offer. */
export type Judged = Pick<Offer, 'id' | 'listingId' | 'sellerOrganisationId' | 'model' | 'baseUrl'> &
  Partial<Pick<Offer, 'concurrency' | 'modelCapacity'>>

/** What an attempt came to. */
export interface Ended extends Verdict {
  /** From its start to its first content; the same as `durationMs` when all came at once. */
  ttftMs?: number | undefined
  durationMs?: number | undefined
  /** The upstream's name led where it must not lead, which says nothing about the network. */
  blocked?: boolean | undefined
}

export interface Surroundings {
  /** `undefined` while the offer's origin may be used as usual. */
  originStanding(offer: Judged, nowMs: number): OriginStanding | undefined
  beginAtOrigin: Origins['begin']
  /** Factor of its weight, and share of its concurrency. */
  weightOf(offerId: string): number
  placesOf(offerId: string): number
  /** Takes note of an outcome, and returns what it is judged to be: a failed connection may be a fault of ours. */
  judge(offer: Judged, ticket: OriginTicket | undefined, event: Ended, nowMs: number): OutcomeClass
  /** True when it must not count against the listing. */
  isFrozen(offer: Judged, ticket: OriginTicket | undefined, nowMs: number): boolean
  isSlowProbe(offer: Judged, event: Ended): boolean
  listingOpened(offer: Judged, nowMs: number): void
  isDoubtful(offer: Judged, failure: UpstreamFailure): boolean
  originOf(offer: Judged): string
  origins(): ReturnType<Origins['state']>
  counts(): { slow: number; paced: number; localOutages: number; isOutage: boolean; originsOpened: number }
}

export interface SurroundingsDeps {
  monotonicMs: () => number
  random: () => number
  offersFor: (model: string) => readonly Judged[]
  isListingOpen: (offer: Pick<Judged, 'id'>) => boolean
  /** Takes back what befell listings since then; `origin` left out: those whose connections failed. */
  pardon: (which: { sinceMs: number; origin?: string }) => void
}

// Whatever it was, somebody outside said it.
const ANSWERS: ReadonlySet<OutcomeClass> = new Set([
  'ok',
  'user_error',
  'rate_limited',
  'key_rejected',
  'model_refused',
  'quota_exhausted',
  'overloaded',
  'malformed',
])

export function createSurroundings(deps: SurroundingsDeps): Surroundings {
  const outage = createLocalOutage()
  const paces = createConcurrency()
  const slow = new Set<string>()
  const records = createOfferRecords({ onForget: (offerId) => void slow.delete(offerId) })
  let originsOpened = 0
  const origins = createOrigins({
    ...deps,
    onOpen(origin, nowMs) {
      originsOpened += 1
      deps.pardon({ sinceMs: nowMs - ORIGIN_FAILED_MS, origin })
    },
  })

  function connectionFailed(offer: Judged, nowMs: number): OutcomeClass {
    if (outage.connectionFailed(origins.nameOf(offer), nowMs)) {
      deps.pardon({ sinceMs: nowMs - OUTAGE_BEGAN_MS })
      origins.pardon(nowMs - OUTAGE_BEGAN_MS)
    }
    return outage.isOn(nowMs) ? 'own_fault' : 'network'
  }

  function noteAnswer(offer: Judged, event: Ended, nowMs: number): void {
    const record = records.of(offer, nowMs)
    countAnswer(record, { refused: event.outcome === 'user_error' })
    if (event.outcome !== 'ok' || event.ttftMs === undefined) return
    mark(offer.id, noteSpeed(record, kindOf(event), event.ttftMs, nowMs))
  }

  function noteImpatience(offer: Judged, event: Ended, nowMs: number): void {
    const record = records.find(offer.id)
    if (!record || event.durationMs === undefined) return
    if (event.ttftMs !== undefined && event.ttftMs < event.durationMs) return
    const kind = record.pool.streamed.samples > 0 ? 'streamed' : 'whole'
    const sample = impatientSample(record, kind, event.durationMs)
    if (sample !== undefined) mark(offer.id, noteSpeed(record, kind, sample, nowMs))
  }

  function mark(offerId: string, isSlow: boolean): void {
    if (isSlow) slow.add(offerId)
    else if (slow.size > 0) slow.delete(offerId)
  }

  function judge(offer: Judged, ticket: OriginTicket | undefined, event: Ended, nowMs: number): OutcomeClass {
    const { status } = event
    let { outcome } = event
    if (ANSWERS.has(outcome) || status !== undefined) outage.answered()
    else if (outcome === 'network' && !event.blocked) outcome = connectionFailed(offer, nowMs)
    const isOurs = outage.isOn(nowMs)
    origins.end(offer, ticket, { outcome: isOurs ? 'own_fault' : outcome, status }, nowMs)
    if (outcome === 'ok' || outcome === 'user_error') noteAnswer(offer, event, nowMs)
    else if (outcome === 'client_gone') noteImpatience(offer, event, nowMs)
    else if (outcome === 'rate_limited') paces.limited(offer, nowMs)
    if (outcome === 'ok') paces.served(offer, nowMs)
    return outcome
  }

  return {
    originStanding: origins.standing,
    beginAtOrigin: origins.begin,
    weightOf: (offerId) => (slow.size > 0 && slow.has(offerId) ? slowRules.share : 1),
    placesOf: paces.shareOf,
    judge,
    isFrozen: (offer, ticket, nowMs) => outage.isOn(nowMs) || origins.isFrozen(offer, ticket),
    isSlowProbe: (offer, event) =>
      event.ttftMs !== undefined && isSlowProbe(records.find(offer.id), kindOf(event), event.ttftMs),
    listingOpened: origins.listingOpened,
    isDoubtful: (offer, failure) =>
      isDoubtful(failure, records.find(offer.id), {
        hasRival: deps.offersFor(offer.model).some((other) => isRival(offer, other)),
      }),
    originOf: origins.nameOf,
    origins: origins.state,
    counts: () => countsOf({ slow, paces, outage, originsOpened, nowMs: deps.monotonicMs() }),
  }
}

function kindOf({ ttftMs, durationMs }: Ended): 'streamed' | 'whole' {
  return ttftMs === durationMs ? 'whole' : 'streamed'
}

function countsOf({
  slow,
  paces,
  outage,
  originsOpened,
  nowMs,
}: {
  slow: ReadonlySet<string>
  paces: Concurrency
  outage: LocalOutage
  originsOpened: number
  nowMs: number
}): ReturnType<Surroundings['counts']> {
  return {
    slow: slow.size,
    paced: paces.count(),
    localOutages: outage.count(),
    isOutage: outage.isOn(nowMs),
    originsOpened,
  }
}
