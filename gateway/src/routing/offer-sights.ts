/** What buyers are shown of how offers stand: from the state that the router itself decides by. */
import type { Offer } from '../marketplace/offer.ts'
import type { OfferSight, OfferSights } from '../marketplace/offer-sight.ts'
import type { Clock } from '../platform/clock.ts'
import type { Breakers } from './breakers.ts'
import type { Capacity } from './capacity.ts'
import { createDayOutcomes } from './day-outcomes.ts'
import type { EndedAttempt } from './leases.ts'
import { UNCOUNTED } from './listing-sights.ts'
import type { PoolStanding } from './pool.ts'
import { stand } from './pools.ts'
import type { Rests } from './rests.ts'

const DAY_MS = 86_400_000

const shown: Readonly<Record<PoolStanding, OfferSight['standing']>> = {
  usable: 'available',
  probe: 'trying_again',
  ejected: 'trying_again',
  breaker_open: 'failing',
  origin_open: 'failing',
  cooling: 'resting',
  model_suspended: 'resting',
  listing_suspended: 'resting',
  disabled: 'resting',
  full: 'full',
  day_limit: 'full',
  month_limit: 'full',
}

export interface OfferSightsDeps {
  clock: Clock
  breakers: Breakers
  capacity: Capacity
  rests: Rests
}

export function createOfferSights(deps: OfferSightsDeps): OfferSights & {
  attempted(attempt: EndedAttempt): void
} {
  const { clock, capacity } = deps
  const startedMs = clock.nowMs()
  const outcomes = createDayOutcomes(clock.monotonicMs)
  // As deciding asks, but nobody is refused by being looked at, so nothing is counted.
  const looking: OfferSightsDeps['capacity'] = {
    ...capacity,
    roomAt: (offer, load, nowMs) => (capacity.whyFull(offer, load, nowMs) ? Number.NEGATIVE_INFINITY : 1),
  }
  return {
    attempted({ offer, outcome, innocent }) {
      if (!innocent && !UNCOUNTED.has(outcome)) outcomes.add(offer.id, outcome === 'ok')
    },
    sightOf(offer: Offer): OfferSight {
      const nowMs = clock.monotonicMs()
      const { standing, untilMs } = stand({ ...deps, capacity: looking }, offer, nowMs)
      return {
        standing: shown[standing],
        reason: standing === 'usable' ? null : standing,
        untilMs:
          untilMs === undefined
            ? wallEnd(capacity.limitReached(offer.listingId)?.untilMs)
            : Math.round(clock.nowMs() + untilMs - nowMs),
        fill: Number(Math.min(1, Math.max(0, capacity.fillOf(offer, nowMs))).toFixed(4)),
        ...outcomes.of(offer.id),
      }
    },
    countedSinceMs: () => Math.max(startedMs, clock.nowMs() - DAY_MS),
  }
}

function wallEnd(untilMs: number | undefined): number | undefined {
  return untilMs !== undefined && Number.isFinite(untilMs) ? Math.round(untilMs) : undefined
}
