import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  COST,
  createReceiptScene,
  KEY_ID,
  LISTING_ID,
  PROOF,
  type ReceiptScene,
} from '../../test/support/receipts.ts'
import { formatId, uuidv7 } from '../platform/ids.ts'
import { createSigner, verifySignature } from '../platform/signing.ts'
import { createReceiptWriter, signingInput } from './receipt.ts'
import { signBooked } from './receipt-signing.ts'
import type { Receipts } from './receipts.ts'

let scene: ReceiptScene
let receipts: Receipts
beforeAll(async () => {
  scene = await createReceiptScene()
  receipts = scene.open({ metrics: scene.metrics })
})
afterAll(() => scene.close())

const gen = (id: string) => formatId('gen-', id)
const mine = () => ({ organisationId: scene.buyer.organisationId })
const stored = async (id: string) =>
  (await scene.scene.admin.query('SELECT * FROM ledger.receipt WHERE id = $1', [id])).rows[0]
const refusal = (work: Promise<unknown>) =>
  work.then(
    () => 'answered',
    (error: { code: string; message: string }) => `${error.code}: ${error.message}`,
  )

test('a booked request is signed soon, without anybody asking, and says what was booked', async () => {
  const id = await scene.request()
  receipts.booked(id)
  await receipts.idle()
  const row = await stored(id)
  expect(
    verifySignature(scene.signer.publicJwk, Buffer.from(signingInput(row.kid, row.payload)), row.signature),
  ).toBe(true)
  expect(JSON.parse(row.payload)).toMatchObject({
    request_id: gen(id),
    amount_nanos: String(COST),
    journal_id: formatId('jrn-', id),
    organisation: formatId('org-', scene.buyer.organisationId),
    key_id: formatId('key-', KEY_ID),
    listing: formatId('lst-', LISTING_ID),
    key_fingerprint: PROOF.keyFingerprint,
    request_sha256: PROOF.requestHash,
    response_sha256: PROOF.responseHash,
    mode: 'play',
  })
  expect(await receipts.get(gen(id), mine())).toMatchObject({ payload: row.payload })
})

test('a thousand bookings are signed, each once, whatever is told twice', async () => {
  const ids = await Promise.all(Array.from({ length: 1_000 }, () => scene.request()))
  const before = await scene.count()
  for (const id of [...ids, ...ids.slice(0, 300)]) receipts.booked(id)
  await receipts.idle()
  expect(await scene.count()).toBe(before + 1_000)
  expect(await scene.metrics.render()).toMatch(/^gateway_receipts_signed_total 1001$/m)
})

test('whoever asks before it is signed gets it signed now, and the same one ever after', async () => {
  const id = await scene.request()
  const [first, second] = await Promise.all([receipts.get(gen(id), mine()), receipts.get(gen(id), mine())])
  expect(second).toEqual(first)
  expect((await stored(id)).payload).toBe(first.payload)
})

test('receipts that are signed at the same moment are each counted', async () => {
  const counted = async () =>
    Number(/^gateway_receipts_signed_total (\d+)$/m.exec(await scene.metrics.render())?.[1])
  const ids = await Promise.all(Array.from({ length: 5 }, () => scene.request()))
  const before = await counted()
  await Promise.all(ids.map((id) => receipts.get(gen(id), mine())))
  expect(await counted()).toBe(before + 5)
})

test('a request that is still being booked is waited for', async () => {
  const { id, book } = await scene.ask()
  const asked = receipts.get(gen(id), mine())
  await book()
  expect(JSON.parse((await asked).payload).request_id).toBe(gen(id))
})

test('a request that is not booked within two seconds is to be asked for again', async () => {
  let nowMs = 0
  // A clock on which every look costs a second.
  const clock = { nowMs: () => Date.now(), monotonicMs: () => (nowMs += 1_000) }
  const { id } = await scene.ask()
  const asked = scene.open({ clock }).get(gen(id), mine())
  await expect(asked).rejects.toMatchObject({
    code: 'not_found',
    retryable: true,
    details: { retryAfterMs: 1_000 },
  })
})

test('a request of somebody else, of another key, or that never was, gets the same answer', async () => {
  const id = await scene.request()
  const nobody = uuidv7()
  const words = (text: string) => text.replace(/gen-\w+/g, 'ID')
  const unknown = words(await refusal(receipts.get(gen(nobody), mine())))
  expect(unknown).toMatch(/^not_found: There is no request/)
  expect(words(await refusal(receipts.get(gen(id), { organisationId: uuidv7() })))).toBe(unknown)
  expect(words(await refusal(receipts.get(gen(id), { ...mine(), keyId: uuidv7() })))).toBe(unknown)
  const { id: held } = await scene.ask()
  expect(words(await refusal(receipts.get(gen(held), { organisationId: uuidv7() })))).toBe(unknown)
  expect(await refusal(receipts.get('nonsense', mine()))).toMatch(/^not_found/)
  expect(await refusal(receipts.get(gen(id), { ...mine(), keyId: KEY_ID }))).toBe('answered')
})

