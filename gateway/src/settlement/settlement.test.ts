import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { makeOffer } from '../../test/support/market.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { HoldOperation, HoldOutcome, SettleOperation } from '../ledger/operations.ts'
import { GatewayError } from '../platform/errors.ts'
import { noUsage } from '../providers/usage.ts'
import type { Served } from './charge.ts'
import { createSettlement, type Hold, type HoldRequest, type Settlement } from './settlement.ts'
import { openSpool } from './spool.ts'

const PAYER = 'the buyer'
const USD = 1_000_000_000n

/** A ledger that answers only when it is told to. */
interface Asked<Operation, Answer> {
  operation: Operation
  answer(answer: Answer): Promise<void>
  fail(error: Error): Promise<void>
}

let nowMs: number
let balanceNanos: bigint
let holds: Asked<HoldOperation, HoldOutcome>[]
let settles: Asked<SettleOperation, { availableNanos: bigint }>[]
let voids: string[]
let renewed: (readonly string[])[]
let balancesRead: number
let errors: unknown[]
let writtenOff: string[]
let saturated: boolean
let directory: string
let settlement: Settlement

beforeEach(() => {
  vi.useFakeTimers()
  nowMs = 1_000_000
  balanceNanos = 0n
  holds = []
  settles = []
  voids = []
  renewed = []
  balancesRead = 0
  errors = []
  writtenOff = []
  saturated = false
  directory = mkdtempSync(join(tmpdir(), 'bourse-spool-'))
  const ledger: Partial<Ledger> = {
    accountId: async ({ code, owner }) => BigInt(`${code}${owner}`.length),
    hold: (operation) => asked(holds, operation),
    settle: (operation) => asked(settles, operation) as ReturnType<Ledger['settle']>,
    async void(id) {
      voids.push(id)
    },
    async renew(ids) {
      renewed.push(ids)
    },
    saturated: () => saturated,
    async writeOff({ id }) {
      writtenOff.push(id)
      return 'written_off'
    },
    async balanceOf() {
      balancesRead += 1
      return { balanceNanos, availableNanos: balanceNanos, heldNanos: 0n }
    },
  }
  settlement = createSettlement({
    ledger: ledger as Ledger,
    spool: openSpool({ directory, logger: { error: vi.fn() } as never }),
    durability: 'database',
    metrics: { tokensBilled: vi.fn(), billed: vi.fn() } as never,
    logger: { error: (entry: unknown) => errors.push(entry) } as never,
    clock: { nowMs: () => nowMs, monotonicMs: () => nowMs },
    nodeEpoch: 35,
  })
})
afterEach(() => {
  // It would wait for every answer, and not every test gives them all.
  void settlement.close()
  vi.useRealTimers()
  rmSync(directory, { recursive: true })
})

function asked<Operation, Answer>(list: Asked<Operation, Answer>[], operation: Operation): Promise<Answer> {
  return new Promise((resolve, reject) => {
    list.push({
      operation,
      async answer(answer) {
        resolve(answer)
        await turns()
      },
      async fail(error) {
        reject(error)
        await turns()
      },
    })
  })
}

/** Lets everything happen that is not waiting for the ledger. */
const turns = () => vi.advanceTimersByTimeAsync(0)

let requests = 0
function want(amountNanos: bigint, more: Partial<HoldRequest> = {}): HoldRequest {
  requests += 1
  return {
    id: `request ${requests}`,
    organisationId: PAYER,
    keyId: 'key',
    budgeted: false,
    amountNanos,
    ...more,
  }
}

/** What became of a promise so far. */
function watch<Result>(promise: Promise<Result>) {
  const seen: { value?: Result; error?: unknown } = {}
  promise.then(
    (value) => Object.assign(seen, { value }),
    (error) => Object.assign(seen, { error }),
  )
  return seen
}

/** Books it as the corridor does, and answers the charge. */
async function settle(hold: Hold, what: Served) {
  const charge = settlement.charge(hold, what)
  await settlement.settle(hold, what, { charge })
  return charge
}

