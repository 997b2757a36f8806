import type { Database } from './database.ts'

/** Writes `value` under `key` unless there is one, and answers what stands there now. */
export async function fixSetting(database: Database, key: string, value: string): Promise<unknown> {
  const { rows } = await database.pool.query<{ value: unknown }>(
    `WITH added AS (INSERT INTO setting (key, value) VALUES ($1, to_jsonb($2::text)) ON CONFLICT (key) DO NOTHING RETURNING value)
     SELECT value FROM added UNION ALL SELECT value FROM setting WHERE key = $1 LIMIT 1`,
    [key, value],
  )
  return rows[0]?.value
}
