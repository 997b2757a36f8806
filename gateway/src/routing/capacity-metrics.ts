import { formatId } from '../platform/ids.ts'
import type { Metrics } from '../platform/metrics.ts'
import type { Capacity } from './capacity.ts'

/** Fullest listings that are shown; of a thousand idle ones nobody needs the headroom. */
const SHOWN_LISTINGS = 200

/** What operators see of capacity: how full the fullest are, what was refused, and what was lost. */
export function measureCapacity(metrics: Pick<Metrics, 'samples' | 'counter'>, capacity: Capacity): void {
  metrics.samples(
    'gateway_listing_headroom_ratio',
    {
      help: 'What is left of the scarcest limit of a listing, 0 to 1: of the fullest listings.',
      labels: ['listing'],
    },
    () =>
      capacity
        .state(SHOWN_LISTINGS)
        .map(({ listingId, headroom }) => ({ labels: [formatId('lst-', listingId)], value: headroom })),
  )
  metrics.samples(
    'gateway_capacity_refusals_total',
    {
      help: 'Times a listing was looked at and had no room, by the limit that was in the way.',
      labels: ['kind'],
      type: 'counter',
    },
    () => Object.entries(capacity.refusals()).map(([kind, value]) => ({ labels: [kind], value })),
  )
  metrics.counter(
    'gateway_capacity_leases_lost_total',
    'Places given back for requests that nobody had brought to their end.',
    () => capacity.lost(),
  )
}
