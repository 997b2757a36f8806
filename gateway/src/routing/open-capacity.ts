/** Builds capacity with what it needs of the rest of the house. */
import type { Audit } from '../audit/audit.ts'
import type { Clock } from '../platform/clock.ts'
import type { Database } from '../platform/database.ts'
import { formatId } from '../platform/ids.ts'
import type { Logger } from '../platform/logger.ts'
import type { Metrics } from '../platform/metrics.ts'
import { type Capacity, createCapacity } from './capacity.ts'
import { measureCapacity } from './capacity-metrics.ts'
import { watchLimits } from './limit-watch.ts'
import { readSpent } from './quota-store.ts'

export interface OpenCapacityDeps {
  clock: Clock
  database: Database
  logger: Logger
  metrics: Metrics
  audit: Audit
}

/** Capacity with what was used of this day and month already, followed by those who show it. */
export async function openCapacity(
  { clock, database, logger, metrics, audit }: OpenCapacityDeps,
  closers: (() => Promise<unknown> | unknown)[],
): Promise<Capacity> {
  const capacity = createCapacity({ clock, spent: await readSpent(database.pool, clock.nowMs()) })
  measureCapacity(metrics, capacity)
  const limits = watchLimits({
    capacity,
    logger,
    tell: ({ listingId, reason, untilMs }) =>
      audit.record({
        actor: 'system',
        action: untilMs === undefined ? 'listing.active' : 'listing.cooling',
        subject: formatId('lst-', listingId),
        detail: { reason, ...(untilMs === undefined ? {} : { until: new Date(untilMs).toISOString() }) },
      }),
  })
  closers.push(() => limits.close())
  return capacity
}
