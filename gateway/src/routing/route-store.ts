/** The rows behind route explanations. Private to this folder. */
import type { Database } from '../platform/database.ts'

export interface PoolRow {
  id: string
  model: string
  /** Deflated JSON. */
  body: Buffer
}

export interface DecisionRow {
  requestId: string
  organisationId: string
  model: string
  decidedAt: Date
  /** JSON text. */
  body: string
}

/** Writes pools and decisions; whatever stands there already stays as it is. */
export async function insertRoutes(
  { pool }: Pick<Database, 'pool'>,
  { pools, decisions }: { pools: readonly PoolRow[]; decisions: readonly DecisionRow[] },
): Promise<void> {
  if (pools.length > 0) {
    await pool.query({
      name: 'route_pools',
      // A pool that is used again is kept as long as one that is new; once a day is often enough to say so.
      text: `
        INSERT INTO route_pool (id, model, body)
        SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[])
        ON CONFLICT (id) DO UPDATE SET "usedAt" = now() WHERE route_pool."usedAt" < now() - interval '1 day'`,
      values: [pools.map(({ id }) => id), pools.map(({ model }) => model), pools.map(({ body }) => body)],
    })
  }
  await pool.query({
    name: 'route_decisions',
    text: `
      INSERT INTO route_decision ("requestId", "organisationId", model, "decidedAt", body)
      SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::jsonb[])
      ON CONFLICT DO NOTHING`,
    values: [
      decisions.map(({ requestId }) => requestId),
      decisions.map(({ organisationId }) => organisationId),
      decisions.map(({ model }) => model),
      decisions.map(({ decidedAt }) => decidedAt),
      decisions.map(({ body }) => body),
    ],
  })
}

export async function findDecision(
  { pool }: Pick<Database, 'pool'>,
  requestId: string,
): Promise<{ organisationId: string; decidedAt: Date; body: unknown } | undefined> {
  const { rows } = await pool.query<{ organisationId: string; decidedAt: Date; body: unknown }>({
    name: 'route_decision',
    text: 'SELECT "organisationId", "decidedAt", body FROM route_decision WHERE "requestId" = $1',
    values: [requestId],
  })
  return rows[0]
}

export async function findPools(
  { pool }: Pick<Database, 'pool'>,
  ids: readonly string[],
): Promise<{ id: string; body: Buffer }[]> {
  const { rows } = await pool.query<{ id: string; body: Buffer }>({
    name: 'route_pools_by_id',
    text: 'SELECT id, body FROM route_pool WHERE id = ANY($1)',
    values: [ids],
  })
  return rows
}

/** Forgets at most `limit` decisions and pools that are older than `days`; how many were forgotten. */
export async function forgetRoutes(
  { pool }: Pick<Database, 'pool'>,
  { days, limit }: { days: number; limit: number },
): Promise<number> {
  const decisions = await pool.query({
    name: 'route_forget_decisions',
    text: `DELETE FROM route_decision WHERE "requestId" IN (
             SELECT "requestId" FROM route_decision WHERE "decidedAt" < now() - make_interval(days => $1)
              ORDER BY "decidedAt" LIMIT $2)`,
    values: [days, limit],
  })
  // Two days longer: a pool's last use is noted once a day.
  const pools = await pool.query({
    name: 'route_forget_pools',
    text: `DELETE FROM route_pool WHERE id IN (
             SELECT id FROM route_pool WHERE "usedAt" < now() - make_interval(days => $1 + 2)
              ORDER BY "usedAt" LIMIT $2)`,
    values: [days, limit],
  })
  return (decisions.rowCount ?? 0) + (pools.rowCount ?? 0)
}
