import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createLedgerScene, type LedgerScene } from '../../test/support/ledger-scene.ts'
import { systemClock } from '../platform/clock.ts'
import { connectClient } from '../platform/database.ts'
import { uuidv7 } from '../platform/ids.ts'
import { createLogger } from '../platform/logger.ts'
import { migrate } from '../platform/migrate.ts'
import { chart } from './accounts.ts'
import { createLedger } from './ledger.ts'

let scene: LedgerScene
let requestId: string

beforeAll(async () => {
  scene = await createLedgerScene()
  const { payer } = await scene.buyer(1_000n)
  requestId = uuidv7()
  await scene.ledger.hold({ id: requestId, payer, amountNanos: 100n })
  await scene.ledger.settle(await scene.settlement(requestId, 80n, 4n))
})

afterAll(() => scene.close())

/** The SQLSTATE that `sql` fails with, as the superuser; what it did is undone. */
async function attempt(sql: string): Promise<string> {
  await scene.admin.query('BEGIN')
  try {
    await scene.admin.query(sql)
    return 'done'
  } catch (error) {
    return (error as { code: string }).code
  } finally {
    await scene.admin.query('ROLLBACK')
  }
}

async function attemptAsGateway(sql: string): Promise<string> {
  const attempted = await scene.testDatabase.database.pool.query(sql).catch((error: unknown) => error)
  return (attempted as { code?: string }).code ?? 'done'
}

const REFUSED = '23001'
const DENIED = '42501'
const TABLES = [
  'account',
  'hold',
  'journal',
  'entry',
  'usage_record',
  'journal_source',
  'budget',
  'dead_letter',
  'account_code',
]

test.each(TABLES)('the gateway can read ledger.%s but not write it', async (table) => {
  expect(await attemptAsGateway(`SELECT count(*) FROM ledger.${table}`)).toBe('done')
  expect(await attemptAsGateway(`INSERT INTO ledger.${table} DEFAULT VALUES`)).toBe(DENIED)
  expect(await attemptAsGateway(`DELETE FROM ledger.${table}`)).toBe(DENIED)
  expect(await attemptAsGateway(`TRUNCATE ledger.${table}`)).toBe(DENIED)
  const { rows } = await scene.admin.query<{ name: string }>(
    `SELECT attname AS name FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 LIMIT 1`,
    [`ledger.${table}`],
  )
  expect(await attemptAsGateway(`UPDATE ledger.${table} SET ${rows[0]?.name} = DEFAULT`)).toBe(DENIED)
})

test('the gateway cannot call what only the ledger calls, nor make or drop anything', async () => {
  for (const sql of [
    `SELECT ledger.release_holds('{}', '{}', 'voided')`,
    `SELECT ledger.book_settlements('{}', '[]')`,
    `SELECT ledger.book_entries('${uuidv7()}', '{}', '{}', false)`,
    `SELECT ledger.create_partition('entry', now())`,
    'CREATE TABLE ledger.mine ()',
    'DROP TABLE ledger.entry',
    'ALTER TABLE ledger.entry DISABLE TRIGGER ALL',
    'SET ROLE ledger_owner',
  ]) {
    expect([sql, await attemptAsGateway(sql)]).toEqual([sql, DENIED])
  }
})

test('everything in the ledger belongs to a role that cannot log in', async () => {
  const { rows } = await scene.admin.query<{ owner: string; login: boolean }>(
    `SELECT DISTINCT r.rolname AS owner, r.rolcanlogin AS login FROM pg_roles r WHERE r.oid IN (
       SELECT relowner FROM pg_class WHERE relnamespace = 'ledger'::regnamespace
       UNION ALL SELECT proowner FROM pg_proc WHERE pronamespace = 'ledger'::regnamespace
       UNION ALL SELECT nspowner FROM pg_namespace WHERE nspname = 'ledger')`,
  )
  expect(rows).toEqual([{ owner: 'ledger_owner', login: false }])
})

async function partitionsOf(table: string): Promise<string[]> {
  const { rows } = await scene.admin.query<{ name: string }>(
    'SELECT relid::text AS name FROM pg_partition_tree($1::regclass)',
    [`ledger.${table}`],
  )
  return rows.map(({ name }) => name)
}

