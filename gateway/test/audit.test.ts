/** Somebody with every right changes one thing in the books; the audit says which row it is. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { reportText } from '../src/ledger/audit.ts'
import { auditBook, createBook, fillBook, findingsOf, type SealedBook } from './support/sealed-book.ts'
import { columnsOf, flipped, tampered } from './support/tamper.ts'

let book: SealedBook
let ids: { request: string; other: string; free: string; promo: string; buyer: string }

beforeAll(async () => {
  book = await createBook()
  await fillBook(book)
  await book.sealAll(book.sealer({ blockJournals: 4 }))
  const one = async (sql: string) => (await book.admin.query<{ id: string }>(sql)).rows[0]?.id ?? ''
  const request = await one(`SELECT id FROM ledger.journal WHERE source = 'request' ORDER BY id LIMIT 1`)
  ids = {
    request,
    other: await one(`SELECT id FROM ledger.journal WHERE source = 'request' ORDER BY id LIMIT 1 OFFSET 1`),
    free: await one('SELECT id FROM ledger.usage_record WHERE cost_nanos = 0'),
    promo: await one(`SELECT id FROM ledger.journal WHERE source = 'promo'`),
    buyer: await one(
      `SELECT account_id AS id FROM ledger.entry WHERE journal_id = '${request}' AND amount > 0`,
    ),
  }
})
afterAll(() => book.close())

function findings(tables: string[], sql: string): Promise<string[]> {
  return tampered(book.admin, tables, sql, async () => findingsOf(await auditBook(book.admin)))
}

test('books in order are proved, and what no audit can prove is said', async () => {
  const report = await auditBook(book.admin)
  expect(findingsOf(report)).toEqual([])
  expect(report.proved).toBe(true)
  const text = reportText(report)
  expect(text).toContain('✓ the seal follows from what was booked · 3 blocks, 10 journals, 1 free requests')
  expect(text).toContain('– the chain has every head that was written down · no anchor was given')
  expect(text).toMatch(/Not proved:\n {2}– A chain that somebody made anew would not be noticed/)
  expect(text).toContain('The books are in order.')
})

// What of each table is under no proof; the report's "not proved" says so in words. Every other column is proved.
const UNPROVED: Record<string, string[]> = {
  account: [],
  entry: [],
  hold: [
    'budget_id',
    'node_id',
    'node_epoch',
    'created_at',
    'expires_at',
    'concluded_at',
    'reason',
    'refusal',
    'refused_available',
    'refused_held',
    'refused_limit',
    'refused_spent',
    'refused_resets_at',
  ],
  journal: [],
  journal_source: [],
  receipt: ['signed_at'],
  seal: [],
  seal_epoch: ['system_identifier', 'begun_at'],
  signing_key: ['first_seen'],
  usage_record: [],
}

/** The row of each table that is changed, and what a finding about it must say. */
function rowOf(table: string): { where: string; named: string } {
  const rows: Record<string, { where: string; named: string }> = {
    account: { where: `id = ${ids.buyer}`, named: ids.buyer },
    entry: { where: `journal_id = '${ids.request}' AND seq = 1`, named: ids.request },
    journal_source: { where: `journal_id = '${ids.promo}'`, named: ids.promo },
    // A receipt under another id is named by that one.
    receipt: { where: `id = '${ids.request}'`, named: ids.request.slice(0, 35) },
    seal: { where: 'seq = 2', named: 'ledger.seal | ' },
    seal_epoch: { where: 'epoch = 1', named: '' },
    signing_key: { where: 'true', named: '' },
  }
  return rows[table] ?? { where: `id = '${ids.request}'`, named: ids.request }
}

describe.each(Object.entries(UNPROVED))('ledger.%s', (table, unproved) => {
  test('one value changed in any column is found and the row is named', async () => {
    const columns = await columnsOf(book.admin, [table])
    expect(columns.length).toBeGreaterThan(unproved.length)
    const { where, named } = rowOf(table)
    for (const column of columns) {
      const sql = `UPDATE ledger.${table} SET ${column.column} = ${flipped(column)} WHERE ${where}`
      const found = await findings([table], sql)
      const what = `${column.column}: ${found.join('\n')}`
      if (unproved.includes(column.column)) expect(found, what).toEqual([])
      else expect(found.filter((each) => each.includes(named)).length, what).toBeGreaterThan(0)
    }
  }, 60_000)
})

const removals: [table: string, where: () => string, named: () => string][] = [
  ['journal', () => `id = '${ids.request}'`, () => `ledger.journal | ${ids.request}`],
  ['entry', () => `journal_id = '${ids.request}'`, () => `ledger.entry | ${ids.request}`],
  ['entry', () => `journal_id = '${ids.request}' AND seq = 2`, () => `ledger.entry | ${ids.request}`],
  ['usage_record', () => `id = '${ids.request}'`, () => `ledger.usage_record | ${ids.request}`],
  ['usage_record', () => `id = '${ids.free}'`, () => `ledger.usage_record | ${ids.free}`],
  ['journal_source', () => `journal_id = '${ids.promo}'`, () => `ledger.journal_source | ${ids.promo}`],
  ['account', () => `id = ${ids.buyer}`, () => `ledger.account | ${ids.buyer}`],
  ['hold', () => `id = '${ids.request}'`, () => ids.request],
  ['seal', () => 'seq = 2', () => 'block 2 is missing'],
  ['seal', () => 'seq = 1', () => 'block 1 is missing'],
]

test.each(removals)('a row taken out of ledger.%s is named', async (table, where, named) => {
  const found = await findings([table], `DELETE FROM ledger.${table} WHERE ${where()}`)
  expect(found.join('\n')).toContain(named())
})

