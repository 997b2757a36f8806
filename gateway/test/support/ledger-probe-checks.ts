/** What the check must find: each breach is done with the guards taken away, and named by the invariant that it breaks. */
import assert from 'node:assert/strict'
import * as store from '../../src/ledger/store.ts'
import { uuidv7 } from '../../src/platform/ids.ts'
import { attempt, goodwill, hold, type Lab, post, settle, undone } from './ledger-lab.ts'

interface Books {
  /** A settled request, part of it owed, and an open one. */
  settled: string
  open: string
  payer: bigint
  journal: string
}

async function fill(lab: Lab): Promise<Books> {
  const { admin } = lab
  const [gift, payer] = [await goodwill(admin), await lab.account('buyer_cash', 100n)]
  const budget = uuidv7()
  await store.setBudget(admin, budget, { limitNanos: 500n, period: 'none' })
  const first = await hold(admin, payer, 10n)
  const open = await hold(admin, payer, 20n, budget)
  await settle(lab, admin, first.id, 90n)
  const { journalId } = await post(admin, [
    [gift, 3n],
    [payer, -3n],
  ])
  return { settled: first.id, open: open.id, payer, journal: journalId }
}

type Breach = readonly [invariant: string, sql: (books: Books) => string]

// What each condition of each check is for; the row is the smallest breach that only this condition sees.
const breaches: Breach[] = [
  ['I1', ({ journal }) => `DELETE FROM ledger.entry WHERE journal_id = '${journal}' AND seq = 1`],
  ['I1', ({ journal }) => `DELETE FROM ledger.entry WHERE journal_id = '${journal}'`],
  [
    'I1',
    ({ journal }) =>
      `UPDATE ledger.entry SET amount = amount + 1 WHERE journal_id = '${journal}' AND seq = 1`,
  ],
  ['I1', ({ journal }) => `DELETE FROM ledger.journal WHERE id = '${journal}'`],
  ['I2', () => `UPDATE ledger.account SET debits = debits + 1 WHERE code = 'goodwill_expense'`],
  [
    'I3',
    () =>
      `UPDATE ledger.account SET debits = debits + 1, credits = credits + 1 WHERE code = 'goodwill_expense'`,
  ],
  ['I3', ({ payer }) => `DELETE FROM ledger.account WHERE id = ${payer}`],
  ['I4', ({ payer }) => `UPDATE ledger.account SET held = held - 1 WHERE id = ${payer}`],
  ['I4', ({ open }) => `UPDATE ledger.hold SET amount = amount + 1 WHERE id = '${open}'`],
  ['I4', () => 'UPDATE ledger.budget SET held = held + 1'],
  ['I4', ({ open }) => `UPDATE ledger.hold SET budget_id = NULL WHERE id = '${open}'`],
  ['I4', ({ settled }) => `UPDATE ledger.hold SET payer = 9999999 WHERE id = '${settled}'`],
  ['I5', () => `UPDATE ledger.account SET floored = false WHERE code = 'seller_pending'`],
  ['I5', ({ payer }) => `UPDATE ledger.account SET class = 'asset' WHERE id = ${payer}`],
  ['I5', () => `UPDATE ledger.account SET normal_side = 'debit' WHERE code = 'platform_fee'`],
  [
    'I5',
    ({ payer }) => `ALTER TABLE ledger.account DROP CONSTRAINT account_floor;
      UPDATE ledger.account SET debits = credits + 1 WHERE id = ${payer}`,
  ],
  [
    'I5',
    ({ payer }) => `ALTER TABLE ledger.account DROP CONSTRAINT account_floor;
      UPDATE ledger.account SET held = credits - debits + 1 WHERE id = ${payer}`,
  ],
  ['I6', ({ settled }) => `DELETE FROM ledger.usage_record WHERE id = '${settled}'`],
  ['I6', ({ settled }) => `DELETE FROM ledger.hold WHERE id = '${settled}'`],
  [
    'I6',
    ({ settled }) => `UPDATE ledger.hold SET settled_amount = settled_amount + 1 WHERE id = '${settled}'`,
  ],
  ['I6', ({ settled }) => `UPDATE ledger.hold SET seller_nanos = seller_nanos + 1 WHERE id = '${settled}'`],
  ['I6', ({ settled }) => `UPDATE ledger.hold SET shortfall = shortfall + 1 WHERE id = '${settled}'`],
  ['I6', ({ settled }) => `UPDATE ledger.hold SET amount = amount + 1 WHERE id = '${settled}'`],
  ['I6', ({ settled }) => `DELETE FROM ledger.journal WHERE id = '${settled}'`],
  [
    'I6',
    ({ open }) =>
      `INSERT INTO ledger.journal (id, code, source) VALUES ('${open}', 'request_settled', 'request')`,
  ],
  ['I7', ({ settled }) => `DELETE FROM ledger.usage_record WHERE id = '${settled}'`],
  ['I7', ({ settled }) => `UPDATE ledger.usage_record SET fee_nanos = fee_nanos + 1 WHERE id = '${settled}'`],
  [
    'I7',
    ({ settled }) =>
      `UPDATE ledger.usage_record SET shortfall_nanos = shortfall_nanos + 1 WHERE id = '${settled}'`,
  ],
  [
    'I7',
    ({ settled }) =>
      `UPDATE ledger.usage_record SET fee_nanos = fee_nanos + 1, seller_nanos = seller_nanos - 1 WHERE id = '${settled}'`,
  ],
  [
    'I7',
    ({ settled }) =>
      `UPDATE ledger.usage_record SET cost_nanos = cost_nanos + 1, seller_nanos = seller_nanos + 1 WHERE id = '${settled}'`,
  ],
  [
    'I7',
    // Fee and seller's share are right in sum only.
    ({
      settled,
    }) => `UPDATE ledger.entry SET account_id = (SELECT id FROM ledger.account WHERE code = 'platform_fee')
      WHERE journal_id = '${settled}' AND amount < 0`,
  ],
  [
    'I7',
    // A part of what was paid goes to neither.
    ({
      settled,
    }) => `UPDATE ledger.entry SET amount = amount + 1 WHERE journal_id = '${settled}' AND amount < 0;
      INSERT INTO ledger.entry (journal_id, seq, account_id, amount) SELECT '${settled}', 9, id, -1
        FROM ledger.account WHERE code = 'goodwill_expense';
      UPDATE ledger.usage_record SET seller_nanos = seller_nanos - 1 WHERE id = '${settled}'`,
  ],
  [
    'I7',
    // Somebody else pays a part.
    ({ settled, payer }) => `UPDATE ledger.entry SET amount = amount - 1
        WHERE journal_id = '${settled}' AND account_id = ${payer};
      INSERT INTO ledger.entry (journal_id, seq, account_id, amount) SELECT '${settled}', 9, id, 1
        FROM ledger.account WHERE code = 'goodwill_expense'`,
  ],
  ['I8', ({ journal }) => `DELETE FROM ledger.journal_source WHERE journal_id = '${journal}'`],
  ['I8', ({ journal }) => `UPDATE ledger.journal_source SET code = 'other' WHERE journal_id = '${journal}'`],
  [
    'I8',
    () => `INSERT INTO ledger.journal_source (source, source_id, code, journal_id, payload)
      VALUES ('test', 'lost', 'test', gen_random_uuid(), '')`,
  ],
  ['I8', ({ settled }) => `UPDATE ledger.journal SET source = 'elsewhere' WHERE id = '${settled}'`],
  ['I8', ({ settled }) => `UPDATE ledger.journal SET code = 'elsewhere' WHERE id = '${settled}'`],
]