test('a request that was never charged says so, and one that was free has a receipt over nothing', async () => {
  const { id } = await scene.ask()
  await scene.scene.ledger.void(id, 'the upstream failed')
  expect(await refusal(receipts.get(gen(id), mine()))).toMatch(/nothing was charged/)
  const free = await scene.request({ costNanos: 0n })
  expect(JSON.parse((await receipts.get(gen(free), mine())).payload)).toMatchObject({
    amount_nanos: '0',
    billed: 'nothing',
    journal_id: null,
  })
})

test('what a killed process left unsigned is found by the next, also when its id is old', async () => {
  const old = uuidv7(Date.now() - 20 * 3_600_000)
  const ids = [await scene.request(), await scene.request({ id: old }), await scene.request()]
  const next = scene.open()
  await next.search()
  for (const id of ids) expect(await stored(id), id).toBeDefined()
  expect(await next.search()).toBe(0)
})

test('a search goes through more than it looks at in one step', async () => {
  const before = await scene.count()
  await Promise.all(Array.from({ length: 2_300 }, () => scene.request()))
  expect(await scene.open().search()).toBe(2_300)
  expect(await scene.count()).toBe(before + 2_300)
})

test('a record that no receipt can say is reported and keeps nothing back', async () => {
  const bad = await scene.request({ price: { table: 'none' } })
  const good = await scene.request()
  await receipts.search()
  expect(await stored(bad)).toBeUndefined()
  expect(await stored(good)).toBeDefined()
  expect(scene.logged).toContain('error a usage record has no receipt: it cannot be said')
  expect(await refusal(receipts.get(gen(bad), mine()))).toMatch(/^internal_error/)
})

test('after the key is changed, old receipts verify under the key that is still published', async () => {
  const id = await scene.request()
  const old = await receipts.get(gen(id), mine())
  const signer = createSigner({ seed: randomBytes(32) })
  const next = scene.open({ signer })
  const newer = await next.get(gen(await scene.request()), mine())
  expect(newer.kid).toBe(signer.kid)
  expect((await next.get(gen(id), mine())).kid).toBe(old.kid)
  const keys = await next.jwks()
  expect(keys[0]).toEqual(signer.publicJwk)
  const key = keys.find(({ kid }) => kid === old.kid)
  expect(key && verifySignature(key, Buffer.from(signingInput(old.kid, old.payload)), old.signature)).toBe(
    true,
  )
})

test('the published keys outlive an outage of the database', async () => {
  const { pool } = scene.scene.testDatabase.database
  let down = false
  let nowMs = 0
  const flaky = {
    query: (...query: unknown[]) =>
      down
        ? Promise.reject(Object.assign(new Error('gone'), { code: 'ECONNREFUSED' }))
        : (pool.query as (...each: unknown[]) => unknown)(...query),
  } as unknown as typeof pool
  const other = scene.open({ pool: flaky, clock: { nowMs: () => nowMs, monotonicMs: () => nowMs } })
  down = true
  await expect(other.jwks()).rejects.toThrow('gone')
  down = false
  const keys = await other.jwks()
  expect(keys.length).toBeGreaterThan(0)
  down = true
  nowMs += 61_000
  expect(await other.jwks()).toEqual(keys)
})

test("while the database is away receipts wait, and a key's spending counts each request once", async () => {
  const { pool } = scene.scene.testDatabase.database
  let failures = 2
  const flaky = {
    query: (query: { name?: string }) => {
      if (query.name === 'receipt-store' && failures > 0) {
        failures -= 1
        return Promise.reject(Object.assign(new Error('gone'), { code: 'ECONNRESET' }))
      }
      return (pool.query as (each: unknown) => unknown)(query)
    },
  } as unknown as typeof pool
  const keyId = uuidv7()
  const ids = [await scene.request({ keyId }), await scene.request({ keyId })]
  const other = scene.open({ pool: flaky, graceMs: 3_600_000 })
  for (const id of ids) other.booked(id)
  await other.idle()
  expect(scene.logged).toContain('warn receipts wait for the database')
  const write = createReceiptWriter({ issuer: 'x', mode: 'play' })
  const again = { pool, signer: scene.signer, write, logger: console as never }
  expect(await signBooked(again, ids)).toBe(0)
  const spent = (nanos: bigint) => ({
    totalNanos: nanos,
    dayNanos: nanos,
    weekNanos: nanos,
    monthNanos: nanos,
  })
  expect(await other.spendingOf(keyId)).toEqual(spent(2n * COST))
  expect(await signBooked(again, [await scene.request({ keyId })])).toBe(1)
  expect(await other.spendingOf(keyId)).toEqual(spent(3n * COST))
})
