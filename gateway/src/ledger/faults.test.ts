import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createLedgerScene, type LedgerScene } from '../../test/support/ledger-scene.ts'
import { uuidv7 } from '../platform/ids.ts'
import { isParked } from './ledger.ts'
import type { LedgerPool } from './store.ts'

let scene: LedgerScene

beforeAll(async () => {
  scene = await createLedgerScene()
})

afterEach(async () => {
  expect(await scene.ledger.checkInvariants()).toEqual([])
})

afterAll(() => scene.close())

type Fault = { before?: Error; after?: Error }

/** The real pool, whose calls of one prepared statement meet `faults`, one each, before or after the commit. */
function faulty(name: string, faults: Fault[]): { pool: LedgerPool; calls: () => number } {
  const real = scene.testDatabase.database.ledgerPool
  let calls = 0
  const query = async (config: { name?: string }, values?: unknown[]) => {
    const fault = config.name === name ? faults[calls++] : undefined
    if (fault?.before) throw fault.before
    const answer = await real.query(config as never, values as never)
    if (fault?.after) throw fault.after
    return answer
  }
  return { pool: { query } as unknown as LedgerPool, calls: () => calls }
}

const sqlError = (code: string) => Object.assign(new Error(`injected ${code}`), { code, severity: 'ERROR' })
const deadlock = sqlError('40P01')
const readTimeout = new Error('Query read timeout')
const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })
const terminated = Object.assign(new Error('terminating connection'), { code: '57P01', severity: 'FATAL' })

test.each([
  ['a deadlock', { before: deadlock }],
  ['a serialization failure', { before: sqlError('40001') }],
  ['a lock that was not to be had', { before: sqlError('55P03') }],
  ['a statement timeout', { before: sqlError('57014') }],
  ['a lost connection', { before: reset }],
  ['a server that shuts down', { before: terminated }],
  ['a commit whose answer was lost', { after: reset }],
  ['a commit whose answer timed out', { after: readTimeout }],
  ['a commit whose connection was cut', { after: new Error('Connection terminated unexpectedly') }],
])('holds and settlements survive %s and are booked once', async (_, fault: Fault) => {
  const { payer, organisationId } = await scene.buyer(1_000n)
  const holds = faulty('ledger-hold', [fault, fault])
  const ids = [uuidv7(), uuidv7(), uuidv7()]
  const holding = scene.open(holds)
  const held = await Promise.all(ids.map((id) => holding.hold({ id, payer, amountNanos: 100n })))
  expect(held.map(({ status }) => status)).toEqual(['held', 'held', 'held'])
  expect(holds.calls()).toBe(3)
  expect((await scene.ledger.balanceOf(organisationId)).heldNanos).toBe(300n)

  const settles = faulty('ledger-settle', [fault, fault])
  const settling = scene.open(settles)
  const settlements = await Promise.all(ids.map((id) => scene.settlement(id, 40n, 2n)))
  await Promise.all(settlements.map((settlement) => settling.settle(settlement)))
  expect(settles.calls()).toBe(3)
  expect(await scene.ledger.balanceOf(organisationId)).toEqual({
    balanceNanos: 880n,
    availableNanos: 880n,
    heldNanos: 0n,
  })
  await holding.close()
  await settling.close()
})

test('a journal whose commit was not heard of is posted once', async () => {
  const { organisationId } = await scene.buyer(0n)
  const { pool } = faulty('ledger-post', [{ after: readTimeout }])
  const ledger = scene.open({ pool })
  const credit = { organisationId, amountNanos: 70n, reason: 'a start', idempotencyKey: 'x' }
  expect(await ledger.creditPlayMoney(credit)).toBe('repeated')
  expect((await ledger.balanceOf(organisationId)).balanceNanos).toBe(70n)
})

/** Time that runs a second at every look, so that patience ends without waiting. */
function hastyClock() {
  let nowMs = 0
  return { nowMs: () => Date.now(), monotonicMs: () => (nowMs += 1_000) }
}

test('when the database stays away a hold is refused as unavailable, and given back if it was committed after all', async () => {
  const { payer, organisationId } = await scene.buyer(1_000n)
  const { pool, calls } = faulty(
    'ledger-hold',
    Array.from({ length: 50 }, () => ({ after: readTimeout })),
  )
  const ledger = scene.open({ pool, clock: hastyClock() })
  const id = uuidv7()
  await expect(ledger.hold({ id, payer, amountNanos: 100n })).rejects.toMatchObject({
    code: 'unavailable',
    details: { retryAfterMs: 1_000 },
  })
  expect(calls()).toBeLessThan(10)
  await ledger.close()
  expect(await scene.ledger.balanceOf(organisationId)).toMatchObject({
    availableNanos: 1_000n,
    heldNanos: 0n,
  })
})

