/** Money that buyers put into their own wallet. In play mode they give themselves play money, within bounds. */
import type { Principal } from '../http/principal.ts'
import type { Balance } from '../ledger/operations.ts'
import type { Clock } from '../platform/clock.ts'
import type { Database } from '../platform/database.ts'
import { GatewayError } from '../platform/errors.ts'
import { uuidv7 } from '../platform/ids.ts'
import { formatUsd, NANOS_PER_USD } from '../platform/money.ts'
import type { Wallets } from '../users/wallets.ts'
import { inTransaction } from './payout-store.ts'
import { findTopup, insertTopup, lockWallet, toppedUpSince } from './topup-store.ts'

type Person = Extract<Principal, { kind: 'user' }>

// Enough to try everything; so little that a forgotten script does not fill the books.
export const TOPUP_MAX_NANOS = 100n * NANOS_PER_USD
const TOPUP_DAY_MAX_NANOS = 500n * NANOS_PER_USD
const DAY_MS = 86_400_000

export interface Topup {
  id: string
  amountNanos: bigint
  createdAt: Date
  balance: Balance
  repeated: boolean
}

export interface Topups {
  /** Once per idempotency key. Throws `not_implemented` in live mode, `rate_limit_exceeded` beyond a day's bound. */
  topUp(wish: { amountNanos: bigint; idempotencyKey: string }, actor: Person): Promise<Topup>
}

export function createTopups({
  database,
  wallets,
  clock,
  playMode,
}: {
  database: Database
  wallets: Pick<Wallets, 'credit'>
  clock: Clock
  playMode: boolean
}): Topups {
  return {
    async topUp({ amountNanos, idempotencyKey }, actor) {
      if (!playMode) {
        throw new GatewayError(
          'not_implemented',
          'No way to pay is connected to this gateway, so a balance cannot be topped up here. Ask its operator.',
        )
      }
      const { organisationId, userId } = actor
      const wish = { id: uuidv7(clock.nowMs()), organisationId, userId, amountNanos, idempotencyKey }
      // Written down first, so that the bound counts it; booked once by its id, however often it is sent.
      const topup = await inTransaction(database, async (transaction) => {
        await lockWallet(transaction, organisationId)
        const known = await findTopup(transaction, { organisationId, idempotencyKey })
        if (known) return requireSame(known, amountNanos)
        const since = new Date(clock.nowMs() - DAY_MS)
        requireWithinDay(await toppedUpSince(transaction, { organisationId, since }), amountNanos)
        return insertTopup(transaction, { ...wish, createdAt: new Date(clock.nowMs()) })
      })
      const credit = {
        organisationId,
        amountNanos,
        reason: 'Play top-up',
        idempotencyKey: `topup ${topup.id}`,
      }
      const { repeated, balance } = await wallets.credit(credit, actor)
      return { id: topup.id, amountNanos, createdAt: topup.createdAt, balance, repeated }
    },
  }
}

function requireSame<Row extends { amountNanos: bigint }>(known: Row, amountNanos: bigint): Row {
  if (known.amountNanos === amountNanos) return known
  throw new GatewayError(
    'idempotency_mismatch',
    'This Idempotency-Key was used for another top-up. Use a new key for a new top-up.',
    { param: 'Idempotency-Key' },
  )
}

function requireWithinDay(sinceNanos: bigint, amountNanos: bigint): void {
  if (sinceNanos + amountNanos <= TOPUP_DAY_MAX_NANOS) return
  throw new GatewayError(
    'rate_limit_exceeded',
    `Within 24 hours $${formatUsd(TOPUP_DAY_MAX_NANOS)} of play money can be added; $${formatUsd(sinceNanos)} was. An operator can give more.`,
    { param: 'amountNanos', retryable: false },
  )
}
