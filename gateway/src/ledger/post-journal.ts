/** Posts journals that are not a request's: credits, corrections, reversals. */
import type { Clock } from '../platform/clock.ts'
import { GatewayError } from '../platform/errors.ts'
import { uuidv7 } from '../platform/ids.ts'
import type { Logger } from '../platform/logger.ts'
import { isTransient, sqlState } from '../platform/transient-errors.ts'
import type { AccountRef } from './accounts.ts'
import type { PlayCredit } from './operations.ts'
import { type Journal, playCredit } from './postings.ts'
import { type LedgerPool, post } from './store.ts'
import { retryTransient } from './transient.ts'

// Somebody waits for the answer.
const POST_PATIENCE_MS = 2_000

/** Once per source, however often it is sent. Throws `idempotency_mismatch`, `conflict`, `unavailable`. */
export async function postJournal(
  journal: Journal,
  { pool, clock, logger }: { pool: LedgerPool; clock: Clock; logger: Pick<Logger, 'warn'> },
  accountId: (ref: AccountRef) => Promise<bigint>,
): Promise<{ journalId: string; fresh: boolean }> {
  const entries = await Promise.all(
    journal.entries.map(async ({ account, amountNanos }) => ({
      account: await accountId(account),
      amountNanos,
    })),
  )
  const posting = {
    id: uuidv7(clock.nowMs()),
    code: journal.code,
    source: journal.source,
    sourceId: journal.sourceId,
    entries,
    memo: journal.memo,
    reversesId: journal.reversesId,
    recoverDebt: journal.recoverDebt ?? false,
  }
  try {
    return await retryTransient(() => post(pool, posting), {
      clock,
      patienceMs: POST_PATIENCE_MS,
      onRetry: (error, attempt) => logger.warn({ err: error, attempt }, 'a journal is sent again'),
    })
  } catch (cause) {
    throw postingError(cause)
  }
}

function postingError(cause: unknown): unknown {
  if (isTransient(cause)) {
    return new GatewayError('unavailable', 'The ledger cannot be reached. Retry; nothing is booked twice.', {
      cause,
      retryAfterMs: 1_000,
    })
  }
  const state = sqlState(cause)
  if (state === 'BL001') {
    return new GatewayError('idempotency_mismatch', 'This was booked before with another amount.', { cause })
  }
  if (state === '23514' && (cause as { constraint?: string }).constraint === 'account_floor') {
    return new GatewayError('conflict', 'This would take a balance below zero, or below what is held.', {
      cause,
    })
  }
  return cause
}

/** Play money, keyed by organisation and idempotency key. */
export async function creditPlayMoney(
  { organisationId, amountNanos, reason, idempotencyKey }: PlayCredit,
  postOnce: (journal: Journal) => Promise<{ fresh: boolean }>,
): Promise<'booked' | 'repeated' | 'mismatch'> {
  const creditId = `${organisationId}:${idempotencyKey}`
  try {
    const { fresh } = await postOnce(playCredit({ creditId, organisationId, amountNanos, memo: reason }))
    return fresh ? 'booked' : 'repeated'
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'idempotency_mismatch') return 'mismatch'
    throw error
  }
}
