/** The SQL of receipts: what was booked and is still unsigned, what was signed, and by which keys. */
import type { UsageFacts } from '../ledger/usage-facts.ts'
import type { Pool } from '../platform/database.ts'
import type { SignedReceipt } from './receipt.ts'

export type ReceiptPool = Pick<Pool, 'query'>

const NIL_UUID = '00000000-0000-0000-0000-000000000000'

/** What was booked for these requests, in no order; what is not booked is left out. */
export async function readFacts(pool: ReceiptPool, ids: readonly string[]): Promise<UsageFacts[]> {
  // One JSON value for all: parsing it costs a third of parsing as many rows of columns.
  const { rows } = await pool.query<{ facts: UsageFacts[] }>({
    name: 'receipt-facts',
    text: `SELECT coalesce(json_agg(f), '[]') AS facts FROM (
        SELECT u.id, u.organisation_id, u.key_id, u.key_fingerprint, u.listing_id, u.model, u.provider,
          u.uncached_input, u.cache_read, u.cache_write_5m, u.cache_write_1h, u.audio_input, u.output, u.audio_output,
          u.reasoning, u.usage_source, u.billed, u.price::text, u.stream, u.finish_reason, u.duration_ms, u.ttft_ms,
          to_char(u.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS started_at,
          to_char(u.settled_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS settled_at,
          u.held_nanos::text, u.cost_nanos::text,
          encode(u.request_hash, 'hex') AS request_hash, encode(u.response_hash, 'hex') AS response_hash
        FROM ledger.usage_record u WHERE u.id = ANY ($1::uuid[])
      ) f`,
    values: [ids],
  })
  return rows[0]?.facts ?? []
}

/** A place in the order of booking; `settledAt` as PostgreSQL writes it, because a `Date` loses the microseconds. */
export interface BookingCursor {
  settledAt: string
  id: string
}

/** One bounded step of the search for unsigned usage; without `next` the search is at its end. */
export async function findUnsigned(
  pool: ReceiptPool,
  { after, until, limit }: { after: BookingCursor; until: string; limit: number },
): Promise<{ ids: string[]; next?: BookingCursor }> {
  const { rows } = await pool.query<{ id: string; settled_at: string; signed: boolean }>({
    name: 'receipt-unsigned',
    text: `SELECT id, settled_at::text, signed FROM ledger.unsigned_usage($1::timestamptz, $2, $3::timestamptz, $4)`,
    values: [after.settledAt, after.id, until, limit],
  })
  const last = rows.at(-1)
  return {
    ids: rows.filter(({ signed }) => !signed).map(({ id }) => id),
    ...(last ? { next: { settledAt: last.settled_at, id: last.id } } : {}),
  }
}

/** Where the search begins, and up to when: what was booked `graceMs` ago has had its chance to be signed at once. */
export async function searchBounds(
  pool: ReceiptPool,
  graceMs: number,
): Promise<{ after: BookingCursor; until: string }> {
  const { rows } = await pool.query<{ signed_through: string; until: string }>(
    `SELECT signed_through::text, (now() - $1 * interval '1 millisecond')::text AS until FROM ledger.receipt_progress`,
    [graceMs],
  )
  const { signed_through: settledAt, until } = rows[0] as { signed_through: string; until: string }
  return { after: { settledAt, id: NIL_UUID }, until }
}

/** The next search begins `overlapMs` before `through`. */
export async function keepProgress(pool: ReceiptPool, through: string, overlapMs: number): Promise<void> {
  await pool.query(`SELECT ledger.signed_through($1::timestamptz - $2 * interval '1 millisecond')`, [
    through,
    overlapMs,
  ])
}

/** Keeps receipts, the first for each request; `ids` and `receipts` go together. Returns how many were new. */
export async function storeReceipts(
  pool: ReceiptPool,
  batch: { kid: string; x: string; ids: readonly string[]; receipts: readonly SignedReceipt[] },
): Promise<number> {
  const { kid, x, ids, receipts } = batch
  const { rows } = await pool.query<{ stored: number }>({
    name: 'receipt-store',
    text: 'SELECT ledger.store_receipts($1, $2, $3::uuid[], $4, $5) AS stored',
    values: [
      kid,
      x,
      ids,
      // Canonical JSON has no line breaks of its own.
      receipts.map(({ payload }) => payload).join('\n'),
      Buffer.concat(receipts.map(({ signature }) => signature)),
    ],
  })
  return rows[0]?.stored ?? 0
}

export async function readReceipt(pool: ReceiptPool, id: string): Promise<SignedReceipt | undefined> {
  const { rows } = await pool.query<SignedReceipt>({
    name: 'receipt-read',
    text: 'SELECT kid, payload, signature FROM ledger.receipt WHERE id = $1',
    values: [id],
  })
  return rows[0]
}

/** Every public key that ever signed here, the oldest first: the 32 bytes as base64url. */
export async function readSigningKeys(pool: ReceiptPool): Promise<string[]> {
  const { rows } = await pool.query<{ x: string }>(
    'SELECT x FROM ledger.signing_key ORDER BY first_seen, kid',
  )
  return rows.map(({ x }) => x)
}

/** Whose hold a request has, and what became of it. */
export async function readHold(
  pool: ReceiptPool,
  id: string,
): Promise<{ organisationId: string | null; state: string } | undefined> {
  const { rows } = await pool.query<{ organisationId: string | null; state: string }>({
    name: 'receipt-hold',
    text: `SELECT a.owner AS "organisationId", h.state
      FROM ledger.hold h JOIN ledger.account a ON a.id = h.payer WHERE h.id = $1`,
    values: [id],
  })
  return rows[0]
}

/** All that was ever credited to an organisation and all that it ever spent, debts included, in nano-dollars. */
export async function readTotals(
  pool: ReceiptPool,
  organisationId: string,
): Promise<{ creditedNanos: bigint; spentNanos: bigint }> {
  const { rows } = await pool.query<{ credits: string; debits: string }>({
    name: 'receipt-totals',
    text: `SELECT coalesce(sum(credits), 0)::text AS credits, coalesce(sum(debits), 0)::text AS debits
      FROM ledger.account WHERE key IN ('buyer_cash:' || $1, 'receivable_buyer:' || $1)`,
    values: [organisationId],
  })
  const { credits, debits } = rows[0] as { credits: string; debits: string }
  return { creditedNanos: BigInt(credits), spentNanos: BigInt(debits) }
}

export interface KeySpending {
  totalNanos: bigint
  dayNanos: bigint
  weekNanos: bigint
  monthNanos: bigint
}

/** What a key has spent: ever, today, this week and this month, by UTC. */
export async function readKeySpending(pool: ReceiptPool, keyId: string): Promise<KeySpending> {
  const since = (period: string) =>
    `coalesce(sum(cost_nanos) FILTER (WHERE day >= (ledger.window_start('${period}', now()) AT TIME ZONE 'UTC')::date), 0)::text`
  const { rows } = await pool.query<{ total: string; today: string; week: string; month: string }>({
    name: 'receipt-key-spending',
    text: `SELECT coalesce(sum(cost_nanos), 0)::text AS total, ${since('day')} AS today, ${since('week')} AS week,
        ${since('month')} AS month
      FROM ledger.key_usage WHERE key_id = $1`,
    values: [keyId],
  })
  const { total, today, week, month } = rows[0] as {
    total: string
    today: string
    week: string
    month: string
  }
  return {
    totalNanos: BigInt(total),
    dayNanos: BigInt(today),
    weekNanos: BigInt(week),
    monthNanos: BigInt(month),
  }
}