const last = <Item>(list: Item[]) => list.at(-1) as Item

/** A hold that the ledger has granted, leaving `availableNanos`. */
async function granted(amountNanos: bigint, availableNanos: bigint): Promise<Hold> {
  const holding = settlement.hold(want(amountNanos))
  await turns()
  await last(holds).answer({ status: 'held', availableNanos })
  return holding
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

test('a payer who was never seen waits until the hold is committed', async () => {
  const seen = watch(settlement.hold(want(USD)))
  await turns()
  expect(seen.value).toBeUndefined()
  expect(last(holds).operation).toMatchObject({ id: `request ${requests}`, amountNanos: USD })
  expect(last(holds).operation).not.toHaveProperty('budgetId')
  await last(holds).answer({ status: 'held', availableNanos: 9n * USD })
  expect(seen.value).toMatchObject({ organisationId: PAYER, keyId: 'key', amountNanos: USD })
  expect(settlement.liveHolds()).toBe(1)
})

test('a rich payer is served while the hold is being written, and nothing may be sent before it is', async () => {
  await granted(USD, 100n * USD)
  const hold = await settlement.hold(want(5n * USD))
  const durable = watch(hold.durable.then(() => 'committed'))
  await turns()
  expect(durable.value).toBeUndefined()
  expect(settlement.liveHolds()).toBe(1)
  await last(holds).answer({ status: 'held', availableNanos: 95n * USD })
  expect(durable.value).toBe('committed')
  expect(settlement.liveHolds()).toBe(2)
})

test('with less than twenty of its worst cases to spare, counting what is asked for already, a payer waits', async () => {
  await granted(USD, 100n * USD)
  const first = await settlement.hold(want(5n * USD))
  expect(first.amountNanos).toBe(5n * USD)
  // 95 are left until the first is answered.
  const seen = watch(settlement.hold(want(5n * USD)))
  await turns()
  expect(seen.value).toBeUndefined()
  expect(holds).toHaveLength(3)
  await last(holds).answer({ status: 'held', availableNanos: 90n * USD })
  expect(seen.value).toBeDefined()
})

test('a key with a budget always waits, because only the ledger knows the budget', async () => {
  await granted(1n, 100n * USD)
  const seen = watch(settlement.hold(want(1n, { budgeted: true })))
  await turns()
  expect(last(holds).operation.budgetId).toBe('key')
  expect(seen.value).toBeUndefined()
  const budget = { limitNanos: 5n, spentNanos: 5n, heldNanos: 0n, resetsAt: null }
  await last(holds).answer({ status: 'budget_exceeded', ...budget })
  expect(seen.error).toMatchObject({ code: 'budget_exceeded' })
})

test('a hold that is refused after all is heard by whoever waits for it, and holds nothing', async () => {
  await granted(1n, 100n * USD)
  const hold = await settlement.hold(want(2n * USD))
  const durable = watch(hold.durable)
  await turns()
  await last(holds).answer({ status: 'insufficient', availableNanos: 3n, heldNanos: 99n * USD })
  expect(durable.error).toMatchObject({
    code: 'insufficient_quota',
    details: { metadata: { available_nanos: '3', held_nanos: (99n * USD).toString() } },
  })
  expect(settlement.liveHolds()).toBe(1)
  await settlement.void(hold, 'not_served')
  expect(voids).toEqual([])
  await expect(settle(hold, served())).rejects.toMatchObject({ code: 'insufficient_quota' })
  expect(settles).toEqual([])
})

test('a balance seen a moment ago refuses at once; after a quarter of a second the ledger is asked again', async () => {
  await granted(8n * USD, 2n * USD)
  await expect(settlement.hold(want(3n * USD))).rejects.toMatchObject({
    code: 'insufficient_quota',
    message: expect.stringMatching(/\$2 is available\. /),
  })
  expect(holds).toHaveLength(1)
  nowMs += 250
  const seen = watch(settlement.hold(want(3n * USD)))
  await turns()
  expect(holds).toHaveLength(2)
  // While that is in doubt nobody is refused on its account.
  const beside = watch(settlement.hold(want(3n * USD)))
  await turns()
  expect(holds).toHaveLength(3)
  for (const { answer } of holds.slice(1)) await answer({ status: 'held', availableNanos: USD })
  expect([seen.error, beside.error]).toEqual([undefined, undefined])
})

test('a cap rests on a balance that is fresh or plenty, else on the ledger, so that new credit counts', async () => {
  balanceNanos = 5n * USD
  expect(await settlement.available(PAYER, USD)).toBe(5n * USD)
  expect(await settlement.available(PAYER, USD)).toBe(5n * USD)
  expect(balancesRead).toBe(1)
  nowMs += 250
  balanceNanos = 500n * USD
  expect(await settlement.available(PAYER, USD)).toBe(500n * USD)
  expect(balancesRead).toBe(2)
  nowMs += 60_000
  balanceNanos = 0n
  // Forty worst cases do not bind, however old the figure: the ledger has the last word anyway.
  expect(await settlement.available(PAYER, 12n * USD)).toBe(500n * USD)
  expect(await settlement.available(PAYER, 13n * USD)).toBe(0n)
})

test('what is asked for and not answered yet is not available', async () => {
  await granted(1n, 100n * USD)
  await settlement.hold(want(5n * USD))
  await turns()
  expect(await settlement.available(PAYER, 1n)).toBe(95n * USD)
  nowMs += 1_000
  balanceNanos = 99n * USD
  expect(await settlement.available(PAYER, 50n * USD)).toBe(94n * USD)
})

test('after credit by other means a payer who was just refused is asked for anew', async () => {
  const refused = watch(settlement.hold(want(USD)))
  await turns()
  await last(holds).answer({ status: 'insufficient', availableNanos: 0n, heldNanos: 0n })
  expect(refused.error).toMatchObject({ code: 'insufficient_quota' })
  settlement.forget(PAYER)
  const seen = watch(settlement.hold(want(USD)))
  await turns()
  await last(holds).answer({ status: 'held', availableNanos: 9n * USD })
  expect(seen.value).toBeDefined()
})

test('what was served is booked to the buyer, the seller and a fee account of this process, with its record', async () => {
  const hold = await granted(3_000_000n, 10n * USD)
  const seen = watch(settle(hold, served()))
  await turns()
  const { record, ...booking } = last(settles).operation
  expect(booking).toEqual({
    id: hold.id,
    costNanos: 2_000_000n,
    sellerAccount: BigInt('seller_pendingseller of a'.length),
    sellerNanos: 1_900_000n,
    // 35 modulo 16 stripes.
    feeAccount: BigInt('platform_fee3'.length),
    feeNanos: 100_000n,
  })
  expect(record).toMatchObject({
    organisationId: PAYER,
    keyId: 'key',
    listingId: 'a',
    sellerOrganisationId: 'seller of a',
    model: 'test/model',
    provider: 'a',
    usage: { uncachedInput: 1_000, output: 500 },
    usageSource: 'reported',
    stream: true,
    finishReason: 'stop',
  })
  expect(seen.value).toBeUndefined()
  await last(settles).answer({ availableNanos: 77n })
  expect(seen.value).toMatchObject({ costNanos: 2_000_000n })
  expect(settlement.liveHolds()).toBe(0)
  expect(await settlement.available(PAYER, 1n)).toBe(77n)
  expect(balancesRead).toBe(0)
})

test('a settlement waits for its hold', async () => {
  await granted(1n, 100n * USD)
  const hold = await settlement.hold(want(USD))
  const seen = watch(settle(hold, served({ billed: 'delivered' })))
  await turns()
  expect(settles).toHaveLength(0)
  await last(holds).answer({ status: 'held', availableNanos: 99n * USD })
  expect(settles).toHaveLength(1)
  await last(settles).answer({ availableNanos: 99n * USD })
  expect(seen.value).toBeDefined()
})

test('a client that left pays at most its hold, however much was under way', async () => {
  const hold = await granted(1_500_000n, 10n * USD)
  const seen = watch(settle(hold, served({ billed: 'delivered' })))
  await turns()
  expect(last(settles).operation).toMatchObject({
    costNanos: 1_500_000n,
    sellerNanos: 1_425_000n,
    feeNanos: 75_000n,
  })
  await last(settles).answer({ availableNanos: 0n })
  expect(seen.value).toBeDefined()
})

test('a request that was not served gives its money back, and nobody renews it any more', async () => {
  const hold = await granted(4n * USD, 6n * USD)
  await settlement.void(hold, 'not_served')
  expect(voids).toEqual([hold.id])
  expect(settlement.liveHolds()).toBe(0)
  expect(await settlement.available(PAYER, 1n)).toBe(10n * USD)
})

test('a settlement that fails is told, and written off', async () => {
  const hold = await granted(4n * USD, 6n * USD)
  const seen = watch(settle(hold, served()))
  await turns()
  await last(settles).fail(new GatewayError('unavailable', 'The books cannot be written.'))
  expect(seen.error).toMatchObject({ code: 'unavailable' })
  await turns()
  // The client was told that it is not charged; the seller is paid by us.
  expect(writtenOff).toEqual([hold.id])
  expect(settlement.liveHolds()).toBe(0)
  // Whether it was booked after all only the ledger knows: what is remembered stays on the safe side.
  expect(await settlement.available(PAYER, 1n)).toBe(6n * USD)
})

test('a hold that came to nothing for lack of a ledger needs no release; a fault of ours is not passed over', async () => {
  await granted(1n, 100n * USD)
  const unavailable = await settlement.hold(want(USD))
  await turns()
  await last(holds).fail(new GatewayError('unavailable', 'The books cannot be written.'))
  await settlement.void(unavailable, 'not_served')
  expect(voids).toEqual([])
  const broken = await settlement.hold(want(USD))
  await turns()
  await last(holds).fail(new TypeError('a fault of ours'))
  await expect(settlement.void(broken, 'not_served')).rejects.toThrow('a fault of ours')
})

test('running requests keep their holds: every 30 seconds the open ones are renewed, and only those', async () => {
  await vi.advanceTimersByTimeAsync(30_000)
  expect(renewed).toEqual([])
  const [first, second] = [await granted(1n, 100n * USD), await granted(1n, 100n * USD)]
  await vi.advanceTimersByTimeAsync(30_000)
  await settlement.void(first, 'not_served')
  await vi.advanceTimersByTimeAsync(30_000)
  expect(renewed).toEqual([[first.id, second.id], [second.id]])
  await settlement.close()
  await vi.advanceTimersByTimeAsync(60_000)
  expect(renewed).toHaveLength(2)
})

test('a renewal that fails is logged and tried again', async () => {
  await granted(1n, 100n * USD)
  const push = vi.spyOn(renewed, 'push').mockImplementationOnce(() => {
    throw new Error('no database')
  })
  await vi.advanceTimersByTimeAsync(30_000)
  expect(errors).toEqual([{ err: new Error('no database') }])
  push.mockRestore()
  await vi.advanceTimersByTimeAsync(30_000)
  expect(renewed).toHaveLength(1)
})

test('idle means that every hold, settlement and release has its answer', async () => {
  const idleNow = watch(settlement.idle().then(() => 'idle'))
  await turns()
  expect(idleNow.value).toBe('idle')
  await granted(1n, 100n * USD)
  const hold = await settlement.hold(want(USD))
  const settling = watch(settle(hold, served()))
  const idle = watch(settlement.idle().then(() => 'idle'))
  await turns()
  await last(holds).answer({ status: 'held', availableNanos: 99n * USD })
  expect(idle.value).toBeUndefined()
  await last(settles).answer({ availableNanos: 99n * USD })
  expect(settling.value).toBeDefined()
  expect(idle.value).toBe('idle')
})

test('while the queue of holds is full nothing is begun, not even for the rich', async () => {
  await granted(1n, 100n * USD)
  saturated = true
  await expect(settlement.hold(want(1n))).rejects.toMatchObject({ code: 'overloaded' })
  expect(holds).toHaveLength(1)
})
