import { afterAll, beforeAll, expect, test } from 'vitest'
import { createReceiptScene, type ReceiptScene } from '../../test/support/receipts.ts'
import { uuidv7 } from '../platform/ids.ts'
import { createReceiptWriter } from './receipt.ts'
import { searchUnsigned } from './receipt-search.ts'
import { signBooked } from './receipt-signing.ts'
import { readKeySpending } from './receipt-store.ts'

let scene: ReceiptScene
beforeAll(async () => {
  scene = await createReceiptScene()
})
afterAll(() => scene.close())

const pool = () => scene.scene.testDatabase.database.pool
const never = new AbortController().signal
const write = createReceiptWriter({ issuer: 'bourse', mode: 'play' })
const sign = (ids: readonly string[]) =>
  signBooked({ pool: pool(), signer: scene.signer, write, logger: console as never }, ids)
const search = (how: Partial<Parameters<typeof searchUnsigned>[0]> = {}) =>
  searchUnsigned({ pool: pool(), sign, signal: never, graceMs: 0, ...how })

/** Puts the place that searches begin at, and what was signed before receipts began, some seconds from now. */
const turn = (column: 'signed_through' | 'began_at', seconds: number) =>
  scene.scene.admin.query(`UPDATE ledger.receipt_progress SET ${column} = now() + $1 * interval '1 second'`, [
    seconds,
  ])
const progress = async () => {
  const { rows } = await scene.scene.admin.query<{ behind: string }>(
    'SELECT extract(epoch FROM now() - signed_through)::text AS behind FROM ledger.receipt_progress',
  )
  return Number(rows[0]?.behind)
}

test('a search begins where the last one ended, less a minute for settlements that were still under way', async () => {
  await turn('signed_through', -3_600)
  await scene.request()
  expect(await search()).toBe(1)
  expect(await progress()).toBeGreaterThanOrEqual(60)
  expect(await progress()).toBeLessThan(120)
  await turn('signed_through', 1)
  const id = await scene.request()
  expect(await search()).toBe(0)
  await turn('signed_through', -60)
  expect(await search()).toBe(1)
  expect((await scene.scene.admin.query('SELECT FROM ledger.receipt WHERE id = $1', [id])).rowCount).toBe(1)
})

test('a search that fails is repeated from where it began', async () => {
  await turn('signed_through', -3_600)
  await scene.request()
  const broken = search({ sign: () => Promise.reject(new Error('no signature')) })
  await expect(broken).rejects.toThrow('no signature')
  expect(await progress()).toBeGreaterThan(3_500)
  expect(await search()).toBe(1)
})

test('a search that is stopped keeps no progress', async () => {
  await turn('signed_through', -3_600)
  await scene.request()
  expect(await search({ signal: AbortSignal.abort() })).toBe(0)
  expect(await progress()).toBeGreaterThan(3_500)
})

test('what was booked just now is left to those who booked it', async () => {
  await search()
  await scene.request()
  expect(await search({ graceMs: 60_000 })).toBe(0)
  expect(await search()).toBe(1)
})

test("usage from before receipts is signed when asked for and not counted to the key's spending again", async () => {
  const keyId = uuidv7()
  const id = await scene.request({ keyId })
  await turn('began_at', 3_600)
  expect(await sign([id])).toBe(1)
  expect((await readKeySpending(pool(), keyId)).totalNanos).toBe(0n)
  await turn('began_at', -3_600)
})