test.each(['journal', 'entry', 'usage_record', 'journal_source'])(
  'not even the superuser rewrites ledger.%s or one of its months',
  async (table) => {
    const everywhere = table === 'journal_source' ? ['ledger.journal_source'] : await partitionsOf(table)
    const column = table === 'entry' ? 'amount' : table === 'journal_source' ? 'code' : 'id'
    for (const role of ['origin', 'replica']) {
      const as = `SET LOCAL session_replication_role = ${role};`
      for (const name of everywhere) expect(await attempt(`${as} TRUNCATE ${name}`)).toBe(REFUSED)
      const rowsIn = await scene.admin.query<{ name: string }>(
        `SELECT DISTINCT tableoid::regclass::text AS name FROM ledger.${table}`,
      )
      expect(rowsIn.rows.length).toBeGreaterThan(0)
      for (const name of [`ledger.${table}`, ...rowsIn.rows.map((row) => row.name)]) {
        expect(await attempt(`${as} DELETE FROM ${name}`)).toBe(REFUSED)
        expect(await attempt(`${as} UPDATE ${name} SET ${column} = ${column}`)).toBe(REFUSED)
      }
    }
  },
)

test('a journal that does not balance is refused, also straight into a month and with triggers "off"', async () => {
  const { rows } = await scene.admin.query<{ name: string }>(
    'SELECT tableoid::regclass::text AS name FROM ledger.entry LIMIT 1',
  )
  for (const table of ['ledger.entry', rows[0]?.name]) {
    for (const role of ['origin', 'replica']) {
      const insert = (values: string) =>
        attempt(`SET LOCAL session_replication_role = ${role}; INSERT INTO ${table} VALUES ${values}`)
      const id = uuidv7()
      expect(await insert(`('${id}', 1, 1, 5), ('${id}', 2, 2, -4)`)).toBe(REFUSED)
      expect(await insert(`('${id}', 1, 1, 5)`)).toBe(REFUSED)
      expect(await insert(`('${id}', 1, 1, 0), ('${id}', 2, 2, 0)`)).toBe('23514')
      // A pair added to a journal that is booked already.
      expect(await insert(`('${requestId}', 4, 1, 5), ('${requestId}', 5, 2, -5)`)).toBe(REFUSED)
      expect(await insert(`('${id}', 1, 1, 5), ('${id}', 2, 2, -5)`)).toBe('done')
    }
  }
})

test('counters never shrink, floors hold, and a hold never opens again', async () => {
  const cases: [sql: string, code: string][] = [
    ['UPDATE ledger.account SET debits = debits - 1 WHERE debits > 0', REFUSED],
    ['UPDATE ledger.account SET credits = credits - 1 WHERE credits > 0', REFUSED],
    [`UPDATE ledger.account SET floored = false WHERE code = 'buyer_cash'`, REFUSED],
    ['DELETE FROM ledger.account', REFUSED],
    ['TRUNCATE ledger.account CASCADE', REFUSED],
    [`UPDATE ledger.account SET debits = credits + 1 WHERE code = 'buyer_cash'`, '23514'],
    [`UPDATE ledger.account SET held = credits - debits + 1 WHERE code = 'buyer_cash'`, '23514'],
    [`UPDATE ledger.account SET held = 1 WHERE code = 'platform_fee'`, '23514'],
    [`UPDATE ledger.hold SET state = 'open', concluded_at = NULL`, REFUSED],
    ['UPDATE ledger.hold SET amount = amount + 1', REFUSED],
  ]
  for (const [sql, code] of cases) expect([sql, await attempt(sql)]).toEqual([sql, code])
})

// What the guards prevent, done with the guards taken away: the check must still find it.
const corruptions: [invariant: string, sql: string][] = [
  ['I1', 'DELETE FROM ledger.entry WHERE seq = 1'],
  ['I1', 'DELETE FROM ledger.journal'],
  ['I2', `UPDATE ledger.account SET debits = debits + 1 WHERE code = 'goodwill_expense'`],
  ['I3', 'UPDATE ledger.account SET debits = debits + 1, credits = credits + 1'],
  ['I4', `UPDATE ledger.account SET held = held + 1 WHERE code = 'buyer_cash'`],
  ['I4', `INSERT INTO ledger.budget (id, period, held) VALUES (gen_random_uuid(), 'none', 3)`],
  ['I5', `UPDATE ledger.account SET floored = false WHERE code = 'buyer_cash'`],
  ['I6', 'DELETE FROM ledger.usage_record'],
  ['I6', 'DELETE FROM ledger.hold'],
  ['I6', 'UPDATE ledger.hold SET settled_amount = settled_amount + 1'],
  ['I7', 'UPDATE ledger.usage_record SET cost_nanos = cost_nanos + 1, fee_nanos = fee_nanos + 1'],
  ['I8', 'DELETE FROM ledger.journal_source'],
  ['I8', `UPDATE ledger.journal SET source = 'elsewhere' WHERE source = 'request'`],
  ['I9', 'ALTER TABLE ledger.entry ENABLE TRIGGER entry_balanced'],
  ['I9', 'DROP TRIGGER journal_no_truncate ON ledger.journal'],
  ['I15', 'ALTER TABLE ledger.account DISABLE TRIGGER account_only_grows'],
]

