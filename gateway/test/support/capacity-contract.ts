/** What every form of `Capacity` promises, whether it counts in memory or elsewhere. */
import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import type { CapacityLimits } from '../../src/marketplace/offer.ts'
import type { Capacity, CapacityDeps, CapacityOf } from '../../src/routing/capacity.ts'
import type { Lease } from '../../src/routing/lease.ts'

export type MakeCapacity = (deps: CapacityDeps) => Capacity

const START_MS = Date.UTC(2026, 10, 30, 23, 58)
const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000

/** Declares the tests of the contract for one form. */
export function capacityContract(form: string, make: MakeCapacity): void {
  describe(form, () => {
    limitsHold(make)
    leasesEnd(make)
    windowsOfTheCalendar(make)
    roomIsTold(make)
  })
}

interface Scene {
  capacity: Capacity
  nowMs(): number
  wait(ms: number): void
}

/** Two minutes before the last day of November ends. */
function sceneOf(make: MakeCapacity, deps: Partial<CapacityDeps> = {}): Scene {
  let nowMs = 1_000_000
  const clock = { nowMs: () => START_MS + nowMs - 1_000_000, monotonicMs: () => nowMs }
  return {
    capacity: make({ clock, ...deps }),
    nowMs: () => nowMs,
    wait(ms) {
      nowMs += ms
    },
  }
}

const offerOf = (limits: CapacityLimits, modelCapacity?: CapacityLimits, model = 'm'): CapacityOf => ({
  listingId: 'l',
  model,
  ...limits,
  ...(modelCapacity ? { modelCapacity } : {}),
})

interface Taking {
  model: string
  atMs: number
  tokens: number
  nanos: bigint
  lease: Lease
  ended: boolean
}

const limitsArbitrary = fc.record(
  {
    requestsPerMinute: fc.integer({ min: 1, max: 12 }),
    tokensPerMinute: fc.integer({ min: 100, max: 2_000 }),
    concurrency: fc.integer({ min: 1, max: 6 }),
    tokensPerDay: fc.integer({ min: 300, max: 6_000 }),
    tokensPerMonth: fc.integer({ min: 300, max: 9_000 }),
    nanosPerDay: fc.bigInt({ min: 300n, max: 6_000n }),
    nanosPerMonth: fc.bigInt({ min: 300n, max: 9_000n }),
  },
  { requiredKeys: [] },
)

const stepsArbitrary = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('take' as const),
        model: fc.constantFrom('m', 'n'),
        tokens: fc.integer({ min: 1, max: 400 }),
        costNanos: fc.bigInt({ min: 0n, max: 400n }),
        share: fc.constantFrom(0.1, 0.5, 1),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('end' as const),
        which: fc.nat(30),
        share: fc.double({ min: 0, max: 1, noNaN: true }),
        outcome: fc.constantFrom('ok' as const, 'network' as const, 'timeout' as const),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('wait' as const),
        ms: fc.oneof(fc.nat(15_000), fc.nat(14 * HOUR_MS)),
      }),
    },
  ),
  { maxLength: 150 },
)

