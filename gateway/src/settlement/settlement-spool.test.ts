/** With the spool: nobody waits for the database, and nothing is lost while it is away. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { makeOffer } from '../../test/support/market.ts'
import { type Ledger, Parked } from '../ledger/ledger.ts'
import type { HoldOutcome } from '../ledger/operations.ts'
import { GatewayError } from '../platform/errors.ts'
import { noUsage } from '../providers/usage.ts'
import type { Served } from './charge.ts'
import { createSettlement, type Settlement } from './settlement.ts'
import { openSpool, readSpool, type Spool } from './spool.ts'

const USD = 1_000_000_000n

let directory: string
let nowMs: number
/** What the ledger does when it is asked to settle; the last one goes on. */
let answers: (() => Promise<{ availableNanos: bigint; shortfallNanos: bigint }>)[]
let settled: string[]
let asked: number
let holdAnswers: HoldOutcome[]
let writtenOff: { id: string; sellerNanos: bigint }[]
let away: boolean
/** Whether the settlement that failed was committed all the same. */
let wasBooked: boolean
let posted: string[]
let spool: Spool
let takesBills: boolean
let settlement: Settlement

const outage = () => new GatewayError('unavailable', 'The ledger cannot be reached.')

beforeEach(() => {
  vi.useFakeTimers()
  directory = mkdtempSync(join(tmpdir(), 'bourse-spool-'))
  nowMs = 1_000_000
  answers = []
  settled = []
  asked = 0
  holdAnswers = []
  writtenOff = []
  away = false
  wasBooked = false
  posted = []
  takesBills = true
  const real = openSpool({ directory, logger: { error: vi.fn() } as never })
  spool = { ...real, bill: (bill) => takesBills && real.bill(bill) }
  const ledger: Partial<Ledger> = {
    accountId: async () => 1n,
    saturated: () => false,
    hold: async () => holdAnswers.shift() ?? { status: 'held', availableNanos: 100n * USD },
    async settle({ id }) {
      asked += 1
      if (away) throw outage()
      const answer = answers.length > 1 ? answers.shift() : answers[0]
      const result = answer ? await answer() : { availableNanos: 100n * USD, shortfallNanos: 0n }
      settled.push(id)
      return result
    },
    async writeOff({ id, sellerNanos }) {
      if (away) throw outage()
      writtenOff.push({ id, sellerNanos })
      return wasBooked ? 'settled' : 'written_off'
    },
    void: async () => undefined,
    async post(journal) {
      posted.push(journal.code)
      return { journalId: 'j', fresh: true }
    },
    renew: async () => undefined,
    balanceOf: async () => ({ balanceNanos: USD, availableNanos: USD, heldNanos: 0n }),
  }
  settlement = createSettlement({
    ledger: ledger as Ledger,
    spool,
    durability: 'spool',
    metrics: { tokensBilled: vi.fn(), billed: vi.fn() } as never,
    logger: { error: vi.fn(), warn: vi.fn() } as never,
    clock: { nowMs: () => nowMs, monotonicMs: () => nowMs },
    nodeEpoch: 1,
  })
})
afterEach(async () => {
  away = false
  const closing = settlement.close()
  await vi.advanceTimersByTimeAsync(5_000)
  await closing
  vi.useRealTimers()
  rmSync(directory, { recursive: true })
})

let requests = 0
function hold(amountNanos: bigint) {
  requests += 1
  const request = {
    id: `request ${requests}`,
    organisationId: 'buyer',
    keyId: 'key',
    budgeted: false,
    amountNanos,
  }
  return settlement.hold(request)
}

const served = (change: Partial<Served> = {}): Served => ({
  offer: makeOffer('a'),
  usage: { ...noUsage, uncachedInput: 1_000, output: 500 },
  usageSource: 'reported',
  billed: 'whole',
  stream: true,
  finishReason: 'stop',
  startedAt: new Date(0),
  durationMs: 10,
  ttftMs: 5,
  ...change,
})

async function settle(held: Awaited<ReturnType<typeof hold>>) {
  await settlement.settle(held, served(), { charge: settlement.charge(held, served()) })
}

const left = () => readSpool(directory).leftovers.map(({ id, kind }) => [id, kind])
const soon = () => vi.advanceTimersByTimeAsync(0)

test('the answer goes out as soon as its bill is in the spool, and it is booked behind it', async () => {
  let commit = () => {}
  answers = [
    () =>
      new Promise((resolve) => {
        commit = () => resolve({ availableNanos: 7n, shortfallNanos: 0n })
      }),
  ]
  const held = await hold(USD)
  await settle(held)
  expect(left()).toEqual([[held.id, 'bill']])
  expect([settlement.unbooked(), settlement.liveHolds()]).toEqual([1, 1])
  await soon()
  commit()
  await soon()
  expect(settled).toEqual([held.id])
  expect([settlement.unbooked(), settlement.liveHolds()]).toEqual([0, 0])
  await settlement.close()
  spool.close()
  expect(left()).toEqual([])
})

