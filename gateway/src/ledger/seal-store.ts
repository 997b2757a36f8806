/** The seal's SQL. What is sealed is read from the tables themselves: the auditor trusts no function of the database. */
import type { Pool } from '../platform/database.ts'
import {
  type BlockDigest,
  type BlockRange,
  type ColumnKind,
  isoMicros,
  SEAL_FORMAT,
  type SealedTable,
  type SealItem,
  sealedColumns,
} from './seal-format.ts'

/** One connection: pages of a block are read in one transaction or by an auditor of his own. */
export interface SealClient {
  query<Row extends object>(text: string, values?: unknown[]): Promise<{ rows: Row[] }>
}

export type SealPool = Pick<Pool, 'connect'>

const BLOCK_MS = 600_000

/** Starts counting anew if these books have come to another cluster. */
export async function beginEpoch(client: SealClient): Promise<number> {
  const { rows } = await client.query<{ epoch: number }>('SELECT ledger.begin_epoch() AS epoch')
  return rows[0]?.epoch ?? 0
}

/** Runs `work` in a transaction of the one sealer at a time; undefined when another node is at it. */
export async function asOnlySealer<Result>(
  pool: SealPool,
  work: (client: SealClient) => Promise<Result>,
): Promise<Result | undefined> {
  const client = await pool.connect()
  let fault: unknown
  // What one transaction booked is one block, so a statement may take longer than the pool lets others.
  const patient: SealClient = {
    query<Row extends object>(text: string, values: unknown[] = []) {
      const query = { text, values, query_timeout: BLOCK_MS }
      return client.query<Row>(query)
    },
  }
  try {
    await client.query(`BEGIN; SET LOCAL statement_timeout = ${BLOCK_MS}`)
    const { rows } = await client.query<{ mine: boolean }>(
      `SELECT pg_try_advisory_xact_lock(hashtext('ledger.seal')) AS mine`,
    )
    const result = rows[0]?.mine ? await work(patient) : undefined
    await client.query('COMMIT')
    return result
  } catch (error) {
    fault = error
    await client.query('ROLLBACK').catch(() => undefined)
    throw error
  } finally {
    // A connection that was lost in the middle must not go back into the pool.
    client.release(fault instanceof Error ? fault : undefined)
  }
}

export async function nextBlock(client: SealClient, limit: number): Promise<BlockRange | undefined> {
  const { rows } = await client.query<RangeRow>(
    `SELECT chain, seq, prev_hash, epoch, from_xid, to_xid, ${instant('sealed_at')} AS sealed_at
     FROM ledger.next_block($1)`,
    [limit],
  )
  return rows[0] && blockRange(rows[0])
}

interface RangeRow {
  chain: string
  seq: string
  prev_hash: Buffer
  epoch: number
  from_xid: string
  to_xid: string
  sealed_at: string
}

function blockRange(row: RangeRow): BlockRange {
  return {
    chain: row.chain,
    seq: row.seq,
    prevHash: row.prev_hash,
    epoch: row.epoch,
    fromXid: row.from_xid,
    toXid: row.to_xid,
    sealedAt: row.sealed_at,
  }
}

/** False when another node was quicker. Throws when the books do not hold what was hashed. */
export async function appendSeal(
  client: SealClient,
  block: BlockRange,
  digest: BlockDigest,
): Promise<boolean> {
  const { rows } = await client.query<{ appended: boolean }>('SELECT ledger.append_seal($1) AS appended', [
    JSON.stringify({
      chain: block.chain,
      seq: block.seq,
      format: SEAL_FORMAT,
      epoch: block.epoch,
      from_xid: block.fromXid,
      to_xid: block.toXid,
      journals: digest.journals,
      free_requests: digest.freeRequests,
      sum_debits: digest.sumDebits.toString(),
      sealed_at: isoMicros(block.sealedAt),
      prev_hash: `\\x${block.prevHash.toString('hex')}`,
      hash: `\\x${digest.hash.toString('hex')}`,
      locators: `\\x${digest.locators.toString('hex')}`,
    }),
  ])
  return rows[0]?.appended ?? false
}

/** The ids of a block in order, at most `limit` of them after `after`. */
export async function readBlockIds(
  client: SealClient,
  { epoch, fromXid, toXid }: Pick<BlockRange, 'epoch' | 'fromXid' | 'toXid'>,
  { after, limit }: { after: string; limit: number },
): Promise<string[]> {
  // Materialised, because in search of the first few ids the planner would walk through years of them.
  const { rows } = await client.query<{ id: string }>(
    `WITH journals AS MATERIALIZED (
       SELECT id FROM ledger.journal WHERE epoch = $1 AND xid > $2::xid8 AND xid <= $3::xid8
     ), free AS MATERIALIZED (
       SELECT u.id FROM ledger.usage_record u WHERE u.epoch = $1 AND u.xid > $2::xid8 AND u.xid <= $3::xid8
         AND (SELECT count(*) FROM ledger.journal j WHERE j.id = u.id) = 0
     )
     SELECT id FROM (SELECT id FROM journals UNION ALL SELECT id FROM free) b WHERE id > $4 ORDER BY id LIMIT $5`,
    [epoch, fromXid, toXid, after, limit],
  )
  return rows.map(({ id }) => id)
}

