import { afterAll, beforeAll, expect, test } from 'vitest'
import { COST, createReceiptScene, LISTING_ID, type ReceiptScene } from '../../test/support/receipts.ts'
import { formatId } from '../platform/ids.ts'
import { readSpent } from './quota-store.ts'

const DAY_MS = 86_400_000
/** Of each of the scene's requests: 16 of prompt, 7 of answer. */
const TOKENS = 23

let scene: ReceiptScene
beforeAll(async () => {
  scene = await createReceiptScene()
})
afterAll(() => scene.close())

const spentAt = (nowMs: number) => readSpent(scene.scene.testDatabase.database.pool, nowMs)
const served = (count: number) => ({ tokens: count * TOKENS, nanos: BigInt(count) * COST })
const nothing = served(0)

test('what was billed counts once for its listing and model, before its receipt is signed and after', async () => {
  expect(await spentAt(Date.now())).toEqual([])
  const first = await scene.request()
  const second = await scene.request()
  const [spent, ...others] = await spentAt(Date.now())
  expect(spent).toMatchObject({ listingId: LISTING_ID, day: served(2), month: served(2) })
  expect(others).toEqual([])
  const receipts = scene.open()
  const get = (id: string) =>
    receipts.get(formatId('gen-', id), { organisationId: scene.buyer.organisationId })
  expect(await get(first)).toBeDefined()
  expect(await spentAt(Date.now())).toMatchObject([{ day: served(2), month: served(2) }])
  expect(await get(second)).toBeDefined()
  expect(await get(second)).toBeDefined()
  expect(await spentAt(Date.now())).toMatchObject([{ day: served(2), month: served(2) }])
})

test('yesterday counts for the month only, and last month for nothing', async () => {
  const now = new Date()
  const lastOfMonthMs = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1) - DAY_MS / 2
  if (now.getTime() < lastOfMonthMs - DAY_MS / 2)
    expect(await spentAt(lastOfMonthMs)).toMatchObject([{ day: nothing, month: served(2) }])
  expect(await spentAt(lastOfMonthMs + DAY_MS)).toEqual([])
})

test('the gateway reads what listings have served, and writes it only with a receipt', async () => {
  const { pool } = scene.scene.testDatabase.database
  const { rows } = await pool.query('SELECT requests::text FROM ledger.listing_usage')
  expect(rows).toEqual([{ requests: '2' }])
  await expect(pool.query('UPDATE ledger.listing_usage SET tokens = 0')).rejects.toMatchObject({
    code: '42501',
  })
})
