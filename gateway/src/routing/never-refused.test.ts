/** Our traffic never causes a seller's 429, and leaves little of what he may serve unused: against vendors who count. */
import { expect, test } from 'vitest'
import { type StrictLimits, StrictUpstream, type Visit } from '../../test/support/strict-upstream.ts'
import { SlidingWindow } from '../limits/sliding-window.ts'
import { type Capacity, createCapacity } from './capacity.ts'
import type { Lease } from './lease.ts'
import { randomOf } from './seeded-random.ts'

const MINUTES = 8
const END_MS = MINUTES * 60_000
const TOKENS = 500

type Take = (seller: number) => Lease | undefined
type MakeTake = (limits: readonly StrictLimits[], clock: { nowMs(): number; monotonicMs(): number }) => Take

/** What we do: see capacity.ts. */
const ours: MakeTake = (limits, clock) => {
  const capacity: Capacity = createCapacity({ clock })
  const offers = limits.map((own, index) => ({ listingId: `seller-${index}`, model: 'm', ...own }))
  return (seller) => {
    const offer = offers[seller]
    return offer && capacity.take(offer, { tokens: TOKENS })
  }
}

/** The same with a minute that is a minute to the bit: right by our own clock. */
const withoutGuard: MakeTake = (limits, clock) => {
  const windows = limits.map(({ requestsPerMinute = 1e9 }) => new SlidingWindow(requestsPerMinute))
  return (seller) =>
    windows[seller]?.take(1, clock.monotonicMs()).ok
      ? { end: () => undefined, renew: () => undefined, undo: () => undefined }
      : undefined
}

/** Bursts of hundreds of requests at three sellers, each of which reaches its vendor a little later than we sent it. */
function burst(limits: readonly StrictLimits[], make: MakeTake, seed: string) {
  const random = randomOf(seed)
  let nowMs = 0
  const vendors = limits.map((own) => new StrictUpstream(own))
  const take = make(limits, { nowMs: () => nowMs, monotonicMs: () => nowMs })
  const events = new Events()
  let waiting = 0

  function dispatch(): void {
    for (let seller = 0; seller < vendors.length && waiting > 0; seller += 1) {
      for (
        let lease = waiting > 0 ? take(seller) : undefined;
        lease;
        lease = waiting > 0 ? take(seller) : undefined
      ) {
        waiting -= 1
        send(vendors[seller] as StrictUpstream, lease)
      }
    }
  }

  function send(vendor: StrictUpstream, lease: Lease): void {
    // Most take the same way; one in ten has its first packet lost.
    const lateMs = random() < 0.1 ? 900 : 20 + 60 * random()
    events.add(nowMs + lateMs, () => {
      const visit = vendor.arrive(nowMs, TOKENS)
      if (!visit) return lease.end('rate_limited')
      if (random() < 0.05) leaves(vendor, visit, lease)
      else answers(vendor, visit, lease)
    })
  }

  function answers(vendor: StrictUpstream, visit: Visit, lease: Lease): void {
    const used = Math.ceil(TOKENS * (0.2 + 0.8 * random()))
    events.add(nowMs + 1_000 + 6_000 * random(), () => {
      vendor.leave(visit, nowMs, used)
      events.add(nowMs + 50 * random(), () => lease.end('ok', { tokens: used }))
    })
  }

  /** The client hangs up: we end it, and the vendor hears of it later. */
  function leaves(vendor: StrictUpstream, visit: Visit, lease: Lease): void {
    events.add(nowMs + 3_000 * random(), () => {
      lease.end('client_gone', { tokens: TOKENS })
      events.add(nowMs + 200 * random(), () => vendor.leave(visit, nowMs, TOKENS))
    })
  }

  for (let atMs = 0; atMs < END_MS; atMs += 4_000) {
    events.add(atMs, () => {
      waiting = Math.min(2_000, waiting + 100 + Math.floor(400 * random()))
    })
  }
  // As the waiting room does: whoever waits is looked at when something came free, or should have.
  for (let atMs = 0; atMs < END_MS; atMs += 50) events.add(atMs, () => undefined)
  events.run((atMs) => {
    nowMs = atMs
  }, dispatch)
  return vendors
}

class Events {
  readonly #due = new Map<number, (() => void)[]>()

  add(atMs: number, what: () => void): void {
    const time = Math.ceil(atMs)
    const there = this.#due.get(time)
    if (there) there.push(what)
    else {
      this.#due.set(time, [what])
    }
  }

  run(setTime: (atMs: number) => void, after: () => void): void {
    for (let ms = 0; ms < END_MS; ms += 1) {
      const due = this.#due.get(ms)
      if (!due) continue
      setTime(ms)
      for (const what of due) what()
      after()
      this.#due.delete(ms)
    }
  }
}

const sellers = (limits: StrictLimits) => [limits, limits, limits]
const scarce: [string, StrictLimits, (vendor: StrictUpstream) => number][] = [
  [
    'requests per minute',
    { requestsPerMinute: 300, tokensPerMinute: 1_000_000, concurrency: 400 },
    (vendor) => vendor.servedBetween(0, END_MS).requests / (300 * MINUTES),
  ],
  [
    'tokens per minute',
    { requestsPerMinute: 5_000, tokensPerMinute: 60_000, concurrency: 400 },
    (vendor) => vendor.servedBetween(0, END_MS).tokens / (60_000 * MINUTES),
  ],
  [
    'requests at once',
    { requestsPerMinute: 50_000, tokensPerMinute: 100_000_000, concurrency: 40 },
    (vendor) => vendor.busyMs / (40 * END_MS),
  ],
]

test.each(scarce)(
  'where %s are scarce, no vendor ever refuses, and nine tenths are used',
  (name, limits, share) => {
    for (let seed = 0; seed < 4; seed += 1) {
      for (const vendor of burst(sellers(limits), ours, `${name} ${seed}`)) {
        expect(vendor.refused).toEqual([])
        expect(share(vendor)).toBeGreaterThanOrEqual(0.9)
        expect(share(vendor)).toBeLessThanOrEqual(1)
      }
    }
  },
)

test('a minute without a second to spare is refused for what reaches the vendor early', () => {
  const limits = sellers({ requestsPerMinute: 300 })
  const refused = [0, 1, 2, 3].flatMap((seed) =>
    burst(limits, withoutGuard, `requests per minute ${seed}`).flatMap((vendor) => vendor.refused),
  )
  expect(refused.length).toBeGreaterThan(0)
})
