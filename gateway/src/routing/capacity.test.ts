import fc from 'fast-check'
import { beforeEach, expect, test } from 'vitest'
import { type Capacity, createCapacity, type Lease } from './capacity.ts'

let nowMs = 0
const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs }
let capacity: Capacity

beforeEach(() => {
  nowMs = 0
  capacity = createCapacity({ clock })
})

const commands = fc.array(
  fc.oneof(
    fc.record({
      do: fc.constant('take' as const),
      tokens: fc.integer({ min: 1, max: 400 }),
      share: fc.constantFrom(0.1, 0.5, 1),
    }),
    fc.record({ do: fc.constant('end' as const), which: fc.nat(30), used: fc.integer({ min: 0, max: 400 }) }),
    fc.record({ do: fc.constant('wait' as const), ms: fc.nat(15_000) }),
  ),
  { maxLength: 150 },
)

test('no interleaving takes a listing above its requests, its tokens or its concurrency', () => {
  fc.assert(
    fc.property(
      fc.record({
        requestsPerMinute: fc.integer({ min: 1, max: 12 }),
        tokensPerMinute: fc.integer({ min: 100, max: 2_000 }),
        concurrency: fc.integer({ min: 1, max: 6 }),
      }),
      commands,
      (limits, steps) => {
        nowMs = 0
        const offer = { listingId: 'l', ...limits }
        const one = createCapacity({ clock })
        const taken: { atMs: number; tokens: number }[] = []
        let running: { lease: Lease; entry: { atMs: number; tokens: number } }[] = []
        for (const step of steps) {
          if (step.do === 'wait') nowMs += step.ms
          else if (step.do === 'end') {
            const held = running[step.which % Math.max(1, running.length)]
            if (!held) continue
            running = running.filter((other) => other !== held)
            // The upstream never uses more than was set aside for it.
            const used = Math.min(step.used, held.entry.tokens)
            held.lease.end('ok', { tokens: used })
            held.lease.end('network')
            held.entry.tokens = used
          } else {
            const fits = one.nextFreeMs(offer, step) === 0
            const lease = one.take(offer, step)
            expect(lease !== undefined).toBe(fits)
            if (!lease) continue
            const entry = { atMs: nowMs, tokens: step.tokens }
            taken.push(entry)
            running.push({ lease, entry })
          }
          const lastMinute = taken.filter(({ atMs }) => atMs > nowMs - 60_000)
          expect(running.length).toBeLessThanOrEqual(limits.concurrency)
          expect(lastMinute.length).toBeLessThanOrEqual(limits.requestsPerMinute)
          expect(lastMinute.reduce((sum, { tokens }) => sum + tokens, 0)).toBeLessThanOrEqual(
            limits.tokensPerMinute,
          )
          expect(one.state(1)[0]?.running ?? 0).toBe(running.length)
        }
      },
    ),
    { numRuns: 300 },
  )
})

// opossum (i): a timeout released its semaphore while the call still ran, so its capacity was none.
test('a place is free when the attempt is over, and not before', () => {
  const offer = { listingId: 'l', concurrency: 1 }
  const lease = capacity.take(offer, { tokens: 10 })
  nowMs += 3_600_000
  expect(capacity.take(offer, { tokens: 10 })).toBeUndefined()
  lease?.end('timeout')
  lease?.end('timeout')
  expect(capacity.take(offer, { tokens: 10 })).toBeDefined()
  expect(capacity.take(offer, { tokens: 10 })).toBeUndefined()
})

test('tokens set aside come back when the upstream has not worked, and stay when it may have', () => {
  const offer = { listingId: 'l', tokensPerMinute: 100 }
  capacity.take(offer, { tokens: 100 })?.end('network')
  capacity.take(offer, { tokens: 100 })?.end('rate_limited')
  capacity.take(offer, { tokens: 100 })?.end('timeout')
  expect(capacity.take(offer, { tokens: 1 })).toBeUndefined()
  expect(capacity.nextFreeMs(offer, { tokens: 1 })).toBe(60_000)
})

test('headroom is the scarcest of what a listing has left', () => {
  const offer = { listingId: 'l', requestsPerMinute: 10, tokensPerMinute: 1_000, concurrency: 4 }
  expect(capacity.roomAt(offer, { tokens: 10 }, nowMs)).toBe(1)
  capacity.take(offer, { tokens: 600 })
  expect(capacity.roomAt(offer, { tokens: 10 }, nowMs)).toBeCloseTo(0.4)
  expect(capacity.roomAt(offer, { tokens: 401 }, nowMs)).toBe(-60_000)
  expect(capacity.roomAt({ listingId: 'other' }, { tokens: 1e9 }, nowMs)).toBe(1)
})

test('a request larger than a listing ever takes is told so, before and after the listing was used', () => {
  const offer = { listingId: 'l', tokensPerMinute: 100 }
  expect(capacity.nextFreeMs(offer, { tokens: 101 })).toBe(Number.POSITIVE_INFINITY)
  expect(capacity.roomAt(offer, { tokens: 101 }, nowMs)).toBe(Number.NEGATIVE_INFINITY)
  capacity.take(offer, { tokens: 1 })
  expect(capacity.nextFreeMs(offer, { tokens: 101 })).toBe(Number.POSITIVE_INFINITY)
})

test('a listing in its slow start takes a share of its places, and always one', () => {
  const offer = { listingId: 'l', concurrency: 10 }
  const taken = [0, 1, 2].map(() => capacity.take(offer, { tokens: 1, share: 0.2 }))
  expect(taken.map((lease) => lease !== undefined)).toEqual([true, true, false])
  expect(capacity.take({ listingId: 'm', concurrency: 2 }, { tokens: 1, share: 0.1 })).toBeDefined()
})

test('new limits hold from the next attempt on, and what was taken stays taken', () => {
  capacity.take({ listingId: 'l', requestsPerMinute: 5 }, { tokens: 1 })
  capacity.take({ listingId: 'l', requestsPerMinute: 5 }, { tokens: 1 })
  expect(capacity.take({ listingId: 'l', requestsPerMinute: 2 }, { tokens: 1 })).toBeUndefined()
  expect(capacity.take({ listingId: 'l', requestsPerMinute: 3 }, { tokens: 1 })).toBeDefined()
  expect(capacity.take({ listingId: 'l' }, { tokens: 1e9 })).toBeDefined()
})

test('idle listings are forgotten, busy ones never', () => {
  capacity = createCapacity({ clock, maxTracked: 2 })
  const busy = capacity.take({ listingId: 'busy', concurrency: 1 }, { tokens: 1 })
  capacity.take({ listingId: 'recent', requestsPerMinute: 1 }, { tokens: 1 })?.end('ok')
  capacity.take({ listingId: 'new', concurrency: 1 }, { tokens: 1 })?.end('ok')
  expect(capacity.take({ listingId: 'recent', requestsPerMinute: 1 }, { tokens: 1 })).toBeUndefined()
  nowMs += 60_000
  capacity.take({ listingId: 'newer', concurrency: 1 }, { tokens: 1 })
  expect(capacity.take({ listingId: 'busy', concurrency: 1 }, { tokens: 1 })).toBeUndefined()
  expect(capacity.state(10).map(({ listingId }) => listingId)).toEqual(['busy', 'newer'])
  busy?.end('ok')
})
