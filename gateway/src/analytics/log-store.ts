/** Writes and forgets the rows of the request log. Private to this folder. */
import type { Database } from '../platform/database.ts'
import type { RequestRow } from './request-row.ts'

type Pool = Pick<Database, 'pool'>

/** What the books say of a request, under the log's names. */
export const BOOKED = `
  u.settled_at AS "settledAt", u.billed, u.usage_source AS "usageSource", u.uncached_input AS "uncachedInput",
  u.cache_read AS "cacheRead", u.cache_write_5m + u.cache_write_1h AS "cacheWrite", u.audio_input AS "audioInput",
  u.output, u.audio_output AS "audioOutput", u.reasoning, u.held_nanos AS "heldNanos", u.cost_nanos AS "costNanos",
  u.seller_nanos AS "sellerNanos", u.fee_nanos AS "feeNanos"`

export const BOOKED_COLUMNS = [
  'settledAt',
  'billed',
  'usageSource',
  'uncachedInput',
  'cacheRead',
  'cacheWrite',
  'audioInput',
  'output',
  'audioOutput',
  'reasoning',
  'heldNanos',
  'costNanos',
  'sellerNanos',
  'feeNanos',
] as const

const TOLD = `
  id uuid, "organisationId" uuid, "keyId" uuid, "modelAsked" text, model text, "listingId" uuid,
  "sellerOrganisationId" uuid, provider text, outcome text, status smallint, error text, "finishReason" text,
  stream boolean, attempts jsonb, "startedAt" timestamptz, "overheadMs" real, "ttftMs" integer,
  "durationMs" integer, uncounted boolean`

export const quoted = (names: readonly string[]) => names.map((name) => `"${name}"`).join(', ')

const TOLD_COLUMNS = [
  'organisationId',
  'keyId',
  'modelAsked',
  'model',
  'listingId',
  'sellerOrganisationId',
  'provider',
  'outcome',
  'status',
  'error',
  'finishReason',
  'stream',
  'attempts',
  'startedAt',
  'overheadMs',
  'ttftMs',
  'durationMs',
  'uncounted',
]

// Mostly the bill is booked by the time that the row is written, and the row is complete at once. In the order of ids,
// because the rollup writes the same rows in that order. OFFSET 0 keeps it a look-up per row.
const INSERT = `
  INSERT INTO request_log ("id", ${quoted(TOLD_COLUMNS)}, "told", ${quoted(BOOKED_COLUMNS)})
  SELECT r.id, ${TOLD_COLUMNS.map((name) => (name === 'outcome' ? `CASE WHEN r.outcome = 'answered' AND u.billed = 'nothing' THEN 'free' ELSE r.outcome END` : name === 'uncounted' ? 'r.uncounted AND u."settledAt" IS NULL' : `r."${name}"`)).join(', ')},
    true, ${BOOKED_COLUMNS.map((name) => `u."${name}"`).join(', ')}
  FROM json_to_recordset($1::json) AS r (${TOLD})
  LEFT JOIN LATERAL (SELECT ${BOOKED} FROM ledger.usage_record u WHERE u.id = r.id OFFSET 0) u ON true
  ORDER BY r.id
  ON CONFLICT (id) DO UPDATE SET "told" = true, "outcome" = CASE WHEN EXCLUDED."outcome" = 'answered' AND request_log."billed" = 'nothing' THEN 'free' ELSE EXCLUDED."outcome" END,
    "modelAsked" = EXCLUDED."modelAsked", "status" = EXCLUDED."status", "error" = EXCLUDED."error",
    "attempts" = EXCLUDED."attempts", "overheadMs" = EXCLUDED."overheadMs", "ttftMs" = EXCLUDED."ttftMs",
    "durationMs" = EXCLUDED."durationMs"
  WHERE NOT request_log."told"`

/** Writes rows; one that stands there already is completed, and nothing is written twice. */
export async function insertRequests({ pool }: Pool, rows: readonly RequestRow[]): Promise<void> {
  await pool.query({ name: 'request_log_insert', text: INSERT, values: [JSON.stringify(rows)] })
}

/** Forgets at most `limit` requests with ids below `beforeId`; how many were forgotten. */
export async function forgetRequests(
  { pool }: Pool,
  { beforeId, limit }: { beforeId: string; limit: number },
): Promise<number> {
  const { rowCount } = await pool.query({
    name: 'request_log_forget',
    text: `DELETE FROM request_log WHERE id IN (
             SELECT id FROM request_log WHERE id < $1 AND NOT uncounted ORDER BY id LIMIT $2)`,
    values: [beforeId, limit],
  })
  return rowCount ?? 0
}
