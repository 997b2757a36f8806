/**
 * How the ledger is, cheaply enough for every minute: whether all accounts sum to zero and what is held is what is open,
 * what waits for somebody, and for how long nothing was sealed. The whole proof is the audit's.
 */
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import type { Metrics } from '../platform/metrics.ts'
import { formatUsd } from '../platform/money.ts'
import { readHealth } from './health-store.ts'
import type { LedgerPool } from './store.ts'

export interface LedgerHealth {
  /** Debits less credits over all accounts; anything but zero is a fault. */
  offNanos: bigint
  /** What accounts hold less what open holds come to. */
  heldOffNanos: bigint
  deadLetters: number
  /** Open a minute after their time: nobody expires them. */
  overdueHolds: number
  /** Age of the oldest journal or usage record that is not sealed. */
  unsealedSeconds: number
  checkedAtMs: number
}

export type HealthCheck = 'sums_to_zero' | 'held_is_open' | 'letters_answered' | 'holds_end' | 'sealed'

export interface LedgerHealthReader {
  /** Looks now and keeps what it sees for the metrics; for a timer. Throws what the database throws. */
  check(): Promise<LedgerHealth>
  /** What was last seen, looked up again when it is older than 15 seconds: many askers cost one look. */
  read(): Promise<LedgerHealth>
}

export interface LedgerHealthDeps {
  pool: LedgerPool
  clock: Clock
  logger: Pick<Logger, 'error'>
  metrics?: Pick<Metrics, 'gauge'>
}

const FRESH_MS = 15_000
const OVERDUE_MS = 60_000
// Sealing runs every few seconds; a transaction that hangs holds it back.
const UNSEALED_SECONDS = 300

export function createLedgerHealth({ pool, clock, logger, metrics }: LedgerHealthDeps): LedgerHealthReader {
  let seen: { health: LedgerHealth; atMs: number } | undefined
  let looking: Promise<LedgerHealth> | undefined
  const look = async () => {
    const row = await readHealth(pool, OVERDUE_MS)
    const health: LedgerHealth = {
      ...row,
      offNanos: BigInt(row.offNanos),
      heldOffNanos: BigInt(row.heldOffNanos),
      checkedAtMs: clock.nowMs(),
    }
    seen = { health, atMs: clock.monotonicMs() }
    const failed = failedChecks(health)
    if (failed.length > 0) logger.error({ failed }, 'the ledger is not in order: run `npm run audit`')
    return health
  }
  const check = () => {
    looking ??= look().finally(() => {
      looking = undefined
    })
    return looking
  }
  if (metrics) registerGauges(metrics, clock, () => seen)
  return {
    check,
    async read() {
      return seen && clock.monotonicMs() - seen.atMs < FRESH_MS ? seen.health : check()
    },
  }
}

/** The checks that this health does not pass. */
export function failedChecks(health: LedgerHealth): HealthCheck[] {
  const failed: Record<HealthCheck, boolean> = {
    sums_to_zero: health.offNanos !== 0n,
    held_is_open: health.heldOffNanos !== 0n,
    letters_answered: health.deadLetters > 0,
    holds_end: health.overdueHolds > 0,
    sealed: health.unsealedSeconds > UNSEALED_SECONDS,
  }
  return (Object.keys(failed) as HealthCheck[]).filter((check) => failed[check])
}

function registerGauges(
  metrics: Pick<Metrics, 'gauge'>,
  clock: Clock,
  seen: () => { health: LedgerHealth; atMs: number } | undefined,
): void {
  // Not a number until it was looked at: zero would say that all is well.
  const gauge = (name: `gateway_${string}`, help: string, read: (health: LedgerHealth) => number) =>
    metrics.gauge(name, help, () => {
      const last = seen()
      return last ? read(last.health) : Number.NaN
    })
  const usd = (nanos: bigint) => Number(formatUsd(nanos))
  gauge('gateway_ledger_imbalance_usd', 'Debits less credits over all accounts; always 0.', ({ offNanos }) =>
    usd(offNanos),
  )
  gauge(
    'gateway_ledger_held_difference_usd',
    'What accounts hold less what open holds come to; always 0.',
    ({ heldOffNanos }) => usd(heldOffNanos),
  )
  gauge(
    'gateway_ledger_dead_letters',
    'Operations the ledger refused that wait for somebody.',
    ({ deadLetters }) => deadLetters,
  )
  gauge(
    'gateway_ledger_overdue_holds',
    'Holds that are open a minute after their time.',
    ({ overdueHolds }) => overdueHolds,
  )
  gauge(
    'gateway_ledger_unsealed_seconds',
    'Age of the oldest journal or usage record that is not sealed.',
    ({ unsealedSeconds }) => unsealedSeconds,
  )
  metrics.gauge('gateway_ledger_checked_seconds', 'Time since the ledger was last looked at.', () => {
    const last = seen()
    return last ? (clock.monotonicMs() - last.atMs) / 1000 : Number.NaN
  })
}