function limitsHold(make: MakeCapacity): void {
  test('no interleaving takes a listing, or a model of it, above any of its limits', () => {
    fc.assert(
      fc.property(limitsArbitrary, limitsArbitrary, stepsArbitrary, (whole, ofModel, steps) => {
        // A lease outlives every wait here: what is lost is another story.
        const scene = sceneOf(make, { leaseMs: 100 * 24 * HOUR_MS })
        const { capacity } = scene
        const takings: Taking[] = []
        for (const step of steps) {
          if (step.do === 'wait') scene.wait(step.ms)
          else if (step.do === 'end') {
            const running = takings.filter(({ ended }) => !ended)
            const one = running[step.which % Math.max(1, running.length)]
            if (!one) continue
            // The upstream never uses more than was set aside for it.
            const used = step.outcome === 'ok' ? Math.floor(one.tokens * step.share) : undefined
            const nanos =
              step.outcome === 'ok' ? (one.nanos * BigInt(Math.floor(step.share * 100))) / 100n : 0n
            one.lease.end(step.outcome, {
              ...(used === undefined ? {} : { tokens: used }),
              costNanos: nanos,
            })
            one.lease.end('network')
            one.tokens = used ?? (step.outcome === 'network' ? 0 : one.tokens)
            one.nanos = nanos
            one.ended = true
          } else {
            const offer = offerOf(whole, step.model === 'm' ? ofModel : undefined, step.model)
            const fits = capacity.nextFreeMs(offer, step) === 0
            expect(capacity.roomAt(offer, step, scene.nowMs()) > 0).toBe(fits)
            expect(capacity.whyFull(offer, step, scene.nowMs()) === undefined).toBe(fits)
            const lease = capacity.take(offer, step)
            expect(lease !== undefined).toBe(fits)
            if (!lease) continue
            const { model, tokens, costNanos: nanos } = step
            takings.push({ model, atMs: scene.nowMs(), tokens, nanos, lease, ended: false })
          }
          expectWithin(takings, whole, scene.nowMs())
          expectWithin(
            takings.filter(({ model }) => model === 'm'),
            ofModel,
            scene.nowMs(),
          )
          const fill = capacity.fillOf(offerOf(whole, ofModel), scene.nowMs())
          expect(fill >= 0 && fill <= 1).toBe(true)
        }
      }),
      { numRuns: 300 },
    )
  })

  test('new limits hold from the next attempt on, and what was taken stays taken', () => {
    const { capacity, nowMs } = sceneOf(make)
    const load = { tokens: 1 }
    capacity.take(offerOf({ requestsPerMinute: 5 }), load)
    capacity.take(offerOf({ requestsPerMinute: 5 }), load)
    expect(capacity.take(offerOf({ requestsPerMinute: 2 }), load)).toBeUndefined()
    expect(capacity.roomAt(offerOf({ requestsPerMinute: 3 }), load, nowMs())).toBeGreaterThan(0)
    expect(capacity.take(offerOf({ requestsPerMinute: 3 }), load)).toBeDefined()
    expect(capacity.take(offerOf({}), { tokens: 1e9 })).toBeDefined()
  })
}

function expectWithin(takings: readonly Taking[], limits: CapacityLimits, nowMs: number): void {
  const wallMs = START_MS + nowMs - 1_000_000
  const dayMs = wallMs - (wallMs % (24 * HOUR_MS))
  const monthMs = Date.UTC(new Date(wallMs).getUTCFullYear(), new Date(wallMs).getUTCMonth(), 1)
  const since = (ms: number) => takings.filter(({ atMs }) => START_MS + atMs - 1_000_000 >= ms)
  const tokensOf = (some: readonly Taking[]) => some.reduce((sum, { tokens }) => sum + tokens, 0)
  const nanosOf = (some: readonly Taking[]) => some.reduce((sum, { nanos }) => sum + nanos, 0n)
  const minute = takings.filter(({ atMs }) => atMs > nowMs - MINUTE_MS)
  const infinite = Number.POSITIVE_INFINITY
  expect(takings.filter(({ ended }) => !ended).length).toBeLessThanOrEqual(limits.concurrency ?? infinite)
  expect(minute.length).toBeLessThanOrEqual(limits.requestsPerMinute ?? infinite)
  expect(tokensOf(minute)).toBeLessThanOrEqual(limits.tokensPerMinute ?? infinite)
  expect(tokensOf(since(dayMs))).toBeLessThanOrEqual(limits.tokensPerDay ?? infinite)
  expect(tokensOf(since(monthMs))).toBeLessThanOrEqual(limits.tokensPerMonth ?? infinite)
  const nanosToday = nanosOf(since(dayMs))
  const nanosThisMonth = nanosOf(since(monthMs))
  expect(nanosToday <= (limits.nanosPerDay ?? nanosToday)).toBe(true)
  expect(nanosThisMonth <= (limits.nanosPerMonth ?? nanosThisMonth)).toBe(true)
}