test('the one operation the database cannot take is parked with its reason, and its neighbours are booked', async () => {
  const { payer, organisationId } = await scene.buyer(10_000n)
  const ids = Array.from({ length: 9 }, () => uuidv7())
  await Promise.all(ids.map((id) => scene.ledger.hold({ id, payer, amountNanos: 100n })))
  const poisoned = ids[4] as string
  const outcomes = await Promise.allSettled(
    ids.map(async (id) => {
      const settlement = await scene.settlement(id, 40n)
      // PostgreSQL's text cannot hold a zero character.
      if (id === poisoned) settlement.record.finishReason = 'st\u0000p'
      return scene.ledger.settle(settlement)
    }),
  )
  expect(outcomes.map(({ status }) => status)).toEqual(
    ids.map((id) => (id === poisoned ? 'rejected' : 'fulfilled')),
  )
  expect(await scene.ledger.balanceOf(organisationId)).toEqual({
    balanceNanos: 10_000n - 8n * 40n,
    availableNanos: 10_000n - 8n * 40n - 100n,
    heldNanos: 100n,
  })
  const { rows } = await scene.admin.query('SELECT * FROM ledger.dead_letter')
  expect(rows).toMatchObject([
    {
      queue: 'settle',
      operation_id: poisoned,
      sqlstate: '22P05',
      message: expect.stringContaining('Unicode'),
    },
  ])
  expect(rows[0].payload.operation.costNanos).toBe('40')
  expect(scene.logged).toContain('error the ledger refused an operation; it is parked in dead_letter')
})

test('connections that the server cuts in the middle of the work cost nobody anything', async () => {
  const { payer, organisationId } = await scene.buyer(1_000_000n)
  const cut = () =>
    scene.admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND pid <> pg_backend_pid()`,
    )
  for (let round = 0; round < 5; round += 1) {
    const work = Promise.all(
      Array.from({ length: 40 }, async () => {
        const id = uuidv7()
        await scene.ledger.hold({ id, payer, amountNanos: 100n })
        await scene.ledger.settle(await scene.settlement(id, 70n, 7n))
      }),
    )
    await cut()
    await work
  }
  expect(await scene.ledger.balanceOf(organisationId)).toEqual({
    balanceNanos: 1_000_000n - 200n * 70n,
    availableNanos: 1_000_000n - 200n * 70n,
    heldNanos: 0n,
  })
})

test('accounts that many ask for at once are looked up together, and again when the connection is lost', async () => {
  const lookUps = faulty('ledger-open-accounts', [{ before: reset }, { after: readTimeout }])
  const ledger = scene.open(lookUps)
  const owners = Array.from({ length: 1_000 }, () => uuidv7())
  const ids = await Promise.all(owners.map((owner) => ledger.accountId({ code: 'seller_pending', owner })))
  expect(new Set(ids).size).toBe(1_000)
  expect(lookUps.calls()).toBeLessThan(10)
  await ledger.close()
})

test('an operation that is refused and cannot be parked either is not given up: its caller may come again', async () => {
  const { payer } = await scene.buyer(1_000n)
  const id = uuidv7()
  await scene.ledger.hold({ id, payer, amountNanos: 100n })
  const real = scene.testDatabase.database.ledgerPool
  const refused = Object.assign(new Error('invalid page'), { code: 'XX001', severity: 'ERROR' })
  const pool = {
    query: async (config: { name?: string } | string, values?: unknown[]) => {
      if (typeof config === 'string' ? config.includes('ledger.park') : config.name === 'ledger-settle')
        throw refused
      return real.query(config as never, values as never)
    },
  } as unknown as LedgerPool
  const ledger = scene.open({ pool })
  const settling = ledger.settle(await scene.settlement(id, 40n))
  await expect(settling).rejects.toSatisfy(
    (error) => !isParked(error) && (error as { code: string }).code === 'unavailable',
  )
  await ledger.close()
  await scene.ledger.settle(await scene.settlement(id, 40n))
})

test.each([
  ['a server that only reads while it is failed over', '25006'],
  ['a password that is being changed', '28P01'],
  ['a disk that fails', '58030'],
])('%s is waited for', async (_, code) => {
  const { payer } = await scene.buyer(1_000n)
  const holds = faulty('ledger-hold', [{ before: sqlError(code) }])
  const ledger = scene.open(holds)
  expect(await ledger.hold({ id: uuidv7(), payer, amountNanos: 10n })).toMatchObject({ status: 'held' })
  expect(holds.calls()).toBe(2)
  await ledger.close()
})

test('a seller is not paid by us for a request that was voided for another reason, or is not in these books', async () => {
  const { payer } = await scene.buyer(1_000n)
  const [broken, ours, unknown] = [uuidv7(), uuidv7(), uuidv7()]
  const sellerOrganisationId = uuidv7()
  for (const id of [broken, ours]) await scene.ledger.hold({ id, payer, amountNanos: 100n })
  await scene.ledger.void(broken, 'upstream_broke')
  const served = (id: string) => ({ id, sellerOrganisationId, sellerNanos: 30n, memo: 'a part' })
  expect(await scene.ledger.writeOff(served(broken))).toBe('voided')
  expect(await scene.ledger.writeOff(served(unknown))).toBe('voided')
  expect(await scene.ledger.writeOff(served(ours))).toBe('written_off')
  expect(await scene.ledger.writeOff(served(ours))).toBe('written_off')
  const { rows } = await scene.admin.query<{ credits: string }>(
    'SELECT credits FROM ledger.account WHERE key = $1',
    [`seller_pending:${sellerOrganisationId}`],
  )
  expect(rows).toEqual([{ credits: '30' }])
})
