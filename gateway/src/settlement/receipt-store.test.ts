import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { COST, createReceiptScene, type ReceiptScene } from '../../test/support/receipts.ts'
import { uuidv7 } from '../platform/ids.ts'
import { createSigner } from '../platform/signing.ts'
import { readKeySpending, readReceipt, readTotals, storeReceipts } from './receipt-store.ts'

let scene: ReceiptScene
let requestId: string
beforeAll(async () => {
  scene = await createReceiptScene()
  requestId = await scene.request()
  await keep([requestId])
})
afterAll(() => scene.close())

const pool = () => scene.scene.testDatabase.database.pool
const signer = createSigner({ seed: randomBytes(32) })
const receipt = (text: string) => ({
  kid: signer.kid,
  payload: `{"text":"${text}"}`,
  signature: randomBytes(64),
})
const keep = (ids: string[], x = signer.publicJwk.x) =>
  storeReceipts(pool(), { kid: signer.kid, x, ids, receipts: ids.map(receipt) })

/** The SQLSTATE that `sql` fails with, as the superuser; what it did is undone. */
async function attempt(sql: string): Promise<string> {
  const { admin } = scene.scene
  await admin.query('BEGIN')
  try {
    await admin.query(sql)
    return 'done'
  } catch (error) {
    return (error as { code: string }).code
  } finally {
    await admin.query('ROLLBACK')
  }
}
const attemptAsGateway = (sql: string) =>
  pool()
    .query(sql)
    .then(
      () => 'done',
      (error: { code: string }) => error.code,
    )

const REFUSED = '23001'
const DENIED = '42501'

test.each(['receipt', 'signing_key'])(
  'not even the superuser rewrites ledger.%s or one of its months',
  async (table) => {
    const { rows } = await scene.scene.admin.query<{ name: string }>(
      `SELECT relid::text AS name FROM pg_partition_tree('ledger.receipt') WHERE $1 = 'receipt' UNION ALL SELECT 'ledger.' || $1`,
      [table],
    )
    for (const role of ['origin', 'replica']) {
      const as = `SET LOCAL session_replication_role = ${role};`
      for (const { name } of rows) expect(await attempt(`${as} TRUNCATE ${name}`), name).toBe(REFUSED)
      expect(await attempt(`${as} DELETE FROM ledger.${table}`)).toBe(REFUSED)
      expect(await attempt(`${as} UPDATE ledger.${table} SET kid = kid`)).toBe(REFUSED)
    }
  },
)

test.each(['receipt', 'signing_key', 'key_usage', 'receipt_progress'])(
  'the gateway can read ledger.%s and write it only through its functions',
  async (table) => {
    expect(await attemptAsGateway(`SELECT count(*) FROM ledger.${table}`)).toBe('done')
    expect(await attemptAsGateway(`INSERT INTO ledger.${table} DEFAULT VALUES`)).toBe(DENIED)
    expect(await attemptAsGateway(`DELETE FROM ledger.${table}`)).toBe(DENIED)
    expect(await attemptAsGateway(`TRUNCATE ledger.${table}`)).toBe(DENIED)
  },
)

test('the check of the books misses a guard that was taken from a receipt or a month of them', async () => {
  const { admin } = scene.scene
  expect(await scene.scene.ledger.checkInvariants()).toEqual([])
  const { rows } = await admin.query<{ month: string }>(
    'SELECT tableoid::regclass::text AS month FROM ledger.receipt',
  )
  for (const sql of [
    'ALTER TABLE ledger.receipt DISABLE TRIGGER receipt_no_change',
    `ALTER TABLE ${rows[0]?.month} ENABLE TRIGGER receipt_no_change`,
    `DROP TRIGGER receipt_no_truncate ON ${rows[0]?.month}`,
    'DROP TRIGGER signing_key_no_change ON ledger.signing_key',
  ]) {
    await admin.query('BEGIN')
    await admin.query(sql)
    const found = await admin.query<{ invariant: string }>('SELECT invariant FROM ledger.check_invariants()')
    await admin.query('ROLLBACK')
    expect(found.rows[0]?.invariant, sql).toMatch(/^I9/)
  }
})