function leasesEnd(make: MakeCapacity): void {
  const one = offerOf({ concurrency: 1 })
  let scene: Scene
  beforeEach(() => {
    scene = sceneOf(make)
  })

  // opossum (i): a timeout released its semaphore while the call still ran, so its capacity was none.
  test('a place is free when the attempt is over, and not before', () => {
    const { capacity, wait } = scene
    const lease = capacity.take(one, { tokens: 10 })
    for (let minutes = 0; minutes < 60; minutes += 1) {
      wait(MINUTE_MS)
      lease?.renew()
    }
    expect(capacity.take(one, { tokens: 10 })).toBeUndefined()
    lease?.end('ok')
    lease?.end('ok')
    expect(capacity.take(one, { tokens: 10 })).toBeDefined()
    expect(capacity.take(one, { tokens: 10 })).toBeUndefined()
  })

  test('a place whose upstream we cut off comes back a moment later, when the upstream has heard of it', () => {
    const { capacity, wait } = scene
    capacity.take(one, { tokens: 10 })?.end('client_gone')
    expect(capacity.whyFull(one, { tokens: 10 }, scene.nowMs())).toBe('concurrency')
    wait(500)
    expect(capacity.take(one, { tokens: 10 })).toBeDefined()
  })

  test('the place of a request that was lost comes back after two minutes, and no sooner', () => {
    const { capacity, wait } = scene
    capacity.take(one, { tokens: 10 })
    wait(119_000)
    expect(capacity.take(one, { tokens: 10 })).toBeUndefined()
    wait(2_000)
    expect(capacity.take(one, { tokens: 10 })).toBeDefined()
  })

  test('a lost request that ends after all gives no second place, and still says what it used', () => {
    const { capacity, wait, nowMs } = sceneOf(make, { leaseMs: 30_000 })
    const offer = offerOf({ concurrency: 1, tokensPerDay: 1_000 })
    const lost = capacity.take(offer, { tokens: 900 })
    wait(31_000)
    expect(capacity.whyFull(offer, { tokens: 200 }, nowMs())).toBe('day')
    expect(capacity.nextFreeMs(offer, { tokens: 200 })).toBe(2 * MINUTE_MS - 31_000)
    const next = capacity.take(offer, { tokens: 50 })
    expect(next).toBeDefined()
    expect(capacity.lost()).toBe(1)
    lost?.end('ok', { tokens: 100 })
    expect(capacity.take(offer, { tokens: 1 })).toBeUndefined()
    next?.end('ok', { tokens: 50 })
    expect(capacity.take(offer, { tokens: 850 })).toBeDefined()
  })

  test('a request that was taken for lost and lives counts again', () => {
    const { capacity, wait } = scene
    const slow = capacity.take(one, { tokens: 10 })
    wait(130_000)
    expect(capacity.nextFreeMs(one, { tokens: 10 })).toBe(0)
    slow?.renew()
    expect(capacity.take(one, { tokens: 10 })).toBeUndefined()
    slow?.end('ok')
    expect(capacity.take(one, { tokens: 10 })).toBeDefined()
  })

  test('tokens set aside come back when the upstream has not worked, and stay when it may have', () => {
    const offer = offerOf({ tokensPerMinute: 100 })
    const { capacity, nowMs } = scene
    capacity.take(offer, { tokens: 100 })?.end('network')
    capacity.take(offer, { tokens: 100 })?.end('rate_limited')
    capacity.take(offer, { tokens: 100 })?.end('timeout')
    expect(capacity.take(offer, { tokens: 1 })).toBeUndefined()
    // A second longer than the vendor's minute, for what reaches the vendor late.
    expect(capacity.nextFreeMs(offer, { tokens: 1 })).toBe(61_000)
    expect(capacity.whyFull(offer, { tokens: 1 }, nowMs())).toBe('rate')
  })

  test('whoever was refused hears when something comes free, and nobody else is bothered', () => {
    const offer = offerOf({ concurrency: 1 }, undefined, 'asked')
    const { capacity, wait } = scene
    const heard: string[] = []
    const stop = capacity.onFreed(({ model }) => heard.push(model))
    capacity.take(one, { tokens: 1 })?.end('ok')
    expect(heard).toEqual([])
    const lease = capacity.take(one, { tokens: 1 })
    capacity.roomAt(offer, { tokens: 1 }, scene.nowMs())
    lease?.end('ok')
    expect(heard).toEqual(['asked'])
    capacity.take(one, { tokens: 1 })
    capacity.take(offer, { tokens: 1 })
    wait(130_000)
    capacity.nextFreeMs(one, { tokens: 1 })
    expect(heard.sort()).toEqual(['asked', 'asked'])
    stop()
    capacity.take(one, { tokens: 1 })?.end('ok')
    expect(heard).toHaveLength(2)
  })
}

