/**
 * Lets earnings mature: from pending to available, once per seller and day. What matures is written down before it is
 * booked and booked under that name, so that whatever is in doubt is simply booked again; and the ledger lets nobody
 * mature more than is pending.
 */
import type { Ledger } from '../ledger/ledger.ts'
import { earningMatured } from '../ledger/payout-postings.ts'
import type { Clock } from '../platform/clock.ts'
import type { Database } from '../platform/database.ts'
import { GatewayError } from '../platform/errors.ts'
import type { Logger } from '../platform/logger.ts'
import { maturityHorizon } from './maturity-schedule.ts'
import {
  dropMaturity,
  markMatured,
  type PlannedMaturity,
  planMaturities,
  plannedMaturities,
} from './maturity-store.ts'

// A round is cut into steps of a few milliseconds each.
const SELLERS_A_STEP = 200
// Until a reserve is asked of new sellers, all that matures is free.
const RESERVE_BPS = 0

export interface MatureDeps {
  database: Pick<Database, 'pool'>
  ledger: Pick<Ledger, 'post'>
  clock: Clock
  logger: Pick<Logger, 'error'>
  holdDays: number
}

export interface Maturing {
  /** All sellers, for a timer; returns how many journals were booked. One seller's failure is logged, not thrown. */
  all(): Promise<number>
  /** One seller, who waits. Throws what the ledger throws. */
  of(organisationId: string): Promise<void>
}

export function createMaturing({
  database: { pool },
  ledger,
  clock,
  logger,
  holdDays,
}: MatureDeps): Maturing {
  const horizon = () => maturityHorizon(clock.nowMs(), holdDays)

  async function book(planned: PlannedMaturity): Promise<boolean> {
    const { organisationId, day, part, amountNanos: maturedNanos } = planned
    try {
      const { fresh } = await ledger.post(
        earningMatured({ organisationId, day, part, maturedNanos, reserveBps: RESERVE_BPS }),
      )
      await markMatured(pool, planned)
      return fresh
    } catch (error) {
      // Taken meanwhile, for a case or a refund: what is left is planned anew the next time.
      if (!(error instanceof GatewayError && error.code === 'conflict')) throw error
      await dropMaturity(pool, planned)
      return false
    }
  }

  /** What is planned, until nothing is or something fails: what failed is tried again in the next round. */
  async function bookAll(): Promise<number> {
    let booked = 0
    for (;;) {
      const planned = await plannedMaturities(pool, { organisationId: undefined, limit: SELLERS_A_STEP })
      let failed = false
      for (const each of planned) {
        try {
          if (await book(each)) booked += 1
        } catch (error) {
          failed = true
          logger.error({ err: error, organisationId: each.organisationId }, 'earnings did not mature')
        }
      }
      if (failed || planned.length < SELLERS_A_STEP) return booked
    }
  }

  return {
    async all() {
      let booked = await bookAll()
      let afterOwner = ''
      for (;;) {
        const step = { horizon: horizon(), organisationId: undefined, afterOwner, limit: SELLERS_A_STEP }
        const { looked, lastOwner } = await planMaturities(pool, step)
        booked += await bookAll()
        if (looked < SELLERS_A_STEP || lastOwner === undefined) return booked
        afterOwner = lastOwner
      }
    },
    async of(organisationId) {
      const bookOwn = async () => {
        for (const planned of await plannedMaturities(pool, { organisationId, limit: SELLERS_A_STEP }))
          await book(planned)
      }
      await bookOwn()
      await planMaturities(pool, { horizon: horizon(), organisationId, afterOwner: '', limit: 1 })
      await bookOwn()
    },
  }
}
