/** Adds what was booked to the sums, block by block, each exactly once. Private to this folder. */
import type { Pool } from '../platform/database.ts'
import { COUNTERS, NOBODY } from './counters.ts'
import { BOOKED, BOOKED_COLUMNS, quoted } from './log-store.ts'

/** A block's transaction may take longer than other statements: it is bounded in rows, and nobody waits for it. */
const BLOCK_MS = 30_000

export interface BlockOptions {
  /** Usage records in a block, about. */
  limit: number
  /** Older requests get no row in the log any more. */
  keepFromId: string
}

/**
 * One block in one transaction with the mark of how far it went. `undefined` when another node is at it; else how many
 * usage records and how many unbilled requests were counted.
 */
export async function countBlock(
  pool: Pool,
  { limit, keepFromId }: BlockOptions,
): Promise<{ booked: number; unbilled: number } | undefined> {
  const client = await pool.connect()
  let fault: unknown
  try {
    await client.query(`BEGIN; SET LOCAL statement_timeout = ${BLOCK_MS}; SET LOCAL enable_seqscan = off`)
    const { rows } = await client.query<{ mine: boolean }>(
      `SELECT pg_try_advisory_xact_lock(hashtext('analytics.rollup')) AS mine`,
    )
    const counted = rows[0]?.mine ? await countNext(client, { limit, keepFromId }) : undefined
    await client.query('COMMIT')
    return counted
  } catch (error) {
    fault = error
    await client.query('ROLLBACK').catch(() => undefined)
    throw error
  } finally {
    // A connection that was lost in the middle must not go back into the pool.
    client.release(fault instanceof Error ? fault : undefined)
  }
}

interface Client {
  query<Row extends object>(text: string, values?: unknown[]): Promise<{ rows: Row[] }>
}

async function countNext(client: Client, { limit, keepFromId }: BlockOptions) {
  const unbilled = await counted(client, COUNT_UNBILLED, [limit])
  const block = (await client.query<Block>(NEXT_BLOCK, [limit])).rows[0]
  if (!block?.to) {
    if (block?.stale) await client.query(SET_PROGRESS, [block.epoch, block.from])
    return { booked: 0, unbilled }
  }
  const booked = await counted(client, COUNT_BOOKED, [block.epoch, block.from, block.to, keepFromId])
  await client.query(SET_PROGRESS, [block.epoch, block.to])
  return { booked, unbilled }
}

async function counted(client: Client, text: string, values: unknown[]): Promise<number> {
  const { rows } = await client.query<{ counted: string }>(text, values)
  return Number(rows[0]?.counted ?? 0)
}

interface Block {
  epoch: number
  from: string
  /** `null`: nothing new. */
  to: string | null
  /** The mark should be moved although nothing is new. */
  stale: boolean
}

// Below the horizon every transaction of the epoch has ended, and what it booked can be seen: as the ledger's seals do.
// An epoch that is over is left when nothing of it remains.
const NEXT_BLOCK = `
  WITH progress AS (SELECT epoch, xid::xid8 AS xid, "asOf" FROM usage_progress WHERE id = 1 FOR UPDATE),
  epochs AS (SELECT max(epoch) AS last FROM ledger.seal_epoch),
  reach AS (
    SELECT e.epoch, CASE WHEN e.epoch = p.epoch THEN p.xid ELSE '0'::xid8 END AS from_xid,
      CASE WHEN e.epoch = l.last THEN pg_snapshot_xmin(pg_current_snapshot()) ELSE '18446744073709551615'::xid8 END AS horizon
    FROM progress p, epochs l, LATERAL generate_series(p.epoch, l.last) e (epoch)
  ), blocks AS (
    SELECT r.epoch, r.from_xid, coalesce(
      (SELECT xid FROM ledger.usage_record u WHERE u.epoch = r.epoch AND u.xid > r.from_xid AND u.xid < r.horizon
        ORDER BY xid OFFSET $1 - 1 LIMIT 1),
      (SELECT xid FROM ledger.usage_record u WHERE u.epoch = r.epoch AND u.xid > r.from_xid AND u.xid < r.horizon
        ORDER BY xid DESC LIMIT 1)
    ) AS to_xid
    FROM reach r
  )
  SELECT epoch, from_xid::text AS "from", to_xid::text AS "to",
    (SELECT "asOf" < now() - interval '5 seconds' FROM progress) AS stale
  FROM blocks ORDER BY (to_xid IS NULL), CASE WHEN to_xid IS NULL THEN -epoch ELSE epoch END LIMIT 1`

// All that was committed by "asOf" is counted: it is now, or when the first was booked that is not counted yet.
const SET_PROGRESS = `
  UPDATE usage_progress SET epoch = $1::integer, xid = $2::text, "asOf" = greatest("asOf", least(now(), (
    SELECT settled_at FROM ledger.usage_record u WHERE u.epoch = $1::integer AND u.xid > ($2::text)::xid8 ORDER BY xid LIMIT 1
  ))) WHERE id = 1`

const ADDED = COUNTERS.map((name) => `sum("${name}")::bigint AS "${name}"`).join(', ')
const onConflict = (table: string) =>
  COUNTERS.map((name) => `"${name}" = ${table}."${name}" + EXCLUDED."${name}"`).join(', ')

