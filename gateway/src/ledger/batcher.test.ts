import { expect, test } from 'vitest'
import { systemClock } from '../platform/clock.ts'
import { GatewayError } from '../platform/errors.ts'
import { type BatcherOptions, createBatcher } from './batcher.ts'

/** A batcher whose commits the test lets through one by one. */
function scene(options: Partial<BatcherOptions<number, string>> = {}) {
  const batches: (readonly number[])[] = []
  const gates: (() => void)[] = []
  const poisoned: number[] = []
  const committed: { queue: string; size: number }[] = []
  const batcher = createBatcher<number, string>({
    name: 'test',
    run: async (operations) => {
      batches.push(operations)
      await new Promise<void>((resolve) => gates.push(resolve))
      return operations.map((operation) => `done ${operation}`)
    },
    patienceMs: 1_000,
    onPoison: async (operation, cause) => {
      poisoned.push(operation)
      return new GatewayError('internal_error', 'It could not be booked.', { cause })
    },
    onRetry: () => undefined,
    clock: systemClock,
    metrics: { batchCommitted: ({ queue, size }) => void committed.push({ queue, size }) },
    ...options,
  })
  const open = async () => {
    while (gates.length === 0) await new Promise(setImmediate)
    gates.shift()?.()
  }
  return { batcher, batches, poisoned, committed, open }
}

const range = (length: number) => Array.from({ length }, (_, index) => index)

test('a lone operation goes at once, and what comes meanwhile goes together', async () => {
  const { batcher, batches, committed, open } = scene()
  const first = batcher.add(0)
  await Promise.resolve()
  await Promise.resolve()
  const others = [1, 2, 3].map((operation) => batcher.add(operation))
  await open()
  expect(await first).toBe('done 0')
  await open()
  expect(await Promise.all(others)).toEqual(['done 1', 'done 2', 'done 3'])
  expect(batches).toEqual([[0], [1, 2, 3]])
  expect(committed).toEqual([
    { queue: 'test', size: 1 },
    { queue: 'test', size: 3 },
  ])
})

test('a crowd is cut into batches of 500', async () => {
  const { batcher, batches, open } = scene()
  const all = range(1_201).map((operation) => batcher.add(operation))
  for (const _ of range(3)) await open()
  await Promise.all(all)
  expect(batches.map(({ length }) => length)).toEqual([500, 500, 201])
})

test('a full queue refuses before any work, and takes again once it has room', async () => {
  const { batcher, batches, open } = scene()
  const all = range(5_000).map((operation) => batcher.add(operation))
  const refused = batcher.add(5_000)
  expect(batcher.queued()).toBe(5_000)
  await expect(refused).rejects.toMatchObject({ code: 'overloaded', details: { retryAfterMs: 1_000 } })
  for (const _ of range(10)) await open()
  await Promise.all(all)
  expect(batches.flat()).not.toContain(5_000)
  const later = batcher.add(5_001)
  await open()
  expect(await later).toBe('done 5001')
})

test('the operation to blame is found, told and parked alone', async () => {
  const { batcher, poisoned } = scene({
    run: async (operations) => {
      if (operations.includes(13) || operations.includes(37)) throw new Error('bad operation')
      return operations.map((operation) => `done ${operation}`)
    },
  })
  const outcomes = await Promise.allSettled(range(50).map((operation) => batcher.add(operation)))
  expect(outcomes.flatMap(({ status }, index) => (status === 'rejected' ? [index] : []))).toEqual([13, 37])
  expect(poisoned).toEqual([13, 37])
})

test('an outage longer than patience tells everybody, and parks nothing', async () => {
  let nowMs = 0
  let runs = 0
  const doubtful: number[] = []
  const { batcher, poisoned } = scene({
    run: async () => {
      runs += 1
      throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
    },
    onDoubt: (operations) => void doubtful.push(...operations),
    clock: { nowMs: () => 0, monotonicMs: () => (nowMs += 400) },
  })
  const outcomes = await Promise.allSettled([1, 2].map((operation) => batcher.add(operation)))
  expect(outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason.code)).toEqual([
    'unavailable',
    'unavailable',
  ])
  expect(runs).toBeGreaterThan(1)
  expect([poisoned, doubtful]).toEqual([[], [1, 2]])
})

test('an answer that lacks a result is nobody’s answer', async () => {
  const { batcher } = scene({ run: async () => [] })
  await expect(batcher.add(1)).rejects.toMatchObject({ code: 'internal_error' })
})

test('closing waits for everything that was asked for, and takes nothing more', async () => {
  const { batcher, open } = scene()
  const all = range(600).map((operation) => batcher.add(operation))
  let closed = false
  const closing = batcher.close().then(() => {
    closed = true
  })
  await expect(batcher.add(1)).rejects.toMatchObject({ code: 'shutting_down' })
  await open()
  expect(closed).toBe(false)
  await open()
  await closing
  expect(await Promise.all(all)).toHaveLength(600)
})