/** Triggers and constraints that stand between a breach and the tables. */
const DISARM = `
ALTER TABLE ledger.journal DISABLE TRIGGER USER;
ALTER TABLE ledger.entry DISABLE TRIGGER USER;
ALTER TABLE ledger.usage_record DISABLE TRIGGER USER;
ALTER TABLE ledger.journal_source DISABLE TRIGGER USER;
ALTER TABLE ledger.account DISABLE TRIGGER USER;
ALTER TABLE ledger.hold DISABLE TRIGGER USER`

export async function checks(lab: Lab): Promise<void> {
  const { admin } = lab
  const found = async () => {
    const { rows } = await admin.query<{ invariant: string }>(
      'SELECT invariant FROM ledger.check_invariants()',
    )
    return rows.map(({ invariant }) => invariant.replace(/ .*/, ''))
  }
  await undone(admin, async () => {
    const books = await fill(lab)
    assert.deepEqual(await found(), [])
    await admin.query(DISARM)
    await admin.query('SAVEPOINT books')
    for (const [invariant, sql] of breaches) {
      await admin.query(sql(books))
      assert((await found()).includes(invariant), `${invariant} after ${sql(books)}`)
      await admin.query('ROLLBACK TO books')
    }
  })
  await guards(lab)
}

/** Each trigger that is missing, or that a careless session could switch off, is named; so is one of a single month. */
async function guards({ admin }: Lab): Promise<void> {
  const { rows } = await admin.query<{ table: string; trigger: string }>(
    `SELECT tgrelid::regclass::text AS table, tgname AS trigger FROM pg_trigger t
     WHERE NOT tgisinternal AND tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'ledger'::regnamespace)
       AND (tgparentid = 0 OR true) ORDER BY 1, 2`,
  )
  assert(rows.length > 30)
  await undone(admin, async () => {
    await admin.query('SAVEPOINT armed')
    for (const { table, trigger } of rows) {
      await admin.query(`ALTER TABLE ${table} ENABLE TRIGGER ${trigger}`)
      const told = await admin.query<{ invariant: string; detail: string }>(
        `SELECT invariant, detail FROM ledger.check_invariants() WHERE invariant LIKE 'I9 %' OR invariant LIKE 'I15 %'`,
      )
      const lacks = told.rows.find(
        ({ detail }) => detail === `${table.replace('ledger.', '')} lacks ${trigger}`,
      )
      const name = table.startsWith('ledger.account') ? /^I15 / : /^I9 /
      assert.match(lacks?.invariant ?? 'nothing', name, `${table} ${trigger}`)
      await admin.query('ROLLBACK TO armed')
    }
  })
}

