/** What the batching and posting code must do, small enough to be run against each mutant of it. */
import assert from 'node:assert/strict'
import type * as BatcherModule from '../../src/ledger/batcher.ts'
import type * as ConclusionsModule from '../../src/ledger/conclusions.ts'
import type { LedgerPool } from '../../src/ledger/store.ts'
import type * as TransientModule from '../../src/ledger/transient.ts'
import { GatewayError } from '../../src/platform/errors.ts'
import type { Load } from './ledger-code-lab.ts'
import { usageRecord } from './ledger-history.ts'

export const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error: { code?: string } | undefined) => error?.code ?? String(error),
  )
export const sqlError = (code: string, more: object = {}) =>
  Object.assign(new Error(`injected ${code}`), { code, severity: 'ERROR', ...more })
const range = (length: number) => Array.from({ length }, (_, index) => index)
export const stillClock = { nowMs: () => 0, monotonicMs: () => 0 }
/** Time that runs a second at every look, so that patience ends without waiting. */
export const hastyClock = () => {
  let nowMs = 0
  return { nowMs: () => nowMs, monotonicMs: () => (nowMs += 1_000) }
}

interface Told {
  batches: number[][]
  poisoned: number[]
  doubtful: number[]
  sizes: number[]
}

async function batcherOf(load: Load, given: Partial<BatcherModule.BatcherOptions<number, string>> = {}) {
  const { createBatcher } = await load<typeof BatcherModule>('ledger/batcher.ts')
  const told: Told = { batches: [], poisoned: [], doubtful: [], sizes: [] }
  const gates: (() => void)[] = []
  const batcher = createBatcher<number, string>({
    name: 'test',
    run: async (operations) => {
      told.batches.push([...operations])
      await new Promise<void>((open) => gates.push(open))
      return operations.map((operation) => `done ${operation}`)
    },
    patienceMs: 1_000,
    onPoison: async (operation) => {
      told.poisoned.push(operation)
      return new GatewayError('conflict', `${operation} is parked`)
    },
    onRetry: () => undefined,
    onDoubt: (operations) => void told.doubtful.push(...operations),
    clock: stillClock,
    metrics: { batchCommitted: ({ size }) => void told.sizes.push(size) },
    ...given,
  })
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  const open = async () => {
    await turn()
    gates.shift()?.()
    await turn()
  }
  return { batcher, told, open }
}

/** Everybody gets his own answer; a crowd goes in batches of 500, in order, and 5,000 may wait. */
async function crowds(load: Load): Promise<void> {
  const { batcher, told, open } = await batcherOf(load)
  const first = batcher.add(-1)
  const all = range(5_000 - 1).map((operation) => batcher.add(operation))
  assert.equal(batcher.queued(), 5_000)
  // Not awaited: one that is taken has no answer yet.
  let refused: string | undefined
  void codeOf(batcher.add(9_999)).then((code) => {
    refused = code
  })
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(refused, 'overloaded')
  await open()
  assert.equal(await first, 'done -1')
  const closing = batcher.close()
  let closed = false
  void closing.then(() => {
    closed = true
  })
  assert.equal(await codeOf(batcher.add(9_999)), 'shutting_down')
  for (const _ of range(8)) await open()
  assert.equal(closed, false)
  for (const _ of range(4)) await open()
  await closing
  assert.deepEqual(
    await Promise.all(all),
    range(4_999).map((operation) => `done ${operation}`),
  )
  assert.deepEqual(
    told.batches.map(({ length }) => length),
    Array.from({ length: 10 }, () => 500),
  )
  assert.deepEqual(
    told.batches.flat(),
    range(5_000).map((index) => index - 1),
  )
  assert.deepEqual(
    told.sizes,
    Array.from({ length: 10 }, () => 500),
  )
}

/** A lone operation waits for nobody, and what comes meanwhile goes together. */
async function turns(load: Load): Promise<void> {
  const { batcher, told, open } = await batcherOf(load)
  const [one, two] = [batcher.add(1), batcher.add(2)]
  await Promise.resolve()
  await Promise.resolve()
  assert.deepEqual(told.batches, [[1, 2]])
  const later = [3, 4].map((operation) => batcher.add(operation))
  await open()
  await open()
  assert.deepEqual(await Promise.all([one, two, ...later]), ['done 1', 'done 2', 'done 3', 'done 4'])
  assert.deepEqual(told.batches, [
    [1, 2],
    [3, 4],
  ])
  const again = batcher.add(5)
  await open()
  assert.equal(await again, 'done 5')
}

