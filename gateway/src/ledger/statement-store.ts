/**
 * The SQL of statements: what was booked on some accounts, in order of booking. Not prepared by name: the best plan for
 * an account of ten entries is not the one for a million, and nobody asks often.
 */
import type { LedgerPool } from './store.ts'

/** A place among an account's entries; `createdAt` in UTC to the microsecond. */
export interface Position {
  createdAt: string
  journalId: string
  seq: number
}

export interface EntryRow extends Position {
  /** The account's code. */
  account: string
  code: string
  source: string
  sourceId: string | null
  memo: string | null
  /** What it did to what we owe the owner: credit less debit. */
  changeNanos: bigint
  model: string | null
  keyId: string | null
  listingId: string | null
}

/** What we owed on one account: before the period, before a place in it, and at its end. */
export interface AccountBalances {
  account: string
  openingNanos: bigint
  topNanos: bigint
  closingNanos: bigint
}

const MICROSECONDS = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'

/** Waits until nothing will be booked before a moment that it returns: at most `to`, and about now without it. */
export async function statementHorizon(
  pool: LedgerPool,
  keys: readonly string[],
  to: string | undefined,
): Promise<Date> {
  const { rows } = await pool.query<{ horizon: Date }>({
    text: 'SELECT ledger.statement_horizon($1, $2) AS horizon',
    values: [keys, to ?? 'infinity'],
  })
  return (rows[0] as { horizon: Date }).horizon
}

/**
 * Balances of the accounts that are open, reckoned back from now, so that a recent statement reads little. Without
 * `from` everything began with nothing. `top` lies between `from` and `to`.
 */
export async function readBalances(
  pool: LedgerPool,
  { keys, from, top, to }: { keys: readonly string[]; from: string | undefined; top: Position; to: string },
): Promise<AccountBalances[]> {
  const { rows } = await pool.query<{ code: string; opening: string; top: string; closing: string }>({
    text: `SELECT a.code, CASE WHEN $2::timestamptz IS NULL THEN 0 ELSE a.credits - a.debits + s.opening END AS opening,
        a.credits - a.debits + s.top AS top, a.credits - a.debits + s.closing AS closing
      FROM ledger.account a
      CROSS JOIN LATERAL (
        SELECT coalesce(sum(e.amount), 0) AS opening,
          coalesce(sum(e.amount) FILTER (WHERE (e.created_at, e.journal_id, e.seq) >= ($3, $4::uuid, $5)), 0) AS top,
          coalesce(sum(e.amount) FILTER (WHERE e.created_at >= $6), 0) AS closing
        FROM ledger.entry e
        WHERE e.account_id = a.id AND e.created_at >= coalesce($2, $3::timestamptz)
      ) s
      WHERE a.key = ANY ($1)`,
    values: [keys, from ?? null, top.createdAt, top.journalId, top.seq, to],
  })
  return rows.map((row) => ({
    account: row.code,
    openingNanos: BigInt(row.opening),
    topNanos: BigInt(row.top),
    closingNanos: BigInt(row.closing),
  }))
}

/** How many lines a period has, counted no further than `max`. */
export async function countEntries(
  pool: LedgerPool,
  { keys, from, to, max }: { keys: readonly string[]; from: string; to: string; max: number },
): Promise<number> {
  const { rows } = await pool.query<{ count: number }>({
    text: `SELECT count(*)::integer AS count FROM (
        SELECT FROM ledger.account a CROSS JOIN LATERAL (
          SELECT FROM ledger.entry e
          WHERE e.account_id = a.id AND e.created_at >= $2 AND e.created_at < $3 LIMIT $4
        ) e
        WHERE a.key = ANY ($1) LIMIT $4
      ) e`,
    values: [keys, from, to, max],
  })
  return rows[0]?.count ?? 0
}

interface EntryPage {
  keys: readonly string[]
  limit: number
}

/** Newest first, before `top`, not before `from`. */
export async function readEntriesBefore(
  pool: LedgerPool,
  { keys, limit, from, top }: EntryPage & { from: string; top: Position },
): Promise<EntryRow[]> {
  const page = `e.created_at >= $3 AND (e.created_at, e.journal_id) <= ($4, $5)
    AND (e.created_at, e.journal_id, e.seq) < ($4, $5, $6)`
  return readEntries(pool, 'DESC', page, [keys, limit, from, top.createdAt, top.journalId, top.seq])
}

/** Oldest first, after `after`, before `to`. */
export async function readEntriesAfter(
  pool: LedgerPool,
  { keys, limit, after, to }: EntryPage & { after: Position; to: string },
): Promise<EntryRow[]> {
  const page = `e.created_at < $3 AND (e.created_at, e.journal_id) >= ($4, $5)
    AND (e.created_at, e.journal_id, e.seq) > ($4, $5, $6)`
  return readEntries(pool, 'ASC', page, [keys, limit, to, after.createdAt, after.journalId, after.seq])
}

/** Each account's own page comes in order from the index; together they are sorted and cut, then looked up one by one. */
async function readEntries(
  pool: LedgerPool,
  order: 'DESC' | 'ASC',
  page: string,
  values: unknown[],
): Promise<EntryRow[]> {
  const { rows } = await pool.query<Row>({
    text: `SELECT e.code AS account, e.journal_id, e.seq, j.code, j.source, j.source_id, j.memo, u.model, u.key_id,
        u.listing_id,
        to_char(e.created_at AT TIME ZONE 'UTC', '${MICROSECONDS}') AS created_at, -e.amount AS change
      FROM (
        SELECT a.code, e.* FROM ledger.account a CROSS JOIN LATERAL (
          SELECT e.journal_id, e.seq, e.created_at, e.amount FROM ledger.entry e
          WHERE e.account_id = a.id AND ${page}
          ORDER BY e.created_at ${order}, e.journal_id ${order} LIMIT $2
        ) e
        WHERE a.key = ANY ($1)
        ORDER BY e.created_at ${order}, e.journal_id ${order}, e.seq ${order} LIMIT $2
      ) e
      CROSS JOIN LATERAL (SELECT j.* FROM ledger.journal j WHERE j.id = e.journal_id LIMIT 1) j
      LEFT JOIN LATERAL (
        SELECT u.model, u.key_id, u.listing_id FROM ledger.usage_record u WHERE u.id = e.journal_id LIMIT 1
      ) u ON true
      ORDER BY e.created_at ${order}, e.journal_id ${order}, e.seq ${order}`,
    values,
  })
  return rows.map(entryRow)
}

interface Row {
  account: string
  journal_id: string
  seq: number
  code: string
  source: string
  source_id: string | null
  memo: string | null
  model: string | null
  key_id: string | null
  listing_id: string | null
  created_at: string
  change: string
}

function entryRow(row: Row): EntryRow {
  return {
    account: row.account,
    journalId: row.journal_id,
    seq: row.seq,
    createdAt: row.created_at,
    code: row.code,
    source: row.source,
    sourceId: row.source_id,
    memo: row.memo,
    changeNanos: BigInt(row.change),
    model: row.model,
    keyId: row.key_id,
    listingId: row.listing_id,
  }
}

/** Where a journal stands among the entries; undefined when there is no such journal. */
export async function journalTime(pool: LedgerPool, journalId: string): Promise<string | undefined> {
  const { rows } = await pool.query<{ created_at: string }>({
    text: `SELECT to_char(created_at AT TIME ZONE 'UTC', '${MICROSECONDS}') AS created_at
      FROM ledger.journal WHERE id = $1`,
    values: [journalId],
  })
  return rows[0]?.created_at
}