test.each(corruptions)('the check finds a breach of %s: %s', async (invariant, sql) => {
  const { admin } = scene
  await admin.query('BEGIN')
  try {
    if (!/TRIGGER/.test(sql)) {
      for (const table of ['journal', 'entry', 'usage_record', 'journal_source', 'account', 'hold']) {
        await admin.query(`ALTER TABLE ledger.${table} DISABLE TRIGGER ALL`)
      }
    }
    await admin.query(sql)
    const { rows } = await admin.query<{ invariant: string }>(
      'SELECT invariant FROM ledger.check_invariants()',
    )
    expect(rows.map((row) => row.invariant.split(' ')[0])).toContain(invariant)
  } finally {
    await admin.query('ROLLBACK')
  }
})

test('the check finds nothing in books that are in order', async () => {
  expect(await scene.ledger.checkInvariants()).toEqual([])
})

test('there are months for the one before, this one and three to come, each made once', async () => {
  const { rows } = await scene.admin.query<{ made: number }>('SELECT ledger.ensure_partitions(3) AS made')
  expect(rows[0]?.made).toBe(0)
  for (const table of ['journal', 'entry', 'usage_record']) {
    expect(await partitionsOf(table)).toHaveLength(1 + 5)
  }
  expect(await attempt('SELECT ledger.ensure_partitions(4)')).toBe('done')
})

test('the bounds of the months meet, and a month that was added later is guarded like the first', async () => {
  const { admin } = scene
  await admin.query('BEGIN')
  await admin.query('SELECT ledger.ensure_partitions(14)')
  const violations = await admin.query('SELECT * FROM ledger.check_invariants()')
  const { rows } = await admin.query<{ bound: string }>(
    `SELECT pg_get_expr(relpartbound, oid) AS bound FROM pg_class
     WHERE oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'ledger.entry'::regclass) ORDER BY relname`,
  )
  await admin.query('ROLLBACK')
  expect(violations.rows).toEqual([])
  const bounds = rows.map(({ bound }) => /FROM \('(.*)'\) TO \('(.*)'\)/.exec(bound)?.slice(1) ?? [])
  expect(bounds).toHaveLength(16)
  for (const [index, [from]] of bounds.slice(1).entries()) expect(from).toBe(bounds[index]?.[1])
})

test('the chart in the database is the chart in the code', async () => {
  const { rows } = await scene.admin.query(
    `SELECT code, number, class, normal_side AS "normalSide", floored, owned FROM ledger.account_code ORDER BY number`,
  )
  expect(rows).toEqual(Object.entries(chart).map(([code, entry]) => ({ code, ...entry })))
})

test('an operator whose database user may not make roles gets a working ledger of his own', async () => {
  const name =
    scene.testDatabase.database.pool.options.database ?? new URL(scene.testDatabase.url).pathname.slice(1)
  const role = `plain_${name}`
  await scene.admin.query(`CREATE ROLE ${role} LOGIN PASSWORD 'plain'`)
  await scene.admin.query(`CREATE DATABASE ${role} OWNER ${role}`)
  const url = new URL(scene.testDatabase.adminUrl)
  url.username = role
  url.password = 'plain'
  url.pathname = role
  const logger = createLogger({ level: 'error' })
  try {
    const migrationsDir = fileURLToPath(new URL('../../../prisma/migrations', import.meta.url))
    await migrate({ url: url.href, migrationsDir, logger })
    const client = await connectClient(url.href)
    const ledger = createLedger({ pool: client, logger, clock: systemClock, nodeId: 'n', nodeEpoch: 1 })
    const organisationId = uuidv7()
    await ledger.creditPlayMoney({ organisationId, amountNanos: 5n, reason: 'a start', idempotencyKey: 'a' })
    expect((await ledger.balanceOf(organisationId)).availableNanos).toBe(5n)
    expect(await ledger.checkInvariants()).toEqual([])
    await client.end()
  } finally {
    await scene.admin.query(`DROP DATABASE ${role} WITH (FORCE)`)
    await scene.admin.query(`DROP ROLE ${role}`)
  }
})
