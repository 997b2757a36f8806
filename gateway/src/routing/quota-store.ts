/** What listings have served this month, from what was billed: so that a restart does not begin a spent day anew. */
import type { Pool } from '../platform/database.ts'
import type { SpentBefore } from './capacity.ts'

/**
 * Tokens and money of the day and the month of `nowMs`, by UTC, of every listing and model that has served. Counted by
 * when it was booked, which is never before it was taken: what ran over midnight counts twice rather than not at all.
 */
export async function readSpent(pool: Pick<Pool, 'query'>, nowMs: number): Promise<SpentBefore[]> {
  const today = new Date(nowMs).toISOString().slice(0, 10)
  const { rows } = await pool.query<SpentRow>(
    // Signed or not, in one statement and so from one moment: a receipt moves its request from one to the other.
    `WITH counted AS (
       SELECT listing_id, model, day, tokens, cost_nanos FROM ledger.listing_usage WHERE day >= $1::date
       UNION ALL
       SELECT u.listing_id, u.model, (u.settled_at AT TIME ZONE 'UTC')::date,
         u.uncached_input + u.cache_read + u.cache_write_5m + u.cache_write_1h + u.audio_input + u.output
           + u.audio_output,
         u.cost_nanos
       FROM ledger.usage_record u, ledger.receipt_progress p
       WHERE u.settled_at >= greatest(p.began_at, p.signed_through, $1::timestamp AT TIME ZONE 'UTC')
         AND NOT EXISTS (SELECT FROM ledger.receipt r WHERE r.id = u.id)
     )
     SELECT listing_id, model,
       coalesce(sum(tokens) FILTER (WHERE day >= $2::date), 0)::text AS day_tokens,
       coalesce(sum(cost_nanos) FILTER (WHERE day >= $2::date), 0)::text AS day_nanos,
       sum(tokens)::text AS month_tokens, sum(cost_nanos)::text AS month_nanos
     FROM counted GROUP BY listing_id, model`,
    [`${today.slice(0, 7)}-01`, today],
  )
  return rows.map((row) => ({
    listingId: row.listing_id,
    model: row.model,
    atMs: nowMs,
    day: { tokens: Number(row.day_tokens), nanos: BigInt(row.day_nanos) },
    month: { tokens: Number(row.month_tokens), nanos: BigInt(row.month_nanos) },
  }))
}

interface SpentRow {
  listing_id: string
  model: string
  day_tokens: string
  day_nanos: string
  month_tokens: string
  month_nanos: string
}
