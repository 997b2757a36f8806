/** What a seller looks at: how full his listing is, how well, what it earned, and why others were chosen. */

import { type ListingEarnings, listingEarnings } from '../ledger/listing-earnings.ts'
import type { Clock } from '../platform/clock.ts'
import type { Database } from '../platform/database.ts'
import { GatewayError } from '../platform/errors.ts'
import { formatId } from '../platform/ids.ts'
import type { Actor } from './actor.ts'
import { healthOf, type ListingSights } from './listing-sight.ts'
import type { ListingState } from './listing-states.ts'
import type { ListingDashboardShown } from './listings-api.ts'
import type { ListingSearch } from './search-listings.ts'

export interface DashboardDeps {
  database: Database
  search: Pick<ListingSearch, 'see'>
  sights: () => ListingSights
  clock: Clock
}

/** Throws `not_found` for a listing of somebody else's, also for one that is on offer. */
export async function dashboardOf(
  { database, search, sights, clock }: DashboardDeps,
  id: string,
  viewer: Actor,
): Promise<ListingDashboardShown> {
  const { listing, isWhole } = await search.see(id, viewer)
  if (!isWhole) {
    throw new GatewayError(
      'not_found',
      'You have no such listing. GET /api/marketplace/listings?scope=own lists yours.',
    )
  }
  const sight = sights().sightOf(id)
  const owner = { sellerOrganisationId: listing.organisationId, listingId: id }
  const earned = await listingEarnings(database.pool, owner, clock.nowMs())
  return {
    id: formatId('lst-', id),
    state: listing.state as ListingState,
    stateReason: listing.stateReason,
    fill: sight.fill,
    fillLastHour: [...(sights().fillLastHour?.(id) ?? [])],
    headroom: sight.headroom,
    health: healthOf(sight, listing.models.length),
    breakers: sight.breakers.map(({ untilMs, ...breaker }) => ({ ...breaker, until: instant(untilMs) })),
    resting: sight.resting.map(({ untilMs, ...rest }) => ({ ...rest, until: instant(untilMs) })),
    successRate: sight.successRate,
    reputation: sight.reputation,
    notChosenLastHour: sight.notChosen,
    earnings: showEarnings(earned),
  }
}

function showEarnings({ today, month, total }: ListingEarnings) {
  const show = ({ requests, nanos }: ListingEarnings['today']) => ({
    requests: Number(requests),
    amountNanos: nanos.toString(),
  })
  // Years of a busy seller are not added up while he waits.
  return { today: show(today), month: show(month), total: total && show(total) }
}

/** A rest without an end lasts until something else ends it. */
function instant(ms: number | undefined): string | null {
  return ms === undefined || !Number.isFinite(ms) ? null : new Date(ms).toISOString()
}
