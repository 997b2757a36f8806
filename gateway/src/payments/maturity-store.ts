/** What matures, in SQL. Private to this folder. Not prepared by name: it runs once a minute. */
import type { Database } from '../platform/database.ts'
import type { MaturityHorizon } from './maturity-schedule.ts'

type Pool = Pick<Database['pool'], 'query'>

export interface PlannedMaturity {
  organisationId: string
  day: string
  part: number
  amountNanos: bigint
}

interface PlannedRow {
  organisationId: string
  day: string
  part: number
  amountNanos: string
}

/** What was planned and is not known to be booked: of one seller, or of all. */
export async function plannedMaturities(
  pool: Pool,
  { organisationId, limit }: { organisationId: string | undefined; limit: number },
): Promise<PlannedMaturity[]> {
  const { rows } = await pool.query<PlannedRow>({
    text: `SELECT "organisationId", to_char("day", 'YYYY-MM-DD') AS day, "part", "amountNanos" FROM earning_maturity
      WHERE "state" = 'planned' AND ($1::uuid IS NULL OR "organisationId" = $1) ORDER BY "organisationId" LIMIT $2`,
    values: [organisationId ?? null, limit],
  })
  return rows.map((row) => ({ ...row, amountNanos: BigInt(row.amountNanos) }))
}

/**
 * Writes down what matures for the next sellers after `afterOwner` who have not had their turn: what is pending less
 * what is young. What came back from a case is not young: it matures as it would have. Returns how many sellers were
 * looked at, and the last of them.
 */
export async function planMaturities(
  pool: Pool,
  {
    horizon: { day, youngSince },
    organisationId,
    afterOwner,
    limit,
  }: {
    horizon: MaturityHorizon
    organisationId: string | undefined
    afterOwner: string
    limit: number
  },
): Promise<{ looked: number; lastOwner: string | undefined }> {
  const { rows } = await pool.query<{ looked: number; last: string | null }>({
    text: `WITH seller AS MATERIALIZED (
        SELECT a.id, a.owner, a.credits - a.debits AS pending FROM ledger.account a
        WHERE a.code = 'seller_pending' AND a.key > 'seller_pending:' || $4 AND a.credits > a.debits
          AND ($3::text IS NULL OR a.key = 'seller_pending:' || $3)
          AND NOT EXISTS (
            SELECT FROM earning_maturity m WHERE m."organisationId" = a.owner::uuid
              AND (m."state" = 'planned' OR ($2::timestamptz IS NOT NULL AND m."day" >= $1::date)))
        ORDER BY a.key LIMIT $5
      ), returned AS MATERIALIZED (
        SELECT e.account_id, sum(-e.amount)::bigint AS nanos
        FROM ledger.journal_source s JOIN ledger.entry e ON e.journal_id = s.journal_id AND e.created_at >= $2
        WHERE s.source = 'trust' AND s.code = 'earnings_unreserved' AND e.amount < 0
        GROUP BY e.account_id
      ), planned AS (
        INSERT INTO earning_maturity ("organisationId", "day", "part", "amountNanos", "state")
        SELECT s.owner::uuid, $1::date, n.part, m.nanos, CASE WHEN m.nanos = 0 THEN 'nothing' ELSE 'planned' END
        FROM seller s
        CROSS JOIN LATERAL (
          SELECT coalesce(sum(-e.amount), 0)::bigint AS nanos FROM ledger.entry e
          WHERE $2::timestamptz IS NOT NULL AND e.account_id = s.id AND e.created_at >= $2 AND e.amount < 0
        ) young
        CROSS JOIN LATERAL (
          SELECT coalesce((SELECT r.nanos FROM returned r WHERE r.account_id = s.id), 0) AS nanos
        ) back
        CROSS JOIN LATERAL (
          SELECT least(s.pending, greatest(0, s.pending - young.nanos + back.nanos)) AS nanos
        ) m
        CROSS JOIN LATERAL (
          SELECT coalesce(max(p."part"), 0) + 1 AS part FROM earning_maturity p
          WHERE p."organisationId" = s.owner::uuid AND p."day" = $1::date
        ) n
        ON CONFLICT DO NOTHING
      )
      SELECT count(*)::integer AS looked, max(owner) AS last FROM seller`,
    values: [day, youngSince ?? null, organisationId ?? null, afterOwner, limit],
  })
  const [row] = rows
  return { looked: row?.looked ?? 0, lastOwner: row?.last ?? undefined }
}

export async function markMatured(
  pool: Pool,
  { organisationId, day, part }: Pick<PlannedMaturity, 'organisationId' | 'day' | 'part'>,
): Promise<void> {
  await pool.query({
    text: `UPDATE earning_maturity SET "state" = 'booked'
      WHERE "organisationId" = $1 AND "day" = $2::date AND "part" = $3 AND "state" = 'planned'`,
    values: [organisationId, day, part],
  })
}

/** What was planned and refused for certain: less was pending by then. */
export async function dropMaturity(
  pool: Pool,
  { organisationId, day, part }: Pick<PlannedMaturity, 'organisationId' | 'day' | 'part'>,
): Promise<void> {
  await pool.query({
    text: `DELETE FROM earning_maturity
      WHERE "organisationId" = $1 AND "day" = $2::date AND "part" = $3 AND "state" = 'planned'`,
    values: [organisationId, day, part],
  })
}

/** What came to pending since then, by UTC day, without what came back from cases. */
export async function earnedByDay(
  pool: Pool,
  { organisationId, since }: { organisationId: string; since: Date },
): Promise<{ day: string; nanos: bigint }[]> {
  const { rows } = await pool.query<{ day: string; nanos: string }>({
    text: `WITH account AS (SELECT id FROM ledger.account WHERE key = 'seller_pending:' || $1), credited AS (
        SELECT (e.created_at AT TIME ZONE 'UTC')::date AS day, -e.amount AS nanos
        FROM account a JOIN ledger.entry e ON e.account_id = a.id AND e.created_at >= $2 AND e.amount < 0
        UNION ALL
        SELECT (e.created_at AT TIME ZONE 'UTC')::date, e.amount
        FROM account a
        CROSS JOIN ledger.journal_source s
        JOIN ledger.entry e ON e.journal_id = s.journal_id AND e.account_id = a.id AND e.created_at >= $2 AND e.amount < 0
        WHERE s.source = 'trust' AND s.code = 'earnings_unreserved'
      )
      SELECT to_char(day, 'YYYY-MM-DD') AS day, sum(nanos)::text AS nanos FROM credited GROUP BY credited.day
      HAVING sum(nanos) > 0`,
    values: [organisationId, since],
  })
  return rows.map(({ day, nanos }) => ({ day, nanos: BigInt(nanos) }))
}
