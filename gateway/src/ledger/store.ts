/** The ledger's SQL: named prepared statements, arrays in, rows out. Amounts travel as text and become `bigint` here. */
import type { Pool } from '../platform/database.ts'
import type {
  Balance,
  Budget,
  BudgetPeriod,
  DeadLetter,
  HoldOperation,
  HoldOutcome,
  HoldState,
  Settled,
  SettleOperation,
  SettleRefusal,
  Violation,
  WriteOff,
  WrittenOff,
} from './operations.ts'
import { usageRecordsJson } from './usage-record.ts'

const CHECK_MS = 600_000

/** What the store needs of a pool. */
export type LedgerPool = Pick<Pool, 'query'>

export async function holdBatch(
  pool: LedgerPool,
  operations: readonly HoldOperation[],
  node: { nodeId: string; nodeEpoch: number },
): Promise<(HoldOutcome | 'mismatch')[]> {
  const { rows } = await pool.query<HoldRow>({
    name: 'ledger-hold',
    text: 'SELECT * FROM ledger.hold_batch($1::uuid[], $2::bigint[], $3::bigint[], $4::uuid[], $5, $6)',
    values: [
      operations.map(({ id }) => id),
      operations.map(({ payer }) => payer),
      operations.map(({ amountNanos }) => amountNanos),
      operations.map(({ budgetId }) => budgetId ?? null),
      node.nodeId,
      node.nodeEpoch,
    ],
  })
  return rows.map(holdOutcome)
}

interface HoldRow {
  outcome: 'held' | 'insufficient' | 'budget_exceeded' | 'mismatch'
  available: string
  held: string
  limit_nanos: string
  spent: string
  resets_at: Date | null
}

function holdOutcome(row: HoldRow): HoldOutcome | 'mismatch' {
  switch (row.outcome) {
    case 'mismatch':
      return 'mismatch'
    case 'held':
      return { status: 'held', availableNanos: BigInt(row.available) }
    case 'insufficient':
      return {
        status: 'insufficient',
        availableNanos: BigInt(row.available),
        heldNanos: BigInt(row.held),
      }
    case 'budget_exceeded':
      return {
        status: 'budget_exceeded',
        limitNanos: BigInt(row.limit_nanos),
        spentNanos: BigInt(row.spent),
        heldNanos: BigInt(row.held),
        resetsAt: row.resets_at,
      }
  }
}

export async function settleBatch(
  pool: LedgerPool,
  operations: readonly SettleOperation[],
): Promise<(Settled | SettleRefusal)[]> {
  const { rows } = await pool.query<{
    outcome: 'settled' | SettleRefusal
    available: string
    shortfall: string
  }>({
    name: 'ledger-settle',
    text: `SELECT * FROM ledger.settle_batch($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],
      $6::bigint[], $7::json)`,
    values: [
      operations.map(({ id }) => id),
      operations.map(({ costNanos }) => costNanos),
      operations.map(({ sellerAccount }) => sellerAccount),
      operations.map(({ sellerNanos }) => sellerNanos),
      operations.map(({ feeAccount }) => feeAccount),
      operations.map(({ feeNanos }) => feeNanos),
      usageRecordsJson(operations.map(({ record }) => record)),
    ],
  })
  return rows.map(({ outcome, available, shortfall }) =>
    outcome === 'settled'
      ? { availableNanos: BigInt(available), shortfallNanos: BigInt(shortfall) }
      : outcome,
  )
}

export async function voidBatch(
  pool: LedgerPool,
  operations: readonly { id: string; reason: string }[],
): Promise<(HoldState | 'unknown')[]> {
  const { rows } = await pool.query<{ outcome: HoldState | 'unknown' }>({
    name: 'ledger-void',
    text: 'SELECT outcome FROM ledger.void_batch($1::uuid[], $2::text[])',
    values: [operations.map(({ id }) => id), operations.map(({ reason }) => reason)],
  })
  return rows.map(({ outcome }) => outcome)
}

export async function writeOffBatch(
  pool: LedgerPool,
  operations: readonly WriteOff[],
): Promise<WrittenOff[]> {
  const { rows } = await pool.query<{ outcome: WrittenOff }>({
    name: 'ledger-write-off',
    text: `SELECT outcome FROM ledger.write_off_batch($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::text[],
      $6)`,
    values: [
      operations.map(({ id }) => id),
      operations.map(({ journalId }) => journalId),
      operations.map(({ sellerAccount }) => sellerAccount),
      operations.map(({ sellerNanos }) => sellerNanos),
      operations.map(({ memo }) => memo),
      operations[0]?.lossAccount,
    ],
  })
  return rows.map(({ outcome }) => outcome)
}

/** How many of them were still open. */
export async function renewBatch(pool: LedgerPool, ids: readonly string[]): Promise<number> {
  return count(
    await pool.query({
      name: 'ledger-renew',
      text: 'SELECT ledger.renew_batch($1::uuid[]) AS count',
      values: [ids],
    }),
  )
}

export async function expireHolds(pool: LedgerPool, limit: number): Promise<number> {
  return count(await pool.query('SELECT ledger.expire_holds($1) AS count', [limit]))
}

export async function releaseDead(
  pool: LedgerPool,
  node: { nodeId: string; nodeEpoch: number },
): Promise<number> {
  return count(await pool.query('SELECT ledger.release_dead($1, $2) AS count', [node.nodeId, node.nodeEpoch]))
}