test('a month of receipts is made with each month of usage', async () => {
  const { rows } = await scene.scene.admin.query<{ usage: string; receipts: string }>(
    `SELECT string_agg(replace(relid::text, 'usage_record', ''), ' ' ORDER BY relid::text) FILTER (WHERE relid::text ~ 'usage') AS usage,
       string_agg(replace(relid::text, 'receipt', ''), ' ' ORDER BY relid::text) FILTER (WHERE relid::text ~ 'receipt') AS receipts
     FROM (SELECT relid FROM pg_partition_tree('ledger.usage_record') UNION ALL SELECT relid FROM pg_partition_tree('ledger.receipt')) t`,
  )
  expect(rows[0]?.usage.split(' ')).toHaveLength(6)
  expect(rows[0]?.receipts).toBe(rows[0]?.usage)
  const { rows: bounds } = await scene.scene.admin.query(
    `SELECT count(DISTINCT pg_get_expr(c.relpartbound, c.oid)) AS count FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid
     WHERE i.inhparent IN ('ledger.usage_record'::regclass, 'ledger.receipt'::regclass)`,
  )
  expect(bounds[0].count).toBe('5')
})

test('the first receipt of a request stays, and one of a request that was never booked is not kept', async () => {
  const first = await readReceipt(pool(), requestId)
  const other = await scene.request()
  const never = uuidv7()
  expect(await keep([never, requestId, other])).toBe(1)
  expect(await readReceipt(pool(), requestId)).toEqual(first)
  expect((await readReceipt(pool(), other))?.payload).toBe(`{"text":"${other}"}`)
  expect(await readReceipt(pool(), never)).toBeUndefined()
})

test('a key cannot be registered under the name of another', async () => {
  const other = createSigner({ seed: randomBytes(32) })
  const forged = storeReceipts(pool(), {
    kid: other.kid,
    x: signer.publicJwk.x,
    ids: [requestId],
    receipts: [receipt('x')],
  })
  await expect(forged).rejects.toMatchObject({ code: '23514' })
})

test('a batch whose parts do not go together is refused whole', async () => {
  const id = await scene.request()
  const wrong = (receipts: ReturnType<typeof receipt>[]) =>
    storeReceipts(pool(), { kid: signer.kid, x: signer.publicJwk.x, ids: [id], receipts })
  await expect(wrong([receipt('a'), receipt('b')])).rejects.toMatchObject({ code: '22023' })
  await expect(wrong([{ ...receipt('a'), signature: randomBytes(63) }])).rejects.toMatchObject({
    code: '22023',
  })
  await expect(wrong([{ ...receipt('a'), payload: '{}\n{}' }])).rejects.toMatchObject({ code: '22023' })
  expect(await readReceipt(pool(), id)).toBeUndefined()
})

test('two gateways that sign the same requests in opposite orders keep one receipt each, and count once', async () => {
  const keyId = uuidv7()
  const ids = await Promise.all(Array.from({ length: 200 }, () => scene.request({ keyId })))
  const kept = await Promise.all([keep(ids), keep(ids.toReversed()), keep(ids), keep(ids.toReversed())])
  expect(kept.reduce((sum, each) => sum + each, 0)).toBe(200)
  expect((await readKeySpending(pool(), keyId)).totalNanos).toBe(200n * COST)
})

test('the totals of an organisation differ by its balance, also when it owes', async () => {
  const { organisationId, payer } = await scene.scene.buyer(1_000n)
  const id = uuidv7()
  await scene.scene.ledger.hold({ id, payer, amountNanos: 900n })
  await scene.scene.ledger.settle(await scene.scene.settlement(id, 1_500n))
  expect(await readTotals(pool(), organisationId)).toEqual({ creditedNanos: 1_000n, spentNanos: 1_500n })
  const credit = { organisationId, amountNanos: 2_000n, reason: 'more', idempotencyKey: 'more' }
  await scene.scene.ledger.creditPlayMoney(credit)
  expect(await readTotals(pool(), organisationId)).toEqual({ creditedNanos: 3_000n, spentNanos: 1_500n })
  expect((await scene.scene.ledger.balanceOf(organisationId)).balanceNanos).toBe(1_500n)
})
