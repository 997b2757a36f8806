/** Where a seller's earnings are on their way to him, and when they mature. */
import type { Clock } from '../platform/clock.ts'
import type { Database } from '../platform/database.ts'
import { formatId } from '../platform/ids.ts'
import type { Earnings } from './api.ts'
import type { Maturing } from './mature-earnings.ts'
import { maturityHorizon, maturitySchedule } from './maturity-schedule.ts'
import { earnedByDay } from './maturity-store.ts'
import type { Payouts } from './payouts.ts'

export interface EarningsDeps {
  database: Pick<Database, 'pool'>
  payouts: Pick<Payouts, 'standing'>
  maturing: Pick<Maturing, 'of'>
  clock: Clock
  holdDays: number
  minNanos: bigint
}

/** Lets what is due mature first, so that nobody is shown less than he has. Throws `not_found`. */
export async function readEarnings(
  { database: { pool }, payouts, maturing, clock, holdDays, minNanos }: EarningsDeps,
  organisationId: string,
): Promise<Earnings> {
  await maturing.of(organisationId)
  const { youngSince } = maturityHorizon(clock.nowMs(), holdDays)
  const [standing, earned] = await Promise.all([
    payouts.standing(organisationId),
    youngSince ? earnedByDay(pool, { organisationId, since: youngSince }) : [],
  ])
  const { pendingNanos } = standing
  const schedule = maturitySchedule({ pendingNanos, earned, holdDays, nowMs: clock.nowMs() })
  return {
    organisation: formatId('org-', organisationId),
    currency: 'USD',
    pendingNanos: pendingNanos.toString(),
    availableNanos: standing.availableNanos.toString(),
    reserveNanos: standing.reserveNanos.toString(),
    inFlightNanos: standing.inFlightNanos.toString(),
    paidNanos: standing.paidNanos.toString(),
    owedNanos: standing.owedNanos.toString(),
    holdDays,
    matures: schedule.map(({ at, amountNanos }) => ({
      at: at.toISOString(),
      amountNanos: amountNanos.toString(),
    })),
    payout: {
      payableNanos: standing.payable.toString(),
      minNanos: minNanos.toString(),
      openId: standing.openPayoutId ?? null,
      obstacles: standing.obstacles,
    },
  }
}