function windowsOfTheCalendar(make: MakeCapacity): void {
  test('a listing that has served its tokens of the day rests until midnight in UTC, and then it is back', () => {
    const { capacity, wait, nowMs } = sceneOf(make)
    const offer = offerOf({ tokensPerDay: 1_000 })
    capacity.take(offer, { tokens: 1_000 })?.end('ok', { tokens: 1_000 })
    expect(capacity.whyFull(offer, { tokens: 1 }, nowMs())).toBe('day')
    expect(capacity.nextFreeMs(offer, { tokens: 1 })).toBe(2 * MINUTE_MS)
    expect(capacity.limitReached('l')).toEqual({ kind: 'day', untilMs: START_MS + 2 * MINUTE_MS })
    expect([...capacity.reached().keys()]).toEqual(['l'])
    wait(2 * MINUTE_MS - 1)
    expect(capacity.take(offer, { tokens: 1 })).toBeUndefined()
    wait(1)
    expect(capacity.limitReached('l')).toBeUndefined()
    expect(capacity.take(offer, { tokens: 1_000 })).toBeDefined()
  })

  test('money is taken at its worst case and given back at the end, so that the month is not passed by a nano', () => {
    const { capacity, wait, nowMs } = sceneOf(make)
    const offer = offerOf({ nanosPerMonth: 1_000n })
    const first = capacity.take(offer, { tokens: 1, costNanos: 900n })
    // Set aside and not spent: it may come back any moment, so nobody is sent away until the first of the month.
    expect(capacity.nextFreeMs(offer, { tokens: 1, costNanos: 101n })).toBe(1_000)
    expect(capacity.limitReached('l')).toBeUndefined()
    first?.end('ok', { tokens: 1, costNanos: 100n })
    capacity.take(offer, { tokens: 1, costNanos: 860n })?.end('ok', { tokens: 1, costNanos: 860n })
    expect(capacity.whyFull(offer, { tokens: 1, costNanos: 41n }, nowMs())).toBe('month')
    expect(capacity.nextFreeMs(offer, { tokens: 1, costNanos: 1_001n })).toBe(Number.POSITIVE_INFINITY)
    wait(2 * MINUTE_MS)
    expect(capacity.take(offer, { tokens: 1, costNanos: 1_000n })).toBeDefined()
  })

  test('what is left of a nearly spent day is not dribbled away: the listing rests once it has had to refuse', () => {
    const { capacity, nowMs } = sceneOf(make)
    const offer = offerOf({ tokensPerDay: 1_000 })
    capacity.take(offer, { tokens: 960 })?.end('ok', { tokens: 960 })
    expect(capacity.roomAt(offer, { tokens: 30 }, nowMs())).toBeGreaterThan(0)
    expect(capacity.take(offer, { tokens: 50 })).toBeUndefined()
    expect(capacity.limitReached('l')?.kind).toBe('day')
    expect(capacity.take(offer, { tokens: 30 })).toBeUndefined()
    // The seller raises it: not spent any more.
    expect(capacity.take(offerOf({ tokensPerDay: 2_000 }), { tokens: 50 })).toBeDefined()
    expect(capacity.limitReached('l')).toBeUndefined()
  })

  test('a request that runs over midnight counts for the day in which it began', () => {
    const { capacity, wait } = sceneOf(make)
    const offer = offerOf({ tokensPerDay: 1_000, nanosPerDay: 500n })
    const lease = capacity.take(offer, { tokens: 1_000, costNanos: 500n })
    wait(3 * MINUTE_MS)
    lease?.end('ok', { tokens: 1_000, costNanos: 500n })
    expect(capacity.take(offer, { tokens: 1_000, costNanos: 500n })).toBeDefined()
    expect(capacity.take(offer, { tokens: 1 })).toBeUndefined()
  })

  test('what was billed before a restart counts, each model for itself and for the listing', () => {
    const spent = (model: string, tokens: number) => ({
      listingId: 'l',
      model,
      atMs: START_MS - HOUR_MS,
      day: { tokens, nanos: 10n },
      month: { tokens: 10 * tokens, nanos: 100n },
    })
    const scene = sceneOf(make, { spent: [spent('m', 300), spent('n', 500)] })
    const whole = { tokensPerDay: 1_000 }
    expect(scene.capacity.take(offerOf(whole), { tokens: 201 })).toBeUndefined()
    expect(scene.capacity.take(offerOf(whole, { tokensPerDay: 450 }), { tokens: 151 })).toBeUndefined()
    expect(scene.capacity.take(offerOf(whole, { tokensPerDay: 450 }), { tokens: 150 })).toBeDefined()
    expect(scene.capacity.take(offerOf({ tokensPerMonth: 8_150 }), { tokens: 1 })).toBeUndefined()
    expect(
      scene.capacity.take(offerOf({ nanosPerMonth: 200n }), { tokens: 1, costNanos: 1n }),
    ).toBeUndefined()
  })
}

