/** The SQL of those who look through the books. Not prepared by name: what is asked differs, and nobody asks often. */
import type { LedgerPool } from './store.ts'

export interface AccountRow {
  key: string
  code: string
  number: number
  class: string
  normalSide: 'debit' | 'credit'
  floored: boolean
  owner: string | null
  ownerName: string | null
  debits: bigint
  credits: bigint
  held: bigint
  openedAt: Date
}

interface RawAccount extends Omit<AccountRow, 'debits' | 'credits' | 'held'> {
  debits: string
  credits: string
  held: string
}

const ACCOUNT = `a.key, a.code, a.class, a.normal_side AS "normalSide", a.floored, a.owner, a.debits::text,
  a.credits::text, a.held::text, a.opened_at AS "openedAt"`

// Owners are organisations, groups, disputes, currencies and numbers; only organisations have a name.
const OWNER_NAME = `(SELECT o.name FROM organisation o
  WHERE o.id = CASE WHEN length(a.owner) = 36 THEN a.owner::uuid END) AS "ownerName"`

function accountRow({ debits, credits, held, ...row }: RawAccount): AccountRow {
  return { ...row, debits: BigInt(debits), credits: BigInt(credits), held: BigInt(held) }
}

/** In the order of the chart, then by key; `after` is the key of the last one seen. */
export async function listAccounts(
  pool: LedgerPool,
  {
    codes,
    owners,
    after,
    limit,
  }: {
    codes: readonly string[] | undefined
    owners: readonly string[] | undefined
    after: string | undefined
    limit: number
  },
): Promise<AccountRow[]> {
  const last = after === undefined ? undefined : { code: after.split(':')[0], key: after }
  const { rows } = await pool.query<RawAccount>({
    text: `SELECT a.*, ${OWNER_NAME} FROM (
        SELECT c.number, ${ACCOUNT}
        FROM (
          SELECT code, number FROM ledger.account_code
          WHERE ($1::text[] IS NULL OR code = ANY ($1))
            AND ($3::text IS NULL OR number >= (SELECT number FROM ledger.account_code WHERE code = $3))
          ORDER BY number
        ) c
        CROSS JOIN LATERAL (
          SELECT a.* FROM ledger.account a
          WHERE a.code = c.code AND ($2::text[] IS NULL OR a.owner = ANY ($2))
            AND ($3::text IS NULL OR c.code <> $3 OR a.key > $4)
          ORDER BY a.key LIMIT $5
        ) a
        ORDER BY c.number, a.key LIMIT $5
      ) a ORDER BY a.number, a.key`,
    values: [codes ?? null, owners ?? null, last?.code ?? null, last?.key ?? null, limit],
  })
  return rows.map(accountRow)
}

export async function findAccount(pool: LedgerPool, key: string): Promise<AccountRow | undefined> {
  const { rows } = await pool.query<RawAccount>({
    text: `SELECT a.*, ${OWNER_NAME} FROM (
        SELECT c.number, ${ACCOUNT} FROM ledger.account a JOIN ledger.account_code c ON c.code = a.code WHERE a.key = $1
      ) a`,
    values: [key],
  })
  return rows[0] && accountRow(rows[0])
}

/** Organisations whose name has the text in it. */
export async function ownersNamed(pool: LedgerPool, text: string, limit: number): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>({
    text: 'SELECT id::text FROM organisation WHERE name ILIKE $1 ORDER BY id LIMIT $2',
    values: [`%${text.replace(/[\\%_]/g, '\\$&')}%`, limit],
  })
  return rows.map(({ id }) => id)
}

export interface ChartRow {
  code: string
  number: number
  class: string
  normalSide: 'debit' | 'credit'
  accounts: number
  balance: bigint
  held: bigint
}

/** What all accounts of each kind come to, in the order of the chart; kinds without an account are left out. */
export async function readChart(pool: LedgerPool): Promise<ChartRow[]> {
  const { rows } = await pool.query<Omit<ChartRow, 'balance' | 'held'> & { balance: string; held: string }>(
    `SELECT c.code, c.number, c.class, c.normal_side AS "normalSide", count(*)::integer AS accounts,
        sum(CASE c.normal_side WHEN 'credit' THEN a.credits - a.debits ELSE a.debits - a.credits END)::text AS balance,
        sum(a.held)::text AS held
      FROM ledger.account a JOIN ledger.account_code c ON c.code = a.code
      GROUP BY c.code ORDER BY c.number`,
  )
  return rows.map((row) => ({ ...row, balance: BigInt(row.balance), held: BigInt(row.held) }))
}

export interface SealRow {
  seq: string
  sealedAt: Date
  journals: number
  hash: string
}

export async function lastSeal(pool: LedgerPool): Promise<SealRow | undefined> {
  const { rows } = await pool.query<SealRow>(
    `SELECT seq::text, sealed_at AS "sealedAt", journals::integer, encode(hash, 'hex') AS hash
      FROM ledger.seal s
      WHERE s.chain = (SELECT e.chain FROM ledger.seal_epoch e ORDER BY e.epoch DESC LIMIT 1) ORDER BY s.seq DESC LIMIT 1`,
  )
  return rows[0]
}

export interface JournalRow {
  id: string
  code: string
  source: string
  sourceId: string | null
  memo: string | null
  reversesId: string | null
  reversedById: string | null
  createdAt: Date
  /** Whether it is in a block; null when there is none yet. */
  sealed: boolean | null
}

export async function findJournal(pool: LedgerPool, id: string): Promise<JournalRow | undefined> {
  const { rows } = await pool.query<JournalRow>({
    text: `SELECT j.id, j.code, j.source, j.source_id AS "sourceId", j.memo, j.reverses_id AS "reversesId",
        (SELECT s.journal_id FROM ledger.journal_source s
          WHERE s.source = 'reversal' AND s.source_id = j.id::text AND s.code = 'reversal') AS "reversedById",
        j.created_at AS "createdAt",
        (j.epoch, j.xid) <= (h.epoch, h.to_xid) AS sealed
      FROM ledger.journal j
      LEFT JOIN (
        SELECT s.epoch, s.to_xid FROM ledger.seal s
        WHERE s.chain = (SELECT e.chain FROM ledger.seal_epoch e ORDER BY e.epoch DESC LIMIT 1)
        ORDER BY s.seq DESC LIMIT 1
      ) h ON true
      WHERE j.id = $1`,
    values: [id],
  })
  return rows[0]
}

export interface JournalEntryRow {
  seq: number
  key: string
  code: string
  owner: string | null
  ownerName: string | null
  amount: bigint
}

export async function journalEntries(pool: LedgerPool, id: string): Promise<JournalEntryRow[]> {
  const { rows } = await pool.query<Omit<JournalEntryRow, 'amount'> & { amount: string }>({
    text: `SELECT e.seq, a.key, a.code, a.owner, ${OWNER_NAME}, e.amount::text
      FROM ledger.entry e JOIN ledger.account a ON a.id = e.account_id WHERE e.journal_id = $1 ORDER BY e.seq`,
    values: [id],
  })
  return rows.map((row) => ({ ...row, amount: BigInt(row.amount) }))
}