/** Journals must balance when they are written, in numbers from 1, and nothing is written twice. */
export async function entries(lab: Lab): Promise<void> {
  const { admin } = lab
  const { settled } = await fill(lab)
  const insert = (...rows: [seq: number, nanos: number][]) => {
    const id = rows[0]?.[0] === 4 ? settled : uuidv7()
    const values = rows.map(([seq, nanos]) => `('${id}', ${seq}, ${seq}, ${nanos})`)
    return attempt(
      admin,
      `INSERT INTO ledger.entry (journal_id, seq, account_id, amount) VALUES ${values.join()}`,
    )
  }
  assert.equal(await insert([1, 5], [2, -5]), 'done')
  assert.equal(await insert([1, 5], [2, -4]), '23001')
  assert.equal(await insert([1, 5]), '23001')
  assert.equal(await insert([2, 5], [3, -5]), '23001')
  assert.equal(await insert([1, 5], [3, -5]), '23001')
  assert.equal(await insert([0, 5], [2, -5]), '23001')
  assert.equal(await insert([4, 5], [5, -5]), '23001')
  assert.equal(await insert([1, 5], [2, -5], [3, 7], [4, -7]), 'done')
  const rewritten = [
    'DELETE FROM ledger.entry',
    'UPDATE ledger.entry SET amount = amount',
    'TRUNCATE ledger.journal',
    'UPDATE ledger.account SET debits = debits - 1 WHERE debits > 0',
    `UPDATE ledger.hold SET state = 'open', concluded_at = NULL WHERE state = 'settled'`,
  ]
  for (const sql of rewritten) assert.equal(await attempt(admin, sql), '23001', sql)
}

/** What a migration makes belongs to the role without login, and only what is named can be called. */
export async function handedOver(lab: Lab): Promise<void> {
  const { admin } = lab
  await undone(admin, async () => {
    await admin.query(`
      CREATE TABLE ledger.made (id int);
      CREATE FUNCTION ledger.callable() RETURNS int LANGUAGE sql AS 'SELECT 1';
      CREATE FUNCTION ledger.inner() RETURNS int LANGUAGE sql AS 'SELECT 1'`)
    await admin.query(`SELECT ledger.hand_over(ARRAY['callable'])`)
    const { rows } = await admin.query(
      `SELECT (SELECT relowner::regrole::text FROM pg_class WHERE oid = 'ledger.made'::regclass) AS table_owner,
         (SELECT proowner::regrole::text FROM pg_proc WHERE oid = 'ledger.inner'::regproc) AS function_owner,
         has_function_privilege('gateway_app', 'ledger.callable()', 'EXECUTE') AS callable,
         has_function_privilege('gateway_app', 'ledger.inner()', 'EXECUTE') AS inner,
         has_table_privilege('gateway_app', 'ledger.made', 'SELECT') AS readable,
         has_table_privilege('gateway_app', 'ledger.made', 'INSERT') AS writable`,
    )
    assert.deepEqual(rows, [
      {
        ...{ table_owner: 'ledger_owner', function_owner: 'ledger_owner' },
        ...{ callable: true, inner: false, readable: true, writable: false },
      },
    ])
  })
}
