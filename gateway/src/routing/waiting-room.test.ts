import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { GatewayError } from '../platform/errors.ts'
import { type Capacity, createCapacity } from './capacity.ts'
import type { Lease } from './lease.ts'
import { createWaitingRoom, type WaitingRoom } from './waiting-room.ts'

const offer = { listingId: 'l', model: 'm', concurrency: 3 }
const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() }
let capacity: Capacity
let room: WaitingRoom
let nextFreeMs = Number.POSITIVE_INFINITY

beforeEach(() => {
  vi.useFakeTimers()
  nextFreeMs = Number.POSITIVE_INFINITY
  capacity = createCapacity({ clock })
  room = createWaitingRoom({ clock, capacity, nextFreeMs: () => nextFreeMs })
})
afterEach(() => {
  room.close()
  vi.useRealTimers()
})

const take = () => capacity.take(offer, { tokens: 1 })
const wait = (maxWaitMs = 2_000, signal?: AbortSignal) =>
  room.wait('m', { maxWaitMs, ...(signal ? { signal } : {}) }, take)

/** What became of a promise, as far as it is known. */
function watch(promise: Promise<Lease>) {
  const watched: { lease?: Lease; error?: GatewayError; atMs?: number } = {}
  promise.then(
    (lease) => Object.assign(watched, { lease, atMs: performance.now() }),
    (error) => Object.assign(watched, { error, atMs: performance.now() }),
  )
  return watched
}

/** Callers that leave together. */
class Leaving {
  readonly #clients: AbortController[] = []

  signal(): AbortSignal {
    const client = new AbortController()
    this.#clients.push(client)
    return client.signal
  }

