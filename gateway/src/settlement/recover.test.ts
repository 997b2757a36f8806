/** A killed gateway's spool, played into a real ledger: whatever was told is booked, once, however often it is played. */
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Buyer, createLedgerScene, type LedgerScene } from '../../test/support/ledger-scene.ts'
import { makeOffer } from '../../test/support/market.ts'
import { GatewayError } from '../platform/errors.ts'
import { uuidv7 } from '../platform/ids.ts'
import { noUsage } from '../providers/usage.ts'
import { billOf } from './bill.ts'
import { chargeOf, type Served } from './charge.ts'
import { recoverSpool } from './recover.ts'
import { openSpool, type Spool } from './spool.ts'

const COST = 2_000_000n
const HELD = 5_000_000n
const START = 100_000_000n

let scene: LedgerScene
let directory: string
let spool: Spool
let buyer: Buyer
let sellerOrganisationId: string
const [listingId, keyId] = [uuidv7(), uuidv7()]
const logger = { warn: () => undefined, error: () => undefined } as never

beforeAll(async () => {
  scene = await createLedgerScene()
})
afterAll(() => scene.close())

beforeEach(async () => {
  directory = join(mkdtempSync(join(tmpdir(), 'bourse-recover-')), 'spool')
  spool = openSpool({ directory, logger })
  buyer = await scene.buyer(START)
  sellerOrganisationId = uuidv7()
})
afterEach(() => rmSync(join(directory, '..'), { recursive: true }))

async function held(): Promise<string> {
  const id = uuidv7()
  spool.admit(id, HELD)
  await scene.ledger.hold({ id, payer: buyer.payer, amountNanos: HELD })
  return id
}

function bill(id: string) {
  const offer = { ...makeOffer('a'), listingId, sellerOrganisationId }
  const served: Served = {
    offer,
    usage: { ...noUsage, uncachedInput: 1_000, output: 500 },
    usageSource: 'reported',
    billed: 'whole',
    stream: true,
    finishReason: 'stop',
    startedAt: new Date(),
    durationMs: 10,
    ttftMs: 5,
  }
  const hold = { id, organisationId: buyer.organisationId, keyId }
  return billOf({ hold, served, charge: chargeOf(served, HELD), proof: undefined, feeStripe: '0' })
}

const mark = (sellerNanos: bigint) => ({ sellerOrganisationId, sellerNanos, memo: 'half an answer' })
const recover = () => recoverSpool({ directory, ledger: scene.ledger, logger })
const nothing = { settled: 0, writtenOff: 0, released: 0, parked: 0, damagedLines: 0 }

async function balances() {
  const { balanceNanos, heldNanos } = await scene.ledger.balanceOf(buyer.organisationId)
  const { rows } = await scene.admin.query<{ credits: string }>(
    'SELECT credits FROM ledger.account WHERE key = $1',
    [`seller_pending:${sellerOrganisationId}`],
  )
  return { paid: START - balanceNanos, held: heldNanos, earned: BigInt(rows[0]?.credits ?? 0) }
}

test('a bill that was told is booked; what was only delivered in part is paid by us; what never answered is released', async () => {
  const [told, broken, silent, over] = [await held(), await held(), await held(), await held()]
  spool.bill(bill(told))
  spool.mark(broken, mark(700n))
  spool.done(over)
  await scene.ledger.void(over, 'not served')
  spool.close()
  expect(await recover()).toEqual({ ...nothing, settled: 1, writtenOff: 1, released: 1 })
  expect(await balances()).toEqual({ paid: COST, held: 0n, earned: 1_900_000n + 700n })
  expect(silent).toBeDefined()
  expect(await scene.ledger.checkInvariants()).toEqual([])
  expect(readdirSync(directory)).toEqual([])
  expect(await recover()).toEqual(nothing)
})

test('played again and again, also after a half-played time, it changes nothing', async () => {
  const ids = await Promise.all(Array.from({ length: 20 }, held))
  for (const [index, id] of ids.entries()) {
    if (index % 2 === 0) spool.bill(bill(id))
    else spool.mark(id, mark(100n))
  }
  spool.close()
  const copy = `${directory}-copy`
  cpSync(directory, copy, { recursive: true })
  // One was booked before the kill, without a note of it.
  await scene.ledger.settle(await settlementOf(ids[0] as string))
  await recover()
  const once = await balances()
  expect(once).toEqual({ paid: 10n * COST, held: 0n, earned: 10n * 1_900_000n + 1_000n })
  for (let again = 0; again < 2; again += 1) {
    cpSync(copy, directory, { recursive: true })
    expect(await recover()).toMatchObject({ settled: 10, writtenOff: 10, parked: 0 })
    expect(await balances()).toEqual(once)
  }
  expect(await scene.ledger.checkInvariants()).toEqual([])
})

async function settlementOf(id: string) {
  const { costNanos, sellerNanos, feeNanos, record } = bill(id)
  return {
    id,
    costNanos,
    sellerNanos,
    feeNanos,
    record,
    sellerAccount: await scene.ledger.accountId({ code: 'seller_pending', owner: sellerOrganisationId }),
    feeAccount: await scene.ledger.accountId({ code: 'platform_fee', owner: '0' }),
  }
}

test('a hold that expired meanwhile is billed all the same: what was served is never forgiven', async () => {
  const id = await held()
  spool.bill(bill(id))
  spool.close()
  await scene.admin.query(`UPDATE ledger.hold SET expires_at = now() - interval '1 hour' WHERE id = $1`, [id])
  await scene.ledger.expireHolds()
  expect((await balances()).held).toBe(0n)
  await recover()
  expect((await balances()).paid).toBe(COST)
})

test('while the ledger cannot be reached the spool stays, and the start fails instead of forgetting', async () => {
  const id = await held()
  spool.bill(bill(id))
  spool.close()
  const away = new GatewayError('unavailable', 'no database')
  const ledger = { ...scene.ledger, settle: () => Promise.reject(away) }
  await expect(recoverSpool({ directory, ledger, logger })).rejects.toBe(away)
  expect(readdirSync(directory)).toHaveLength(1)
  await recover()
  expect((await balances()).paid).toBe(COST)
})

test('a bill that the ledger refuses is parked for somebody to look at, and does not stop the others', async () => {
  const [refused, fine] = [await held(), await held()]
  spool.bill({ ...bill(refused), sellerNanos: 1n })
  spool.bill(bill(fine))
  spool.close()
  expect(await recover()).toEqual({ ...nothing, settled: 1, parked: 1 })
  const { rows } = await scene.admin.query<{ n: number }>(
    'SELECT count(*)::int AS n FROM ledger.dead_letter WHERE operation_id = $1',
    [refused],
  )
  expect(rows[0]?.n).toBeGreaterThanOrEqual(1)
  await scene.ledger.void(refused, 'looked at')
})

test('without a spool there is nothing to do, and foreign files in its folder stay', async () => {
  spool.close()
  rmSync(directory, { recursive: true })
  expect(await recover()).toEqual(nothing)
  spool = openSpool({ directory, logger })
  spool.close()
  writeFileSync(join(directory, 'notes.txt'), 'mine')
  await recover()
  expect(existsSync(join(directory, 'notes.txt'))).toBe(true)
})

test('when the disk lost what came after a request was admitted, and it was booked, there is nothing to do', async () => {
  const id = await held()
  spool.close()
  await scene.ledger.settle(await settlementOf(id))
  expect(await recover()).toEqual({ ...nothing, settled: 1 })
  expect((await balances()).paid).toBe(COST)
  expect(readdirSync(directory)).toEqual([])
})
