/** The newest lines of an organisation's cash account: whether it was ever used, and what happened last. */
import { formatId } from '../platform/ids.ts'
import { describeJournal, showJournalId } from './describe-journal.ts'
import type { StatementLine } from './operations.ts'
import { cursorPosition, END_OF_TIME, START_OF_TIME } from './statement-position.ts'
import { readEntriesBefore } from './statement-store.ts'
import type { LedgerPool } from './store.ts'

const LINES_MAX = 200

/** At most 200 lines before the line `before`. Throws `invalid_value` when that is not the id of a line. */
export async function statementOf(
  pool: LedgerPool,
  organisationId: string,
  { limit, before }: { limit: number; before?: string },
): Promise<StatementLine[]> {
  const entries = await readEntriesBefore(pool, {
    keys: [`buyer_cash:${organisationId}`],
    limit: Math.min(limit, LINES_MAX),
    from: START_OF_TIME,
    top: before === undefined ? END_OF_TIME : await cursorPosition(pool, before),
  })
  return entries.map((entry) => ({
    id: showJournalId(entry),
    code: entry.code,
    description: describeJournal(entry),
    amountNanos: entry.changeNanos.toString(),
    createdAt: new Date(entry.createdAt).toISOString(),
    ...(entry.model === null ? {} : { model: entry.model }),
    ...(entry.keyId === null ? {} : { keyId: formatId('key-', entry.keyId) }),
  }))
}