  leave(): void {
    for (const client of this.#clients) client.abort()
  }
}

test('thirty callers that allow two seconds are all served by three places of 50 ms, in the order they came', async () => {
  const order: number[] = []
  let running = 0
  let most = 0
  const callers = Array.from({ length: 30 }, async (_, index) => {
    const lease = take() ?? (await wait())
    order.push(index)
    running += 1
    most = Math.max(most, running)
    await new Promise((resolve) => setTimeout(resolve, 50))
    running -= 1
    lease.end('ok')
  })
  await vi.advanceTimersByTimeAsync(700)
  await Promise.all(callers)
  expect(order).toEqual(Array.from({ length: 30 }, (_, index) => index))
  expect(most).toBe(3)
  expect(room.state(9)).toEqual([])
})

test('a place that comes free is taken within milliseconds, though nobody looks at the clock', async () => {
  const leases = [take(), take(), take()]
  const waiting = watch(wait())
  await vi.advanceTimersByTimeAsync(503)
  leases[1]?.end('ok')
  const freedAtMs = performance.now()
  await vi.advanceTimersByTimeAsync(20)
  expect((waiting.atMs ?? Number.POSITIVE_INFINITY) - freedAtMs).toBeLessThanOrEqual(2)
})

test('a caller whose time is over is told when a place will come, and its place in line is free', async () => {
  const leases = [take(), take(), take()]
  nextFreeMs = 40_000
  const patient = watch(wait(2_000))
  const hasty = watch(wait(300))
  await vi.advanceTimersByTimeAsync(299)
  expect(hasty.error).toBeUndefined()
  await vi.advanceTimersByTimeAsync(1)
  expect(hasty.error).toMatchObject({ code: 'no_capacity', details: { retryAfterMs: 40_000 } })
  expect(room.state(9)).toEqual([{ model: 'm', waiting: 1 }])
  leases[0]?.end('ok')
  await vi.advanceTimersByTimeAsync(20)
  expect(patient.lease).toBeDefined()
})

test('nobody waits longer than two seconds, whatever was asked for', async () => {
  for (const _ of [1, 2, 3]) take()
  const waiting = watch(wait(3_600_000))
  await vi.advanceTimersByTimeAsync(2_000)
  expect(waiting.error?.code).toBe('no_capacity')
})

test('the caller after the 256th in line is sent away at once, and a line that was left is not full', async () => {
  for (const _ of [1, 2, 3]) take()
  const leaving = new Leaving()
  const line = Array.from({ length: 256 }, () => watch(wait(2_000, leaving.signal())))
  const tooMany = watch(wait())
  await Promise.resolve()
  await Promise.resolve()
  expect(tooMany.error).toMatchObject({ code: 'no_capacity' })
  leaving.leave()
  expect(room.state(9)).toEqual([{ model: 'm', waiting: 0 }])
  // However often a line fills and empties, it takes the next 256: turns nobody needs are used by others.
  for (let round = 0; round < 5; round += 1) {
    const again = new Leaving()
    const callers = Array.from({ length: 256 }, () => watch(wait(2_000, again.signal())))
    await vi.advanceTimersByTimeAsync(7)
    expect(callers.filter(({ error }) => error)).toEqual([])
    again.leave()
    await vi.advanceTimersByTimeAsync(1)
  }
  expect(line.every(({ error }) => error?.code === 'request_timeout')).toBe(true)
})

test('a caller that leaves is not served, and the next in line is, without delay', async () => {
  const leases = [take(), take(), take()]
  const leaving = new Leaving()
  const left = Array.from({ length: 200 }, () => watch(wait(2_000, leaving.signal())))
  const stayed = watch(wait())
  await vi.advanceTimersByTimeAsync(50)
  leaving.leave()
  leases[0]?.end('ok')
  await vi.advanceTimersByTimeAsync(20)
  expect(stayed.lease).toBeDefined()
  expect(left.every(({ lease }) => lease === undefined)).toBe(true)
})

test('a window that frees by the clock is used when it does', async () => {
  const limited = { listingId: 'r', model: 'm', requestsPerMinute: 1 }
  capacity.take(limited, { tokens: 1 })?.end('ok')
  room = createWaitingRoom({
    clock,
    capacity,
    nextFreeMs: () => capacity.nextFreeMs(limited, { tokens: 1 }),
  })
  await vi.advanceTimersByTimeAsync(60_000)
  const dueMs = performance.now() + capacity.nextFreeMs(limited, { tokens: 1 })
  const waiting = watch(room.wait('m', { maxWaitMs: 2_000 }, () => capacity.take(limited, { tokens: 1 })))
  await vi.advanceTimersByTimeAsync(1_200)
  expect(waiting.lease).toBeDefined()
  expect((waiting.atMs ?? 0) - dueMs).toBeLessThanOrEqual(10)
})

test('a full line is looked at ten times a second, and not more often', async () => {
  let looks = 0
  const refused = watch(
    room.wait<Lease>('m', { maxWaitMs: 2_000 }, () => {
      looks += 1
      return undefined
    }),
  )
  await vi.advanceTimersByTimeAsync(2_100)
  expect(refused.error).toBeDefined()
  expect(looks).toBeGreaterThan(10)
  expect(looks).toBeLessThanOrEqual(21)
})

test('one who wants what nobody has does not keep the others from being served', async () => {
  const leases = [take(), take(), take()]
  const picky = watch(room.wait<Lease>('m', { maxWaitMs: 2_000 }, () => undefined))
  const easy = watch(wait())
  await vi.advanceTimersByTimeAsync(50)
  leases[0]?.end('ok')
  await vi.advanceTimersByTimeAsync(10)
  expect(easy.lease).toBeDefined()
  expect(picky.error).toBeUndefined()
})

test('a decision that fails ends the wait with its own words', async () => {
  const failed = watch(
    room.wait<Lease>('m', { maxWaitMs: 2_000 }, () => {
      throw new GatewayError('model_not_found', 'Nobody offers it any more.')
    }),
  )
  await vi.advanceTimersByTimeAsync(10)
  expect(failed.error?.code).toBe('model_not_found')
})

test('at shutdown everybody in line hears so at once', async () => {
  for (const _ of [1, 2, 3]) take()
  const waiting = watch(wait())
  await vi.advanceTimersByTimeAsync(10)
  room.close()
  await vi.advanceTimersByTimeAsync(0)
  expect(waiting.error?.code).toBe('unavailable')
})

test('an operator sees how many wait, how long they waited, and what became of them', async () => {
  const read = new Map<string, () => unknown>()
  const metrics = {
    gauge: (name: string, _help: string, value: () => number) => read.set(name, value),
    counter: (name: string, _help: string, value: () => number) => read.set(name, value),
    samples: (name: string, _shape: object, value: () => Iterable<unknown>) => read.set(name, value),
  }
  room = createWaitingRoom({ clock, capacity, nextFreeMs: () => 0, metrics })
  for (const _ of [1, 2, 3]) take()
  watch(wait(500))
  expect(read.get('gateway_waiting_requests')?.()).toBe(1)
  await vi.advanceTimersByTimeAsync(500)
  expect(read.get('gateway_waiting_requests')?.()).toBe(0)
  expect(read.get('gateway_waited_seconds_total')?.()).toBe(0.5)
  expect(read.get('gateway_waits_total')?.()).toContainEqual({ labels: ['expired'], value: 1 })
})

test('one buyer cannot fill the line: whoever comes after his 64th caller still gets a place in it', async () => {
  const of = (buyer: string) => watch(room.wait('m', { maxWaitMs: 2_000, buyer }, take))
  while (take());
  const flood = Array.from({ length: 100 }, () => of('flood'))
  await vi.advanceTimersByTimeAsync(7)
  expect(flood.filter(({ error }) => error)).toHaveLength(36)
  const other = of('other')
  await vi.advanceTimersByTimeAsync(7)
  expect(other.error).toBeUndefined()
})
