/**
 * The auditor's SQL. It reads tables and PostgreSQL's own catalogue; the only function of ours that it calls is
 * check_invariants, after its text was compared with the migrations.
 */

import type { SealClient } from './seal-store.ts'
import type { UsageFacts } from './usage-facts.ts'

export interface StoredFunction {
  name: string
  body: string
}

/** The functions of the ledger's schema with what stands between their dollar quotes. */
export async function readFunctions(client: SealClient): Promise<StoredFunction[]> {
  const { rows } = await client.query<StoredFunction>(
    `SELECT proname::text AS name, prosrc AS body FROM pg_proc
     WHERE pronamespace = 'ledger'::regnamespace ORDER BY proname`,
  )
  return rows
}

/** Tables that are missing, or are something else that could show other rows than it has. */
export async function readDisguises(
  client: SealClient,
  tables: readonly string[],
): Promise<{ name: string; fault: string }[]> {
  const { rows } = await client.query<{ name: string; fault: string }>(
    `SELECT t.name, CASE
       WHEN c.oid IS NULL THEN 'there is no such table'
       WHEN c.relkind NOT IN ('r', 'p') THEN 'is not a table'
       WHEN c.relrowsecurity THEN 'hides rows by policies'
       ELSE 'has rewrite rules' END AS fault
     FROM unnest($1::text[]) t (name)
     LEFT JOIN pg_class c ON c.relnamespace = 'ledger'::regnamespace AND c.relname = t.name
     WHERE c.oid IS NULL OR c.relkind NOT IN ('r', 'p') OR c.relrowsecurity OR c.relhasrules ORDER BY t.name`,
    [tables],
  )
  return rows
}

export async function tableExists(client: SealClient, name: string): Promise<boolean> {
  const { rows } = await client.query<{ found: boolean }>('SELECT to_regclass($1) IS NOT NULL AS found', [
    `ledger.${name}`,
  ])
  return rows[0]?.found ?? false
}

/** What check_invariants finds, at most `limit` rows of it. */
export async function readViolations(
  client: SealClient,
  limit: number,
): Promise<{ invariant: string; detail: string }[]> {
  const { rows } = await client.query<{ invariant: string; detail: string }>(
    'SELECT invariant, detail FROM ledger.check_invariants() LIMIT $1',
    [limit],
  )
  return rows
}

export interface FoldedAccount {
  id: string
  key: string | null
  debits: string | null
  credits: string | null
  foldedDebits: string
  foldedCredits: string
}

/** The accounts whose counters are not the sums of their entries. */
export async function readMisfolded(client: SealClient): Promise<FoldedAccount[]> {
  const { rows } = await client.query<FoldedAccount>(
    `SELECT coalesce(a.id, e.account_id)::text AS id, a.key, a.debits, a.credits,
       coalesce(e.debits, 0) AS "foldedDebits", coalesce(e.credits, 0) AS "foldedCredits"
     FROM ledger.account a
     FULL JOIN (
       SELECT account_id, sum(amount) FILTER (WHERE amount > 0) AS debits, -sum(amount) FILTER (WHERE amount < 0) AS credits
       FROM ledger.entry GROUP BY account_id
     ) e ON e.account_id = a.id
     WHERE a.debits IS DISTINCT FROM coalesce(e.debits, 0) OR a.credits IS DISTINCT FROM coalesce(e.credits, 0)
     ORDER BY 1 LIMIT 1000`,
  )
  return rows
}

export interface BookFigures {
  accounts: string
  emptyAccounts: string
  journals: string
  entries: string
  debits: string
  usageRecords: string
  openHolds: string
  overdueHolds: string
  overdueNanos: string
}

export async function readFigures(client: SealClient, overdueMs: number): Promise<BookFigures> {
  const { rows } = await client.query<BookFigures>(
    `SELECT
       (SELECT count(*) FROM ledger.account) AS accounts,
       (SELECT count(*) FROM ledger.account WHERE debits = 0 AND credits = 0) AS "emptyAccounts",
       (SELECT count(*) FROM ledger.journal) AS journals,
       (SELECT count(*) FROM ledger.entry) AS entries,
       (SELECT coalesce(sum(debits), 0) FROM ledger.account) AS debits,
       (SELECT count(*) FROM ledger.usage_record) AS "usageRecords",
       count(*) AS "openHolds", count(*) FILTER (WHERE overdue) AS "overdueHolds",
       coalesce(sum(amount) FILTER (WHERE overdue), 0) AS "overdueNanos"
     FROM (
       SELECT amount, expires_at < clock_timestamp() - make_interval(secs => $1) AS overdue
       FROM ledger.hold WHERE state = 'open'
     ) h`,
    [overdueMs / 1000],
  )
  return rows[0] as BookFigures
}