/** Adds the rows of `facts` to both tables of sums, in the order of their keys. */
const ADD_FACTS = `
  sums AS MATERIALIZED (
    SELECT "organisationId", hour, "keyId", model, "listingId", max("sellerOrganisationId"::text)::uuid AS "sellerOrganisationId",
      ${ADDED}
    FROM facts GROUP BY 1, 2, 3, 4, 5
  ), hours AS (
    INSERT INTO usage_hour ("organisationId", hour, "keyId", model, "listingId", "sellerOrganisationId", ${quoted(COUNTERS)})
    SELECT * FROM sums ORDER BY 1, 2, 3, 4, 5
    ON CONFLICT ("organisationId", hour, "keyId", model, "listingId") DO UPDATE SET ${onConflict('usage_hour')}
  ), market AS (
    INSERT INTO usage_market (dimension, grain, bucket, value, ${quoted(COUNTERS)})
    SELECT d.dimension, d.grain, d.bucket, d.value, ${ADDED}
    FROM sums s, LATERAL (VALUES
      ('model', 'hour', s.hour, s.model),
      ('model', 'day', date_trunc('day', s.hour, 'UTC'), s.model),
      ('seller', 'day', date_trunc('day', s.hour, 'UTC'), s."sellerOrganisationId"::text),
      ('listing', 'day', date_trunc('day', s.hour, 'UTC'), s."listingId"::text),
      ('organisation', 'day', date_trunc('day', s.hour, 'UTC'), s."organisationId"::text)
    ) d (dimension, grain, bucket, value)
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
    ON CONFLICT (dimension, grain, bucket, value) DO UPDATE SET ${onConflict('usage_market')}
  )`

// A row that the corridor has told keeps its outcome, but for an answer that turned out to be free.
const COUNT_BOOKED = `
  WITH block AS MATERIALIZED (
    SELECT u.id, u.organisation_id, u.key_id, u.listing_id, u.seller_organisation_id, u.model, u.provider, u.stream,
      u.finish_reason, u.started_at, u.ttft_ms, u.duration_ms, ${BOOKED}
    FROM ledger.usage_record u WHERE u.epoch = $1 AND u.xid > $2::xid8 AND u.xid <= $3::xid8
  ), logged AS (
    INSERT INTO request_log ("id", "organisationId", "keyId", "model", "listingId", "sellerOrganisationId", "provider", "outcome",
      "finishReason", "stream", "startedAt", "ttftMs", "durationMs", "told", "uncounted", ${quoted(BOOKED_COLUMNS)})
    SELECT id, organisation_id, key_id, model, listing_id, seller_organisation_id, provider,
      CASE WHEN billed = 'nothing' THEN 'free' WHEN finish_reason = 'client_gone' THEN 'left' ELSE 'answered' END,
      finish_reason, stream, started_at, CASE WHEN stream THEN round(ttft_ms)::integer END, round(duration_ms)::integer, false, false, ${quoted(BOOKED_COLUMNS)}
    FROM block WHERE id >= $4 ORDER BY id
    ON CONFLICT (id) DO UPDATE SET "uncounted" = false,
      "outcome" = CASE WHEN request_log."outcome" = 'answered' THEN EXCLUDED."outcome" ELSE request_log."outcome" END,
      ${BOOKED_COLUMNS.map((name) => `"${name}" = EXCLUDED."${name}"`).join(', ')}
    WHERE request_log."settledAt" IS NULL
  ), alerted AS (
    UPDATE spending_alert SET due = true
    WHERE NOT due AND "organisationId" IN (SELECT organisation_id FROM block)
  ), facts AS (
    SELECT organisation_id AS "organisationId", date_trunc('hour', started_at, 'UTC') AS hour, key_id AS "keyId", model,
      listing_id AS "listingId", seller_organisation_id AS "sellerOrganisationId",
      1 AS requests, stream::integer AS streams, 0 AS failed, 0 AS refused, 0 AS left, "uncachedInput", "cacheRead", "cacheWrite", "audioInput", output,
      "audioOutput", reasoning, "costNanos", "sellerNanos", "feeNanos", CASE WHEN stream THEN round(ttft_ms)::bigint ELSE 0 END AS "ttftMs",
      round(duration_ms)::bigint AS "durationMs"
    FROM block
  ), ${ADD_FACTS}
  SELECT count(*) AS counted FROM block`

const COUNT_UNBILLED = `
  WITH taken AS (
    UPDATE request_log SET uncounted = false
    WHERE id IN (SELECT id FROM request_log WHERE uncounted ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)
    RETURNING *
  ), facts AS (
    SELECT "organisationId", date_trunc('hour', "startedAt", 'UTC') AS hour, "keyId", coalesce(model, '') AS model,
      coalesce("listingId", '${NOBODY}') AS "listingId",
      coalesce("sellerOrganisationId", '${NOBODY}') AS "sellerOrganisationId",
      0 AS requests, 0 AS streams, (outcome = 'failed')::integer AS failed, (outcome = 'refused')::integer AS refused,
      (outcome = 'left')::integer AS left, 0 AS "uncachedInput", 0 AS "cacheRead", 0 AS "cacheWrite", 0 AS "audioInput",
      0 AS output, 0 AS "audioOutput", 0 AS reasoning, 0 AS "costNanos", 0 AS "sellerNanos", 0 AS "feeNanos",
      0 AS "ttftMs", 0 AS "durationMs"
    FROM taken
  ), ${ADD_FACTS}
  SELECT count(*) AS counted FROM taken`