function roomIsTold(make: MakeCapacity): void {
  test('headroom is the scarcest of what a listing and its model have left', () => {
    const { capacity, nowMs } = sceneOf(make)
    const offer = offerOf({ requestsPerMinute: 10, tokensPerMinute: 1_000, concurrency: 4 })
    expect(capacity.roomAt(offer, { tokens: 10 }, nowMs())).toBe(1)
    expect(capacity.fillOf(offer, nowMs())).toBe(0)
    capacity.take(offer, { tokens: 600 })
    expect(capacity.roomAt(offer, { tokens: 10 }, nowMs())).toBeCloseTo(0.4)
    expect(capacity.fillOf(offer, nowMs())).toBeCloseTo(0.6)
    const narrow = { ...offer, modelCapacity: { tokensPerDay: 800 } }
    expect(capacity.fillOf(narrow, nowMs())).toBeCloseTo(0.75)
    expect(capacity.roomAt(offer, { tokens: 401 }, nowMs())).toBe(-61_000)
    expect(capacity.roomAt({ listingId: 'other', model: 'm' }, { tokens: 1e9 }, nowMs())).toBe(1)
  })

  test('a request larger than a listing ever takes is told so, before and after the listing was used', () => {
    const { capacity, nowMs } = sceneOf(make)
    for (const limits of [{ tokensPerMinute: 100 }, { tokensPerDay: 100 }, { nanosPerMonth: 100n }]) {
      for (const offer of [offerOf(limits), { ...offerOf({}, limits), listingId: 'm' }]) {
        const load = { tokens: 101, costNanos: 101n }
        expect(capacity.nextFreeMs(offer, load)).toBe(Number.POSITIVE_INFINITY)
        expect(capacity.roomAt(offer, load, nowMs())).toBe(Number.NEGATIVE_INFINITY)
        capacity.take(offer, { tokens: 1 })
        expect(capacity.nextFreeMs(offer, load)).toBe(Number.POSITIVE_INFINITY)
      }
    }
  })

  test('a listing in its slow start takes a share of its places, and always one', () => {
    const { capacity } = sceneOf(make)
    const offer = offerOf({ concurrency: 10 })
    const taken = [0, 1, 2].map(() => capacity.take(offer, { tokens: 1, share: 0.2 }))
    expect(taken.map((lease) => lease !== undefined)).toEqual([true, true, false])
    const small = { listingId: 'small', model: 'm', concurrency: 2 }
    expect(capacity.take(small, { tokens: 1, share: 0.1 })).toBeDefined()
  })

  test('an operator sees what of each limit is used, the fullest listing first', () => {
    const { capacity } = sceneOf(make)
    capacity.take({ listingId: 'idle', model: 'm', concurrency: 9 }, { tokens: 5 })
    capacity.take(offerOf({ concurrency: 2, tokensPerDay: 100 }, { nanosPerDay: 50n }), {
      tokens: 40,
      costNanos: 5n,
    })
    expect(capacity.state(1)).toEqual([
      {
        listingId: 'l',
        running: 1,
        fill: 0.5,
        headroom: 0.5,
        limits: { concurrency: { used: 1, limit: 2 }, tokensPerDay: { used: 40, limit: 100 } },
        models: [
          {
            model: 'm',
            running: 1,
            fill: expect.closeTo(0.1),
            limits: { nanosPerDay: { used: 5n, limit: 50n } },
          },
        ],
      },
    ])
    expect(capacity.state(9).map(({ listingId }) => listingId)).toEqual(['l', 'idle'])
  })
}
