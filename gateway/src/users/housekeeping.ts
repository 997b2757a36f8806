import type { Clock } from '../platform/clock.ts'
import type { Database } from '../platform/database.ts'
import type { Logger } from '../platform/logger.ts'
import type { Accounts } from './accounts.ts'
import { deleteExpiredLinks } from './link-store.ts'
import { listUnverified } from './store.ts'

const EVERY_MS = 3_600_000
const UNVERIFIED_MS = 7 * 86_400_000
const USERS_A_ROUND = 200

export interface Housekeeping {
  /** One round, as it happens every hour. */
  round(): Promise<void>
  stop(): void
}

/** Forgets links that are over, and removes who signed up a week ago and never confirmed the address. */
export function startHousekeeping({
  database,
  accounts,
  clock,
  logger,
}: {
  database: Database
  accounts: Pick<Accounts, 'remove'>
  clock: Clock
  logger: Logger
}): Housekeeping {
  async function round(): Promise<void> {
    const nowMs = clock.nowMs()
    await deleteExpiredLinks(database.prisma, nowMs)
    const stale = await listUnverified(database.prisma, new Date(nowMs - UNVERIFIED_MS), USERS_A_ROUND)
    // One who cannot be removed must not keep the others.
    for (const id of stale)
      await accounts
        .remove(id, 'system')
        .catch((error) => logger.warn({ err: error }, 'an old sign-up could not be removed'))
  }
  const timer = setInterval(() => {
    round().catch((error) => logger.warn({ err: error }, 'old sign-ups could not be removed'))
  }, EVERY_MS)
  timer.unref()
  return { round, stop: () => clearInterval(timer) }
}
