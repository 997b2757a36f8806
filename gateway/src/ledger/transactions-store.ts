/** The SQL of what happened on an owner's accounts, by kind. Not prepared by name: see statement-store.ts. */
import type { Position } from './statement-store.ts'
import type { LedgerPool } from './store.ts'

export interface TransactionRow {
  account: string
  journalId: string
  seq: number
  code: string
  source: string
  sourceId: string | null
  memo: string | null
  createdAt: Date
  /** Credit less debit. */
  changeNanos: bigint
  model: string | null
}

interface Page {
  keys: readonly string[]
  from: string
  /** Lines before this place. */
  top: Position
  limit: number
}

const LINE = `a.code AS account, e.journal_id AS "journalId", e.seq, j.code, j.source, j.source_id AS "sourceId", j.memo,
  e.created_at AS "createdAt", (-e.amount)::text AS change`

/** Newest first, of requests: nearly every entry is one, so the walk along an account is short. */
export function requestTransactions(pool: LedgerPool, page: Page): Promise<TransactionRow[]> {
  return read(
    pool,
    `SELECT * FROM (
      SELECT ${LINE}, u.model FROM ledger.account a
      CROSS JOIN LATERAL (
        SELECT e.* FROM ledger.entry e
        CROSS JOIN LATERAL (SELECT FROM ledger.journal j WHERE j.id = e.journal_id AND j.code = 'request_settled' LIMIT 1) j
        WHERE e.account_id = a.id AND e.created_at >= $2 AND (e.created_at, e.journal_id) <= ($3, $4)
          AND (e.created_at, e.journal_id, e.seq) < ($3, $4, $5)
        ORDER BY e.created_at DESC, e.journal_id DESC LIMIT $6
      ) e
      CROSS JOIN LATERAL (SELECT j.* FROM ledger.journal j WHERE j.id = e.journal_id LIMIT 1) j
      LEFT JOIN LATERAL (SELECT u.model FROM ledger.usage_record u WHERE u.id = e.journal_id LIMIT 1) u ON true
      WHERE a.key = ANY ($1)
    ) line ORDER BY "createdAt" DESC, "journalId" DESC, seq DESC LIMIT $6`,
    valuesOf(page),
  )
}

// An account with more entries in the range is not walked along to find the few that are asked for.
const FEW_ENTRIES = 2_000

/**
 * Newest first, of journals with one of these codes, which must not be requests. Found along the account when little was
 * booked on it, else among the journals of that kind, which have an index.
 */
export async function otherTransactions(
  pool: LedgerPool,
  page: Page & { codes: readonly string[] },
): Promise<TransactionRow[]> {
  const few = await hasFewEntries(pool, page)
  const text = few
    ? `SELECT ${LINE}, NULL AS model FROM ledger.account a
        CROSS JOIN LATERAL (
          SELECT e.* FROM ledger.entry e
          WHERE e.account_id = a.id AND e.created_at >= $2 AND (e.created_at, e.journal_id) <= ($3, $4)
            AND (e.created_at, e.journal_id, e.seq) < ($3, $4, $5)
          OFFSET 0
        ) e
        CROSS JOIN LATERAL (SELECT j.* FROM ledger.journal j WHERE j.id = e.journal_id LIMIT 1) j
        WHERE a.key = ANY ($1) AND j.code = ANY ($7)
        ORDER BY e.created_at DESC, e.journal_id DESC, e.seq DESC LIMIT $6`
    : `SELECT ${LINE}, NULL AS model FROM (
          SELECT j.* FROM ledger.journal j
          WHERE j.code <> 'request_settled' AND j.code = ANY ($7) AND j.created_at >= $2 AND (j.created_at, j.id) <= ($3, $4)
          ORDER BY j.created_at DESC, j.id DESC
        ) j
        CROSS JOIN LATERAL (SELECT e.* FROM ledger.entry e WHERE e.journal_id = j.id ORDER BY e.seq DESC OFFSET 0) e
        JOIN LATERAL (SELECT a.code FROM ledger.account a WHERE a.id = e.account_id AND a.key = ANY ($1) OFFSET 0) a ON true
        WHERE (e.created_at, e.journal_id, e.seq) < ($3, $4, $5)
        ORDER BY j.created_at DESC, j.id DESC, e.seq DESC LIMIT $6`
  return read(pool, text, [...valuesOf(page), page.codes])
}

async function hasFewEntries(pool: LedgerPool, { keys, from, top }: Page): Promise<boolean> {
  const { rows } = await pool.query<{ count: number }>({
    text: `SELECT count(*)::integer AS count FROM (
        SELECT FROM ledger.account a CROSS JOIN LATERAL (
          SELECT FROM ledger.entry e WHERE e.account_id = a.id AND e.created_at >= $2 AND e.created_at <= $3 LIMIT $4
        ) e WHERE a.key = ANY ($1) LIMIT $4
      ) e`,
    values: [keys, from, top.createdAt, FEW_ENTRIES + 1],
  })
  return (rows[0]?.count ?? 0) <= FEW_ENTRIES
}

function valuesOf({ keys, from, top, limit }: Page): unknown[] {
  return [keys, from, top.createdAt, top.journalId, top.seq, limit]
}

async function read(pool: LedgerPool, text: string, values: unknown[]): Promise<TransactionRow[]> {
  const { rows } = await pool.query<Omit<TransactionRow, 'changeNanos'> & { change: string }>({
    text,
    values,
  })
  return rows.map(({ change, ...row }) => ({ ...row, changeNanos: BigInt(change) }))
}
