/** Reads the books from outside, as the superuser, in one snapshot. */
import type { DatabaseClient } from '../../src/platform/database.ts'
import type { Books, Charge } from './auditor.ts'

/** Everything the auditor compares; only what these payers asked for, the demo's own people aside. */
export async function readBooks(admin: DatabaseClient): Promise<Books> {
  await admin.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
  try {
    return {
      charges: await charges(admin),
      writeOffs: await writeOffs(admin),
      refunds: await refunds(admin),
      openHolds: texts(await admin.query("SELECT id AS text FROM ledger.hold WHERE state = 'open'")),
      accounts: await accounts(admin),
      budgets: await budgets(admin),
      entriesSum: BigInt(
        texts(await admin.query('SELECT coalesce(sum(amount), 0)::text AS text FROM ledger.entry'))[0] ?? 0,
      ),
      violations: texts(
        await admin.query("SELECT invariant || ': ' || detail AS text FROM ledger.check_invariants()"),
      ),
      deadLetters: texts(
        await admin.query(
          "SELECT queue || ' ' || operation_id || ' ' || message AS text FROM ledger.dead_letter",
        ),
      ),
    }
  } finally {
    await admin.query('ROLLBACK')
  }
}

const texts = ({ rows }: { rows: { text: string }[] }) => rows.map(({ text }) => text)

/** Each with what its journal, and any other that says it is about this request, takes from its payer. */
async function charges(admin: DatabaseClient): Promise<Charge[]> {
  const { rows } = await admin.query<Record<string, string>>(`
    SELECT u.id, u.organisation_id, u.key_id, u.usage_source, u.uncached_input, u.output, u.held_nanos, u.cost_nanos,
      u.seller_nanos, coalesce((
        SELECT sum(e.amount) FROM ledger.entry e JOIN ledger.account a ON a.id = e.account_id
        WHERE e.journal_id = u.id AND a.owner = u.organisation_id::text
          AND a.code IN ('buyer_cash', 'buyer_promo', 'receivable_buyer')
      ), 0) AS booked
    FROM ledger.usage_record u`)
  return rows.map((row) => ({
    id: row.id as string,
    payer: row.organisation_id as string,
    keyId: row.key_id as string,
    source: row.usage_source as Charge['source'],
    input: Number(row.uncached_input),
    output: Number(row.output),
    heldNanos: BigInt(row.held_nanos as string),
    costNanos: BigInt(row.cost_nanos as string),
    sellerNanos: BigInt(row.seller_nanos as string),
    bookedNanos: BigInt(row.booked as string),
  }))
}

async function writeOffs(admin: DatabaseClient): Promise<Books['writeOffs'][number][]> {
  const { rows } = await admin.query<{ id: string; payer: string; nanos: string }>(`
    SELECT j.source_id AS id, coalesce(a.owner, '') AS payer,
      (SELECT -sum(e.amount) FROM ledger.entry e WHERE e.journal_id = j.id AND e.amount < 0) AS nanos
    FROM ledger.journal j
    LEFT JOIN ledger.hold h ON h.id::text = j.source_id
    LEFT JOIN ledger.account a ON a.id = h.payer
    WHERE j.code = 'unbilled_usage'`)
  return rows.map(({ id, payer, nanos }) => ({ id, payer, sellerNanos: BigInt(nanos) }))
}

async function refunds(admin: DatabaseClient): Promise<Books['refunds'][number][]> {
  const { rows } = await admin.query<{ id: string; payer: string; nanos: string }>(`
    SELECT j.source_id AS id, a.owner AS payer, -sum(e.amount) AS nanos
    FROM ledger.journal j
    JOIN ledger.entry e ON e.journal_id = j.id
    JOIN ledger.account a ON a.id = e.account_id AND a.code IN ('buyer_cash', 'receivable_buyer')
    WHERE j.code = 'unbilled_refund'
    GROUP BY j.source_id, a.owner`)
  return rows.map(({ id, payer, nanos }) => ({ id, payer, nanos: BigInt(nanos) }))
}

async function accounts(admin: DatabaseClient) {
  const { rows } = await admin.query<{ owner: string; balance: string; held: string }>(
    "SELECT owner, credits - debits AS balance, held FROM ledger.account WHERE code = 'buyer_cash'",
  )
  return rows.map(({ owner, balance, held }) => ({
    owner,
    balanceNanos: BigInt(balance),
    heldNanos: BigInt(held),
  }))
}

async function budgets(admin: DatabaseClient) {
  const { rows } = await admin.query<{ id: string; spent: string; held: string }>(
    'SELECT id, spent, held FROM ledger.budget WHERE limit_nanos IS NOT NULL',
  )
  return rows.map(({ id, spent, held }) => ({
    keyId: id,
    spentNanos: BigInt(spent),
    heldNanos: BigInt(held),
  }))
}
