/** An organisation's statement: what its cash account went through, newest first. */
import { GatewayError } from '../platform/errors.ts'
import { formatId, parseId } from '../platform/ids.ts'
import { accountKey } from './accounts.ts'
import type { StatementLine } from './operations.ts'
import { type LedgerPool, readStatement, type StatementRow } from './store.ts'

const LINES_MAX = 200

/** At most 200 lines older than the line `before`. Throws `invalid_value` when that is not the id of a line. */
export async function statementOf(
  pool: LedgerPool,
  organisationId: string,
  { limit, before }: { limit: number; before?: string },
): Promise<StatementLine[]> {
  const cursor = before === undefined ? undefined : (parseId('gen-', before) ?? parseId('jrn-', before))
  if (before !== undefined && cursor === undefined) {
    throw new GatewayError(
      'invalid_value',
      `There is no statement line '${before}'. Send the id of a line.`,
      {
        param: 'before',
      },
    )
  }
  const page = {
    key: accountKey({ code: 'buyer_cash', owner: organisationId }),
    limit: Math.min(limit, LINES_MAX),
    before: cursor,
  }
  return (await readStatement(pool, page)).map(statementLine)
}

function statementLine(row: StatementRow): StatementLine {
  return {
    id: formatId(row.code === 'request_settled' ? 'gen-' : 'jrn-', row.id),
    code: row.code,
    description: row.memo ?? DESCRIPTIONS[row.code] ?? row.code.replaceAll('_', ' '),
    amountNanos: row.change,
    createdAt: row.created_at.toISOString(),
    ...(row.model === null ? {} : { model: row.model }),
    ...(row.key_id === null ? {} : { keyId: formatId('key-', row.key_id) }),
  }
}

const DESCRIPTIONS: Record<string, string> = {
  request_settled: 'Request',
  play_credit: 'Play money',
  reversal: 'Reversal',
}