/** Entries that do not have their journal's time. */
export async function readMistimed(
  client: SealClient,
): Promise<{ journalId: string; seq: number; others: string }[]> {
  const { rows } = await client.query<{ journalId: string; seq: number; others: string }>(
    `SELECT e.journal_id AS "journalId", min(e.seq)::integer AS seq,
       (SELECT count(*) FROM ledger.entry o WHERE o.journal_id = e.journal_id AND o.created_at = j.created_at) AS others
     FROM ledger.entry e JOIN ledger.journal j ON j.id = e.journal_id
     WHERE e.created_at <> j.created_at GROUP BY e.journal_id, j.created_at ORDER BY 1 LIMIT 1000`,
  )
  return rows
}

export interface OpenLetter {
  id: string
  queue: string
  operation: string
  message: string
}

export async function readOpenLetters(client: SealClient): Promise<OpenLetter[]> {
  const { rows } = await client.query<OpenLetter>(
    `SELECT id::text, queue, operation_id AS operation, message FROM ledger.dead_letter
     WHERE resolved_at IS NULL ORDER BY id LIMIT 1000`,
  )
  return rows
}

/** What stands behind the head, and whether the blocks and what is unsealed are all there is. One snapshot. */
export interface Coverage {
  journals: string
  sealedJournals: string
  unsealedJournals: string
  freeRequests: string
  sealedFreeRequests: string
  unsealedFreeRequests: string
  oldestUnsealedSeconds: number | null
}

export async function readCoverage(client: SealClient): Promise<Coverage> {
  const { rows } = await client.query<Coverage>(
    `WITH head AS (
       SELECT coalesce(max(epoch), 0) AS epoch,
         coalesce((SELECT to_xid FROM ledger.seal ORDER BY seq DESC LIMIT 1), '0'::xid8) AS xid
       FROM ledger.seal WHERE seq = (SELECT max(seq) FROM ledger.seal)
     ), free AS (
       SELECT u.epoch, u.xid, u.settled_at FROM ledger.usage_record u
       WHERE NOT EXISTS (SELECT FROM ledger.journal j WHERE j.id = u.id)
     )
     SELECT
       (SELECT count(*) FROM ledger.journal) AS journals,
       (SELECT coalesce(sum(journals), 0) FROM ledger.seal) AS "sealedJournals",
       (SELECT count(*) FROM ledger.journal j WHERE (j.epoch, j.xid) > (h.epoch, h.xid)) AS "unsealedJournals",
       (SELECT count(*) FROM free) AS "freeRequests",
       (SELECT coalesce(sum(free_requests), 0) FROM ledger.seal) AS "sealedFreeRequests",
       (SELECT count(*) FROM free f WHERE (f.epoch, f.xid) > (h.epoch, h.xid)) AS "unsealedFreeRequests",
       extract(epoch FROM clock_timestamp() - least(
         (SELECT min(j.created_at) FROM ledger.journal j WHERE (j.epoch, j.xid) > (h.epoch, h.xid)),
         (SELECT min(f.settled_at) FROM free f WHERE (f.epoch, f.xid) > (h.epoch, h.xid))
       ))::float8 AS "oldestUnsealedSeconds"
     FROM head h`,
  )
  return rows[0] as Coverage
}

export interface Misplaced {
  table: 'journal' | 'usage_record'
  id: string
  column: 'epoch' | 'xid'
}

/** Rows that say they are of a cluster or of a transaction that there was not. */
export async function readMisplaced(client: SealClient): Promise<Misplaced[]> {
  const wrong = (table: string) => `
    SELECT '${table}' AS table, r.id::text AS id, CASE WHEN e.epoch IS NULL THEN 'epoch' ELSE 'xid' END AS column
    FROM ledger.${table} r LEFT JOIN ledger.seal_epoch e ON e.epoch = r.epoch
    WHERE e.epoch IS NULL OR r.xid = '0' OR r.epoch = l.epoch AND r.xid >= pg_snapshot_xmax(pg_current_snapshot())`
  const { rows } = await client.query<Misplaced>(
    `SELECT w.* FROM (SELECT max(epoch) AS epoch FROM ledger.seal_epoch) l
     CROSS JOIN LATERAL (${wrong('journal')} UNION ALL ${wrong('usage_record')}) w LIMIT 1000`,
  )
  return rows
}