/** What belongs to each id, in the order of the ids. */
export async function readItems(client: SealClient, ids: readonly string[]): Promise<SealItem[]> {
  const { rows } = await client.query<SealItem>(ITEMS, [ids])
  return rows
}

// Each row is looked up by its key, however young the statistics are: a join would read all accounts for every page.
// Columns of the journal name its source's row, so a source that was changed or removed shows as a difference.
const ITEMS = `
  SELECT i.id,
    (SELECT ${fields('journal', 'j')} FROM ledger.journal j WHERE j.id = i.id) AS journal,
    coalesce((
      SELECT json_agg(json_build_object(
        'accountId', e.account_id::text, 'entry', ${fields('entry', 'e')},
        'account', (SELECT ${fields('account', 'a')} FROM ledger.account a WHERE a.id = e.account_id)
      ) ORDER BY e.seq)
      FROM ledger.entry e WHERE e.journal_id = i.id
    ), '[]') AS entries,
    (SELECT ${fields('usage_record', 'u')} FROM ledger.usage_record u WHERE u.id = i.id) AS "usageRecord",
    coalesce((
      SELECT json_agg(s.fields) FROM ledger.journal j CROSS JOIN LATERAL (
        SELECT ${fields('journal_source', 's')} AS fields FROM ledger.journal_source s
        WHERE s.source = j.source AND s.source_id = j.source_id AND s.code = j.code OFFSET 0
      ) s
      WHERE j.id = i.id
    ), '[]') AS sources
  FROM unnest($1::uuid[]) WITH ORDINALITY i (id, ord) ORDER BY i.ord`

function fields(table: SealedTable, alias: string): string {
  const columns = Object.entries<ColumnKind>(sealedColumns[table])
  return `json_build_array(${columns.map(([name, kind]) => asText(`${alias}.${name}`, kind)).join(', ')})`
}

/** SQL for the column as text, the same whatever TimeZone, DateStyle, extra_float_digits or bytea_output say. */
function asText(column: string, kind: ColumnKind): string {
  switch (kind) {
    case 'plain':
      return `${column}::text`
    case 'instant':
      return instant(column)
    case 'double':
      return `encode(float8send(${column}), 'hex')`
    case 'bytes':
      return `encode(${column}, 'hex')`
  }
}

/** Microseconds since 1970: an exact number, where a date's text depends on the session. */
function instant(column: string): string {
  return `trunc(extract(epoch FROM ${column}) * 1000000)::text`
}

/** A block as the chain has it. */
export interface SealRow extends BlockRange {
  format: number
  journals: string
  freeRequests: string
  sumDebits: string
  hash: Buffer
}

/** Blocks after `after`, in order. */
export async function readSeals(
  client: SealClient,
  { after, limit }: { after: string; limit: number },
): Promise<SealRow[]> {
  const { rows } = await client.query<
    RangeRow & { format: number; journals: string; free_requests: string; sum_debits: string; hash: Buffer }
  >(`${SEALS} WHERE seq > $1 ORDER BY seq, chain LIMIT $2`, [after, limit])
  return rows.map(sealRow)
}

/** The last block; undefined before the first. */
export async function readHead(client: SealClient): Promise<SealRow | undefined> {
  const { rows } = await client.query<Parameters<typeof sealRow>[0]>(`${SEALS} ORDER BY seq DESC LIMIT 1`)
  return rows[0] && sealRow(rows[0])
}

const SEALS = `SELECT chain, seq, format, epoch, from_xid, to_xid, journals, free_requests, sum_debits, prev_hash, hash,
  ${instant('sealed_at')} AS sealed_at FROM ledger.seal`

function sealRow(
  row: RangeRow & {
    format: number
    journals: string
    free_requests: string
    sum_debits: string
    hash: Buffer
  },
): SealRow {
  return {
    ...blockRange(row),
    format: row.format,
    journals: row.journals,
    freeRequests: row.free_requests,
    sumDebits: row.sum_debits,
    hash: row.hash,
  }
}

export async function readLocators(client: SealClient, { chain, seq }: BlockRange): Promise<Buffer> {
  const { rows } = await client.query<{ locators: Buffer }>(
    'SELECT locators FROM ledger.seal WHERE chain = $1 AND seq = $2',
    [chain, seq],
  )
  return rows[0]?.locators ?? Buffer.alloc(0)
}