test('a request taken out of every table is named by the block that had it', async () => {
  const tables = ['journal', 'entry', 'usage_record', 'hold', 'receipt', 'account']
  const id = `'${ids.request}'`
  const found = await findings(
    tables,
    `UPDATE ledger.account a
       SET debits = debits - greatest(e.amount, 0), credits = credits - greatest(-e.amount, 0)
       FROM ledger.entry e WHERE e.journal_id = ${id} AND e.account_id = a.id;
     DELETE FROM ledger.journal WHERE id = ${id}; DELETE FROM ledger.entry WHERE journal_id = ${id};
     DELETE FROM ledger.usage_record WHERE id = ${id}; DELETE FROM ledger.hold WHERE id = ${id};
     DELETE FROM ledger.receipt WHERE id = ${id}`,
  )
  expect(found).toEqual([
    `seal.chain | ledger.journal | ${ids.request} |  | was sealed in block 1 and is gone`,
    expect.stringMatching(
      /^seal\.coverage \| ledger\.journal .* 9 are older than the last block, and the blocks have 10$/,
    ),
  ])
})

test('two journals that change places are both named', async () => {
  // Uniqueness is looked at row by row, so the entries move by way of a third id.
  const spare = ids.request.replace(/.$/, (digit) => (digit === 'f' ? '0' : 'f'))
  const found = await findings(
    ['entry'],
    `UPDATE ledger.entry SET journal_id = '${spare}' WHERE journal_id = '${ids.request}';
     UPDATE ledger.entry SET journal_id = '${ids.request}' WHERE journal_id = '${ids.other}';
     UPDATE ledger.entry SET journal_id = '${ids.other}' WHERE journal_id = '${spare}'`,
  )
  for (const id of [ids.request, ids.other]) expect(found.join('\n')).toContain(`ledger.entry | ${id}`)
})

test('amounts that change places inside a journal still balance, and are found', async () => {
  const found = await findings(
    ['entry', 'account'],
    `UPDATE ledger.entry SET seq = seq + 100 WHERE journal_id = '${ids.request}';
     UPDATE ledger.entry SET seq = CASE seq WHEN 101 THEN 2 WHEN 102 THEN 1 ELSE seq - 100 END
       WHERE journal_id = '${ids.request}'`,
  )
  expect(found).toEqual([
    `seal.chain | ledger.entry | ${ids.request} |  | is not as it was sealed in block 1`,
  ])
})

test('a journal slipped into a sealed block is named, though it balances and every counter agrees', async () => {
  const id = ids.request.replace(/.$/, (digit) => (digit === 'f' ? '0' : 'f'))
  const found = await findings(
    ['journal', 'entry', 'account', 'journal_source'],
    `INSERT INTO ledger.journal (id, code, source, source_id, created_at, epoch, xid)
       SELECT '${id}', 'gift', 'gift', 'g1', created_at, epoch, xid FROM ledger.journal WHERE id = '${ids.request}';
     INSERT INTO ledger.journal_source VALUES ('gift', 'g1', 'gift', '${id}', '');
     INSERT INTO ledger.entry (journal_id, seq, account_id, amount, created_at)
       SELECT '${id}', seq, account_id, CASE seq WHEN 1 THEN -5 ELSE 5 END, created_at
       FROM ledger.entry WHERE journal_id = '${ids.request}' AND seq < 3;
     UPDATE ledger.account SET credits = credits + 5 WHERE id = ${ids.buyer};
     UPDATE ledger.account SET debits = debits + 5
       WHERE id = (SELECT account_id FROM ledger.entry WHERE journal_id = '${ids.request}' AND seq = 2)`,
  )
  expect(found[0]).toBe(`seal.chain | ledger.journal | ${id} |  | came into block 1 after it was sealed`)
})

test('a function or a table that was exchanged is not asked', async () => {
  const lying = await tampered(
    book.admin,
    [],
    `CREATE OR REPLACE FUNCTION ledger.missing_triggers() RETURNS SETOF text LANGUAGE sql STABLE
       SET search_path = pg_catalog, ledger, pg_temp AS $$ SELECT NULL::text WHERE false $$`,
    async () => findingsOf(await auditBook(book.admin)),
  )
  expect(lying).toEqual([
    'machinery | ledger.missing_triggers() |  |  | is not the function that the migrations made',
  ])
  const veiled = await findings([], 'ALTER TABLE ledger.entry ENABLE ROW LEVEL SECURITY')
  expect(veiled).toEqual(['machinery | ledger.entry |  |  | hides rows by policies'])
})

test('a guard that was left off is found', async () => {
  const found = await findings([], 'ALTER TABLE ledger.seal DISABLE TRIGGER seal_no_change')
  expect(found).toEqual(['i9 |  |  |  | seal lacks seal_no_change'])
})

test('operations that wait for somebody are a fault, holds without a gateway are not proved', async () => {
  const letters = await findings([], `SELECT ledger.park('settle', 'r1', '{}', '23514', 'no such account')`)
  expect(letters).toEqual([expect.stringContaining('settle r1 waits for somebody: no such account')])
  const report = await tampered(
    book.admin,
    [],
    `INSERT INTO ledger.hold (id, payer, amount, state, node_id, node_epoch, expires_at)
     VALUES (gen_random_uuid(), ${ids.buyer}, 0, 'open', 'gone', 1, now() - interval '1 hour')`,
    () => auditBook(book.admin),
  )
  expect(report.checks.find(({ id }) => id === 'holds')).toMatchObject({ status: 'unproved' })
  expect(report.proved).toBe(true)
})
