/** Money on its way to and from people: earnings that mature, payouts, top-ups. */
import type { Audit } from '../audit/audit.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Clock } from '../platform/clock.ts'
import type { Config } from '../platform/config.ts'
import type { Database } from '../platform/database.ts'
import type { JobBoard } from '../platform/job-board.ts'
import type { Logger } from '../platform/logger.ts'
import type { Wallets } from '../users/wallets.ts'
import type { Earnings } from './api.ts'
import { createMaturing, type Maturing } from './mature-earnings.ts'
import { createPayouts, type Payouts } from './payouts.ts'
import { readEarnings } from './read-earnings.ts'
import { createTopups, type Topups } from './topups.ts'

const EVERY_MS = 60_000

export interface Payments {
  maturing: Maturing
  payouts: Payouts
  topups: Topups
  earnings(organisationId: string): Promise<Earnings>
  pool: Database['pool']
  /** Matures earnings and finishes payouts; what the timer does. */
  tidy(): Promise<void>
  /** Tidies now and every minute. */
  start(): void
  close(): Promise<void>
}

export interface PaymentsDeps {
  config: Pick<Config, 'mode' | 'earningsHoldDays' | 'payoutMinNanos'>
  database: Database
  ledger: Pick<Ledger, 'post'>
  wallets: Pick<Wallets, 'credit'>
  audit: Pick<Audit, 'record'>
  clock: Clock
  logger: Pick<Logger, 'error'>
  jobs: Pick<JobBoard, 'watch'>
}

export function createPayments(deps: PaymentsDeps): Payments {
  const { config, database, logger } = deps
  const { earningsHoldDays: holdDays, payoutMinNanos: minNanos } = config
  const maturing = createMaturing({ ...deps, holdDays })
  const payouts = createPayouts({ ...deps, maturing, minNanos })
  let tidying: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined

  const tidyOnce = deps.jobs.watch(
    { name: 'Mature earnings, finish payouts', everyMs: EVERY_MS },
    async () => {
      await maturing.all()
      await payouts.finish()
    },
  )

  /** One round at a time: a slow one is not overtaken. */
  function tidy(): Promise<void> {
    tidying ??= tidyOnce().finally(() => {
      tidying = undefined
    })
    return tidying
  }

  return {
    maturing,
    payouts,
    topups: createTopups({ ...deps, playMode: config.mode === 'play' }),
    earnings: (organisationId) =>
      readEarnings({ ...deps, payouts, maturing, holdDays, minNanos }, organisationId),
    pool: database.pool,
    tidy,
    start() {
      const tidyInTime = () =>
        tidy().catch((error) =>
          logger.error({ err: error }, 'earnings and payouts could not be looked after'),
        )
      timer ??= setInterval(tidyInTime, EVERY_MS).unref()
      // What a crash left is finished now, not in a minute; nobody waits for it.
      void tidyInTime()
    },
    async close() {
      clearInterval(timer)
      await tidying?.catch(() => undefined)
    },
  }
}