export interface Epochs {
  chain: string
  last: number
  chains: number
}

export async function readEpochs(client: SealClient): Promise<Epochs | undefined> {
  const { rows } = await client.query<Epochs>(
    `SELECT min(chain) AS chain, max(epoch) AS last, count(DISTINCT chain)::integer AS chains
     FROM ledger.seal_epoch HAVING count(*) > 0`,
  )
  return rows[0]
}

/** Which of these ids the table has, whatever block they say they are in. */
export async function readPresent(
  client: SealClient,
  table: 'journal' | 'usage_record',
  id: string,
): Promise<boolean> {
  const { rows } = await client.query(`SELECT FROM ledger.${table} WHERE id = $1`, [id])
  return rows.length > 0
}

/** One served request as usage record, journal and receipt tell it. */
export interface ServedRequest {
  facts: UsageFacts
  seller: string
  sellerNanos: string
  feeNanos: string
  shortfallNanos: string
  journal: { code: string; source: string } | null
  legs: { account: { key: string; code: string } | null; amount: string }[]
  receipt: { kid: string; payload: string; signature: string } | null
}

/** Usage records after `after`, each with its journal, entries and receipt as one statement sees them. */
export async function readServed(
  client: SealClient,
  { after, limit, receipts }: { after: string; limit: number; receipts: boolean },
): Promise<ServedRequest[]> {
  const { rows } = await client.query<ServedRequest>(
    `SELECT json_build_object(
         'id', u.id, 'organisation_id', u.organisation_id, 'key_id', u.key_id, 'key_fingerprint', u.key_fingerprint,
         'listing_id', u.listing_id, 'model', u.model, 'provider', u.provider, 'uncached_input', u.uncached_input,
         'cache_read', u.cache_read, 'cache_write_5m', u.cache_write_5m, 'cache_write_1h', u.cache_write_1h,
         'audio_input', u.audio_input, 'output', u.output, 'audio_output', u.audio_output, 'reasoning', u.reasoning,
         'usage_source', u.usage_source, 'billed', u.billed, 'price', u.price::text, 'stream', u.stream,
         'finish_reason', u.finish_reason, 'started_at', ${millis('u.started_at')}, 'settled_at', ${millis('u.settled_at')},
         'duration_ms', u.duration_ms, 'ttft_ms', u.ttft_ms, 'held_nanos', u.held_nanos::text,
         'cost_nanos', u.cost_nanos::text, 'request_hash', encode(u.request_hash, 'hex'),
         'response_hash', encode(u.response_hash, 'hex')
       ) AS facts,
       u.seller_organisation_id::text AS seller, u.seller_nanos AS "sellerNanos", u.fee_nanos AS "feeNanos",
       u.shortfall_nanos AS "shortfallNanos",
       (SELECT json_build_object('code', j.code, 'source', j.source) FROM ledger.journal j WHERE j.id = u.id) AS journal,
       coalesce((
         SELECT json_agg(json_build_object('account', (
           SELECT json_build_object('key', a.key, 'code', a.code) FROM ledger.account a WHERE a.id = e.account_id
         ), 'amount', e.amount::text) ORDER BY e.seq)
         FROM ledger.entry e WHERE e.journal_id = u.id
       ), '[]') AS legs,
       ${receipts ? RECEIPT : 'NULL'} AS receipt
     FROM ledger.usage_record u WHERE u.id > $1 ORDER BY u.id LIMIT $2`,
    [after, limit],
  )
  return rows
}

const RECEIPT = `(SELECT json_build_object('kid', r.kid, 'payload', r.payload, 'signature', encode(r.signature, 'hex'))
  FROM ledger.receipt r WHERE r.id = u.id)`

function millis(column: string): string {
  return `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
}

/** Receipts for requests that were never booked. */
export async function readStrayReceipts(client: SealClient): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(
    `SELECT r.id FROM ledger.receipt r
     WHERE NOT EXISTS (SELECT FROM ledger.usage_record u WHERE u.id = r.id) ORDER BY r.id LIMIT 1000`,
  )
  return rows.map(({ id }) => id)
}

/** The public keys that the database names: 32 bytes each, base64url. */
export async function readPublicKeys(client: SealClient): Promise<{ kid: string; x: string }[]> {
  const { rows } = await client.query<{ kid: string; x: string }>('SELECT kid, x FROM ledger.signing_key')
  return rows
}