export async function ensurePartitions(pool: LedgerPool, monthsAhead: number): Promise<number> {
  return count(await pool.query('SELECT ledger.ensure_partitions($1) AS count', [monthsAhead]))
}

function count({ rows }: { rows: { count: number }[] }): number {
  return rows[0]?.count ?? 0
}

export async function openAccounts(
  pool: LedgerPool,
  accounts: readonly { code: string; owner?: string }[],
): Promise<bigint[]> {
  const { rows } = await pool.query<{ id: string }>({
    name: 'ledger-open-accounts',
    text: 'SELECT id FROM ledger.open_accounts($1::text[], $2::text[])',
    values: [accounts.map(({ code }) => code), accounts.map(({ owner }) => owner ?? null)],
  })
  return rows.map(({ id }) => BigInt(id))
}

export async function openAccount(
  pool: LedgerPool,
  code: string,
  owner: string | undefined,
): Promise<bigint> {
  const ids = await openAccounts(pool, [owner === undefined ? { code } : { code, owner }])
  return ids[0] as bigint
}

/** What is to be posted, with accounts by id. */
export interface Posting {
  id: string
  code: string
  source: string
  sourceId: string
  entries: readonly { account: bigint; amountNanos: bigint }[]
  memo: string | undefined
  reversesId: string | undefined
  recoverDebt: boolean
}

export async function post(
  pool: LedgerPool,
  posting: Posting,
): Promise<{ journalId: string; fresh: boolean }> {
  const { rows } = await pool.query<{ journal_id: string; fresh: boolean }>({
    name: 'ledger-post',
    text: 'SELECT * FROM ledger.post($1, $2, $3, $4, $5::bigint[], $6::bigint[], $7, $8, $9)',
    values: [
      posting.id,
      posting.code,
      posting.source,
      posting.sourceId,
      posting.entries.map(({ account }) => account),
      posting.entries.map(({ amountNanos }) => amountNanos),
      posting.memo ?? null,
      posting.reversesId ?? null,
      posting.recoverDebt,
    ],
  })
  const row = rows[0] as { journal_id: string; fresh: boolean }
  return { journalId: row.journal_id, fresh: row.fresh }
}

/** The balance of an account by its key; undefined when it was never opened. */
export async function readBalance(pool: LedgerPool, key: string): Promise<Balance | undefined> {
  const { rows } = await pool.query<{ balance: string; held: string }>({
    name: 'ledger-balance',
    text: `SELECT CASE normal_side WHEN 'credit' THEN credits - debits ELSE debits - credits END AS balance, held
      FROM ledger.account WHERE key = $1`,
    values: [key],
  })
  const [row] = rows
  if (!row) return undefined
  const [balanceNanos, heldNanos] = [BigInt(row.balance), BigInt(row.held)]
  return { balanceNanos, heldNanos, availableNanos: balanceNanos - heldNanos }
}

export async function setBudget(
  pool: LedgerPool,
  id: string,
  budget: { limitNanos: bigint; period: BudgetPeriod } | null,
): Promise<void> {
  await pool.query('SELECT ledger.set_budget($1, $2, $3)', [
    id,
    budget?.limitNanos ?? null,
    budget?.period ?? 'none',
  ])
}

/** The budget as it stands now: a window that has passed counts as empty although nobody has reset it. */
export async function readBudget(pool: LedgerPool, id: string): Promise<Budget | undefined> {
  const { rows } = await pool.query<{
    limit_nanos: string
    period: BudgetPeriod
    spent: string
    held: string
    resets_at: Date | null
  }>({
    name: 'ledger-budget',
    text: `SELECT limit_nanos, period, held, ledger.window_end(period, now()) AS resets_at,
        CASE WHEN window_start < ledger.window_start(period, now()) THEN 0 ELSE spent END AS spent
      FROM ledger.budget WHERE id = $1 AND limit_nanos IS NOT NULL`,
    values: [id],
  })
  const [row] = rows
  return (
    row && {
      limitNanos: BigInt(row.limit_nanos),
      period: row.period,
      spentNanos: BigInt(row.spent),
      heldNanos: BigInt(row.held),
      resetsAt: row.resets_at,
    }
  )
}

export async function park(pool: LedgerPool, letter: DeadLetter): Promise<void> {
  await pool.query('SELECT ledger.park($1, $2, $3::json, $4, $5)', [
    letter.queue,
    letter.operationId,
    JSON.stringify(letter.payload, (_, value) => (typeof value === 'bigint' ? value.toString() : value)),
    letter.sqlState ?? null,
    letter.message,
  ])
}

/** Reads every book there is, so it may take minutes where the pool's other statements have seconds. */
export async function checkInvariants(pool: LedgerPool): Promise<Violation[]> {
  // One message of several statements: a timeout that was set just before counts for the next one.
  const query = {
    text: `BEGIN READ ONLY; SET LOCAL statement_timeout = ${CHECK_MS};
      SELECT invariant, detail FROM ledger.check_invariants(); COMMIT`,
    query_timeout: CHECK_MS,
  }
  const results = (await pool.query(query)) as unknown as { rows: Violation[] }[]
  return results.flatMap(({ rows }) => rows)
}