/** The operation to blame is found, parked and told alone; an outage is told to all and blames nobody. */
async function blame(load: Load): Promise<void> {
  const { batcher, told } = await batcherOf(load, {
    run: async (operations) => {
      if (operations.includes(3) || operations.includes(7)) throw sqlError('22P05')
      return operations.map((operation) => `done ${operation}`)
    },
  })
  const outcomes = await Promise.all(range(11).map((operation) => codeOf(batcher.add(operation))))
  assert.deepEqual(
    outcomes,
    range(11).map((index) => (index === 3 || index === 7 ? 'conflict' : 'done')),
  )
  assert.deepEqual([told.poisoned, told.doubtful], [[3, 7], []])

  let runs = 0
  const outage = await batcherOf(load, {
    run: async () => {
      runs += 1
      throw sqlError('57P01')
    },
    clock: hastyClock(),
    patienceMs: 5_000,
  })
  const refused = await Promise.all([1, 2].map((operation) => codeOf(outage.batcher.add(operation))))
  assert.deepEqual(refused, ['unavailable', 'unavailable'])
  assert(runs > 1)
  assert.deepEqual([outage.told.poisoned, outage.told.doubtful], [[], [1, 2]])

  const silent = await batcherOf(load, { run: async () => [] })
  const unanswered = await Promise.all([1, 2].map((one) => codeOf(silent.batcher.add(one))))
  assert.deepEqual(unanswered, ['conflict', 'conflict'])
}

/** What passes is tried again until it succeeds or patience ends; what does not is thrown at once. */
async function patience(load: Load): Promise<void> {
  const { retryTransient } = await load<typeof TransientModule>('ledger/transient.ts')
  const failing = (errors: unknown[]) => {
    let runs = 0
    const run = async () => {
      const error = errors[runs++]
      if (error) throw error
      return 'done'
    }
    return { run, runs: () => runs }
  }
  const attempts: number[] = []
  const passing = failing([sqlError('40P01'), sqlError('40001'), new Error('Query read timeout')])
  const onRetry = (_: unknown, attempt: number) => void attempts.push(attempt)
  assert.equal(await retryTransient(passing.run, { clock: stillClock, patienceMs: 1_000, onRetry }), 'done')
  assert.deepEqual([passing.runs(), attempts], [4, [1, 2, 3]])
  const wrong = failing([sqlError('23505')])
  assert.equal(await codeOf(retryTransient(wrong.run, { clock: stillClock, patienceMs: 1_000 })), '23505')
  assert.equal(wrong.runs(), 1)
  const away = failing(Array.from({ length: 50 }, () => sqlError('57P03')))
  assert.equal(await codeOf(retryTransient(away.run, { clock: hastyClock(), patienceMs: 3_500 })), '57P03')
  assert(away.runs() >= 3 && away.runs() <= 4, `${away.runs()} attempts in 3.5 s`)
}

/** A pool that answers as it is told, and notes what it was asked. */
export function scriptedPool(answer: (name: string, values: unknown[]) => unknown[] | Promise<unknown[]>) {
  const asked: { name: string; values: unknown[] }[] = []
  const query = async ({ name, values }: { name: string; values: unknown[] }) => {
    asked.push({ name, values })
    return { rows: await answer(name, values) }
  }
  return { pool: { query } as unknown as LedgerPool, asked }
}

/** Settlements, voids, write-offs and renewals of a moment: each kind in one statement, answers in the order asked. */
async function conclusions(load: Load): Promise<void> {
  const { runConclusions, conclusionId } = await load<typeof ConclusionsModule>('ledger/conclusions.ts')
  const { pool, asked } = scriptedPool((name, [ids]) => {
    if (name === 'ledger-renew') return [{ count: 1 }]
    return (ids as string[]).map((id) =>
      name === 'ledger-settle'
        ? { outcome: 'settled', available: id.slice(1), shortfall: '1' }
        : { outcome: name === 'ledger-void' ? `voided ${id}` : `written_off ${id}` },
    )
  })
  const settle = (id: string) => ({
    kind: 'settle' as const,
    operation: {
      id,
      costNanos: 1n,
      sellerAccount: 1n,
      sellerNanos: 1n,
      feeAccount: 2n,
      feeNanos: 0n,
      record: usageRecord(),
    },
  })
  const writeOff = (id: string) => ({
    kind: 'write_off' as const,
    operation: { id, journalId: `j${id}`, sellerAccount: 1n, lossAccount: 2n, sellerNanos: 1n, memo: '' },
  })
  const nothing = { kind: 'renew' as const, ids: ['r1', 'r2'] }
  const voided = (id: string) => ({ kind: 'void' as const, id, reason: 'x' })
  const batch = [
    voided('v1'),
    settle('s1'),
    nothing,
    writeOff('w1'),
    settle('s2'),
    voided('v2'),
    { ...nothing, ids: ['r3'] },
  ]
  const settled = (nanos: bigint) => ({ availableNanos: nanos, shortfallNanos: 1n })
  assert.deepEqual(await runConclusions(pool, batch), [
    'voided v1',
    settled(1n),
    undefined,
    'written_off w1',
    settled(2n),
    'voided v2',
    undefined,
  ])
  assert.deepEqual(
    asked.map(({ name, values }) => [name, values[0]]),
    [
      ['ledger-settle', ['s1', 's2']],
      ['ledger-void', ['v1', 'v2']],
      ['ledger-write-off', ['w1']],
      ['ledger-renew', ['r1', 'r2', 'r3']],
    ],
  )
  assert.deepEqual(await runConclusions(pool, [settle('s3'), settle('s4')]), [settled(3n), settled(4n)])
  assert.equal(asked.length, 5)
  assert.deepEqual(batch.slice(0, 4).map(conclusionId), ['v1', 's1', '2 holds', 'w1'])
}

export const batchChecks = { crowds, turns, blame, patience, conclusions }