test('an outage is waited out, however long, and the hold is kept alive meanwhile', async () => {
  const held = await hold(USD)
  away = true
  await settle(held)
  await vi.advanceTimersByTimeAsync(600_000)
  expect([settled, settlement.unbooked(), settlement.liveHolds()]).toEqual([[], 1, 1])
  expect(asked).toBeGreaterThan(40)
  // More work would only make more bills that wait.
  await expect(hold(1n)).rejects.toMatchObject({ code: 'unavailable' })
  away = false
  await vi.advanceTimersByTimeAsync(15_000)
  expect([settled, settlement.unbooked()]).toEqual([[held.id], 0])
})

test('a gateway that stops during an outage leaves its bills for the next start', async () => {
  const held = await hold(USD)
  away = true
  await settle(held)
  await soon()
  const closing = settlement.close()
  await soon()
  await closing
  spool.close()
  expect(left()).toEqual([[held.id, 'bill']])
})

test('a disk that did not take the bill: the answer waits for the commit, and without it nothing is charged', async () => {
  takesBills = false
  const first = await hold(USD)
  await settle(first)
  expect(settled).toEqual([first.id])
  const second = await hold(USD)
  answers = [() => Promise.reject(outage())]
  await expect(settle(second)).rejects.toMatchObject({ code: 'unavailable' })
  await soon()
  expect(writtenOff).toEqual([{ id: second.id, sellerNanos: 1_900_000n }])
})

test('what the ledger refuses is not tried again: it is parked there, and the spool lets it go', async () => {
  const held = await hold(USD)
  answers = [() => Promise.reject(new GatewayError('internal_error', 'refused', { cause: new Parked() }))]
  await settle(held)
  await vi.advanceTimersByTimeAsync(10_000)
  expect([asked, settlement.unbooked(), settlement.liveHolds()]).toEqual([1, 0, 0])
  await settlement.close()
  spool.close()
  expect(left()).toEqual([])
})

test('a payer who is nearly out of money waits for his own last request, and is not refused for what it held', async () => {
  holdAnswers = [{ status: 'held', availableNanos: 0n }]
  const first = await hold(USD)
  let commit = () => {}
  answers = [
    () =>
      new Promise((resolve) => {
        commit = () => resolve({ availableNanos: 2n * USD, shortfallNanos: 0n })
      }),
  ]
  await settle(first)
  let second: unknown
  hold(USD).then(
    (held) => {
      second = held.amountNanos
    },
    (error) => {
      second = error
    },
  )
  await soon()
  expect(second).toBeUndefined()
  commit()
  await soon()
  expect(second).toBe(USD)
})

test('what we break is paid to the seller by us, up to the hold, and goes on through an outage', async () => {
  const held = await hold(1_000_000n)
  away = true
  settlement.writeOff(held, served({ billed: 'delivered' }))
  await vi.advanceTimersByTimeAsync(30_000)
  expect([writtenOff, left()]).toEqual([[], [[held.id, 'mark']]])
  away = false
  await vi.advanceTimersByTimeAsync(1_000)
  await vi.advanceTimersByTimeAsync(15_000)
  expect(writtenOff).toEqual([{ id: held.id, sellerNanos: 950_000n }])
  expect(settlement.liveHolds()).toBe(0)
})

test('a refused hold leaves nothing in the spool', async () => {
  holdAnswers = [{ status: 'insufficient', availableNanos: 0n, heldNanos: 0n }]
  await expect(hold(USD)).rejects.toMatchObject({ code: 'insufficient_quota' })
  expect(spool.unfinished()).toBe(0)
})

test('what was booked after the client had been told that it is not charged is given back', async () => {
  takesBills = false
  wasBooked = true
  const held = await hold(USD)
  answers = [() => Promise.reject(outage())]
  await expect(settle(held)).rejects.toMatchObject({ code: 'unavailable' })
  await soon()
  expect(posted).toEqual(['unbilled_refund'])
})

test('a hundred requests that wait for one payer in an outage leave nothing behind', async () => {
  holdAnswers = [{ status: 'held', availableNanos: 0n }]
  const held = await hold(USD)
  away = true
  await settle(held)
  await soon()
  const before = vi.getTimerCount()
  const waiting = Array.from({ length: 100 }, () => settlement.available('buyer', USD))
  await soon()
  expect(vi.getTimerCount()).toBe(before + 100)
  await vi.advanceTimersByTimeAsync(2_000)
  await Promise.all(waiting)
  expect(vi.getTimerCount()).toBe(before)
})
