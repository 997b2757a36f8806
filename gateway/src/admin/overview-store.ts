/** What the overview reads of the database: few rows or bounded ones. Private to this folder. */
import type { Database } from '../platform/database.ts'

export interface TrafficRow {
  requests: bigint
  failed: bigint
  refused: bigint
  spendNanos: bigint
  takeNanos: bigint
  /** The sum over streams, and how many these are: only they have a first token. */
  ttftMs: number
  streams: bigint
}

type Text<Row> = { [Key in keyof Row]: Row[Key] extends bigint ? string : Row[Key] }

/** Hour by hour, as the sums of the read model have it. */
export async function hourlyTraffic(
  database: Database,
  from: Date,
): Promise<(TrafficRow & { hour: Date })[]> {
  const { rows } = await database.pool.query<Text<TrafficRow> & { hour: Date }>({
    name: 'admin-hourly-traffic',
    text: `
      SELECT bucket AS hour, sum(requests + failed + refused + "left")::text AS requests, sum(failed)::text AS failed,
        sum(refused)::text AS refused, sum("costNanos")::text AS "spendNanos", sum("feeNanos")::text AS "takeNanos",
        sum("ttftMs")::float8 AS "ttftMs", sum(streams)::text AS streams
      FROM usage_market
      WHERE dimension = 'model' AND grain = 'hour' AND bucket >= $1
      GROUP BY bucket ORDER BY bucket`,
    values: [from],
  })
  return rows.map(({ hour, ...row }) => ({ hour, ...exact(row) }))
}

/** Requests whose ids begin at `fromId`: ids follow time. */
export async function trafficSince(database: Database, fromId: string): Promise<TrafficRow> {
  const { rows } = await database.pool.query<Text<TrafficRow>>({
    name: 'admin-traffic-since',
    text: `
      SELECT count(*)::text AS requests, count(*) FILTER (WHERE outcome = 'failed')::text AS failed,
        count(*) FILTER (WHERE outcome = 'refused')::text AS refused,
        coalesce(sum("costNanos"), 0)::text AS "spendNanos", coalesce(sum("feeNanos"), 0)::text AS "takeNanos",
        coalesce(sum("ttftMs") FILTER (WHERE stream), 0)::float8 AS "ttftMs",
        count("ttftMs") FILTER (WHERE stream)::text AS streams
      FROM request_log WHERE id >= $1`,
    values: [fromId],
  })
  return exact(rows[0] as Text<TrafficRow>)
}

function exact({ ttftMs, ...sums }: Text<TrafficRow>): TrafficRow {
  return {
    requests: BigInt(sums.requests),
    failed: BigInt(sums.failed),
    refused: BigInt(sums.refused),
    spendNanos: BigInt(sums.spendNanos),
    takeNanos: BigInt(sums.takeNanos),
    streams: BigInt(sums.streams),
    ttftMs,
  }
}

export interface WaitingRow {
  payouts: number
  payoutsToBook: number
  verifying: number
  quarantined: number
  openCases: number
  unsignedReceipts: number
  owedNanos: string
  lastSealAt: Date | null
  countedThrough: Date | null
}

// Beyond this many it is no longer a queue but a fault, and the number need not be exact.
const COUNTED_AT_MOST = 10_000

/** What waits for a person or a job, in one statement. */
export async function readWaiting(database: Database): Promise<WaitingRow> {
  const { rows } = await database.pool.query<WaitingRow>({
    name: 'admin-waiting',
    text: `
      SELECT
        (SELECT count(*)::integer FROM payout WHERE state = 'requested') AS payouts,
        (SELECT count(*)::integer FROM payout WHERE state = 'approved') AS "payoutsToBook",
        (SELECT count(*)::integer FROM listing WHERE state = 'verifying') AS verifying,
        (SELECT count(*)::integer FROM listing WHERE state = 'quarantined') AS quarantined,
        (SELECT count(*)::integer FROM trust_case WHERE state IN ('open', 'disputed')) AS "openCases",
        (SELECT count(*)::integer FROM (
          SELECT 1 FROM ledger.usage_record u
          WHERE u.settled_at > (SELECT signed_through FROM ledger.receipt_progress)
            AND NOT EXISTS (SELECT 1 FROM ledger.receipt r WHERE r.id = u.id)
          LIMIT $1) unsigned) AS "unsignedReceipts",
        (SELECT coalesce(sum(debits - credits), 0)::text FROM ledger.account WHERE code = 'receivable_buyer') AS "owedNanos",
        (SELECT max(sealed_at) FROM (SELECT sealed_at FROM ledger.seal ORDER BY seq DESC LIMIT 1) last) AS "lastSealAt",
        (SELECT "asOf" FROM usage_progress WHERE id = 1) AS "countedThrough"`,
    values: [COUNTED_AT_MOST],
  })
  return rows[0] as WaitingRow
}
