// What opossum did wrong when it was measured (reliability.md §6.6), each held against our machine; and what a breaker
// owes to sellers and buyers (§6.8). Some are shown again, closer to the machine, in health.test.ts.
import { expect, test, vi } from 'vitest'
import { behindOneProvider, judged, makeHealth } from '../../test/support/health.ts'

const listing = judged('a')
const others = ['b', 'c', 'd', 'e'].map((id) => judged(id))
const market = [listing, ...others]

async function settle(): Promise<void> {
  for (let turn = 0; turn < 6; turn += 1) await Promise.resolve()
}

test('6.6 a: twenty calls slower than any window trip it all the same', () => {
  const health = makeHealth(market)
  const tickets = Array.from({ length: 20 }, () => health.begin(listing))
  health.wait(120_000)
  for (const ticket of tickets) if (ticket) health.end(listing, ticket, 'timeout')
  expect(health.stateOf(listing)).toBe('open')
})

test("6.6 b: a buyer's 400 during a probe closes nothing", () => {
  const health = makeHealth(market)
  health.trip(listing)
  for (let probes = 0; probes < 20; probes += 1) health.probe(listing, { outcome: 'user_error', status: 400 })
  expect(health.stateOf(listing)).toBe('half_open')
})

test('6.6 c: a success from before the trip closes nothing', () => {
  const health = makeHealth(market)
  const streams = Array.from({ length: 5 }, () => health.begin(listing))
  health.trip(listing)
  health.probe(listing, 'client_gone')
  for (const ticket of streams) if (ticket) health.end(listing, ticket, 'ok')
  expect(health.stateOf(listing)).toBe('half_open')
})

test('6.6 d and BRK-14: a probe that hangs is replaced after the longest first byte and five seconds', () => {
  const health = makeHealth(market)
  health.trip(listing)
  health.wait(12_000)
  expect(health.begin(listing)).toBeDefined()
  let waitedMs = 0
  while (health.begin(listing) === undefined) {
    health.wait(500)
    waitedMs += 500
    if (waitedMs > 600_000) throw new Error('it is rejected for ever')
  }
  expect(waitedMs).toBe(65_000)
})

test('6.6 e: one attempt that runs out of time takes no sibling with it', () => {
  const health = makeHealth(market)
  const [first, ...siblings] = Array.from({ length: 6 }, () => health.begin(listing))
  if (first) health.end(listing, first, 'timeout')
  for (const ticket of siblings) expect(ticket && health.end(listing, ticket, 'ok')).toBe('ok')
  expect(health.stateOf(listing)).toBe('closed')
})

test('6.6 f: the opening time runs from the opening, however long the breaker was there before', () => {
  const health = makeHealth(market, { random: () => 0.5 })
  health.run(listing, 'server_error', 'ok')
  health.wait(240_000)
  health.trip(listing)
  expect(health.breakers.standing(listing)).toMatchObject({ untilMs: health.clock.monotonicMs() + 10_000 })
  expect(health.begin(listing)).toBeUndefined()
})

test('6.6 g: a listener that throws fails nothing', async () => {
  const heard: string[] = []
  const health = makeHealth(market, {
    onChange: ({ to }) => {
      heard.push(to)
      throw new Error('metrics are broken')
    },
  })
  health.trip(listing)
  await settle()
  health.recover(listing)
  await settle()
  expect(heard).toEqual(['open', 'half_open', 'closed'])
  expect(health.stateOf(listing)).toBe('closed')
})

test('6.6 h: it does not flap: three successes close it, it comes back slowly, and opens for longer each time', () => {
  const health = makeHealth(market, { random: () => 0.5 })
  health.trip(listing)
  health.probe(listing, 'ok')
  health.probe(listing, 'ok')
  expect(health.stateOf(listing)).toBe('half_open')
  health.probe(listing, 'ok')
  expect(health.breakers.standing(listing)).toMatchObject({
    state: 'closed',
    share: 0.1,
    reason: 'slow_start',
  })
  health.run(listing, 'server_error')
  expect(health.stateOf(listing)).toBe('closed')
  health.trip(listing)
  expect(health.breakers.standing(listing)).toMatchObject({ untilMs: health.clock.monotonicMs() + 20_000 })
})

test('6.6 i: an attempt that timed out is over for the breaker, and what ends later is not counted again', () => {
  const health = makeHealth(market)
  const ticket = health.begin(listing)
  for (let times = 0; times < 4; times += 1) health.run(listing, 'timeout')
  expect(health.stateOf(listing)).toBe('closed')
  health.run(listing, 'timeout')
  expect(health.stateOf(listing)).toBe('open')
  const before = health.breakers.standing(listing)
  if (ticket) health.end(listing, ticket, 'timeout')
  expect(health.breakers.standing(listing)).toEqual(before)
})

test('6.6 j: ten thousand healthy offers have no breaker, and a thousand that failed lately no timer', () => {
  vi.useFakeTimers()
  try {
    const many = behindOneProvider(10_000).map((offer, index) => ({
      ...offer,
      baseUrl: `https://h${index}.test`,
    }))
    const health = makeHealth(many, { offersFor: () => many })
    for (const offer of many) health.run(offer, 'ok')
    expect(health.breakers.state(1)).toEqual([])
    for (const offer of many.slice(0, 1_000)) health.run(offer, 'server_error', 'ok', 'server_error')
    expect(health.breakers.state(2_000)).toHaveLength(1_000)
    expect(vi.getTimerCount()).toBe(0)
  } finally {
    vi.useRealTimers()
  }
})

test('6.6 k: a hundred failures in one instant leave it neither stuck open nor open to a flood', async () => {
  const health = makeHealth(market)
  const tickets = Array.from({ length: 100 }, () => health.begin(listing))
  for (const ticket of tickets) if (ticket) health.end(listing, ticket, 'server_error')
  await settle()
  health.wait(12_000)
  const admitted = Array.from({ length: 100 }, () => health.begin(listing)).filter(
    (ticket) => ticket !== undefined,
  )
  expect(admitted).toHaveLength(1)
  if (admitted[0]) health.end(listing, admitted[0], 'ok')
  health.recover(listing)
  await settle()
  expect(health.stateOf(listing)).toBe('closed')
})

test('6.6 l: what breaks after the headers is seen, because an attempt is told at its end', () => {
  const health = makeHealth(market)
  for (let times = 0; times < 5; times += 1)
    health.run(listing, { outcome: 'server_error', ttftMs: 200, durationMs: 30_000 })
  expect(health.stateOf(listing)).toBe('open')
})

test('BRK-01 and 02: an outcome counts once for its attempt, and a time of 0 is a time', () => {
  const health = makeHealth(market)
  for (let times = 0; times < 4; times += 1)
    health.run(listing, { outcome: 'timeout', ttftMs: 0, durationMs: 0, status: 0 })
  expect(health.breakers.state(1)[0]).toMatchObject({ state: 'closed', fires: 4 })
})

test('a 408, 409 or 425 is half a failure: ten in a row open it', () => {
  for (const status of [408, 409, 425]) {
    const health = makeHealth(market)
    for (let times = 0; times < 9; times += 1) health.run(listing, { outcome: 'server_error', status })
    expect(health.stateOf(listing)).toBe('closed')
    health.run(listing, { outcome: 'server_error', status })
    expect(health.stateOf(listing)).toBe('open')
  }
})

test('probes that begin to answer much later than the listing used to hardly count', () => {
  const health = makeHealth(market)
  const usual = { outcome: 'ok', ttftMs: 300, durationMs: 2_000 } as const
  health.run(listing, ...Array.from({ length: 10 }, () => usual))
  health.trip(listing)
  for (let probes = 0; probes < 3; probes += 1)
    health.probe(listing, { outcome: 'ok', ttftMs: 5_000, durationMs: 9_000 })
  expect(health.stateOf(listing)).toBe('half_open')
  for (let probes = 0; probes < 3; probes += 1) health.probe(listing, usual)
  expect(health.stateOf(listing)).toBe('closed')
})

test('at most half of a pool is ejected for a bad share of answers, and never the last', () => {
  for (const [size, ejected] of [
    [1, 0],
    [2, 1],
    [3, 1],
    [8, 4],
  ] as const) {
    const pool = Array.from({ length: size }, (_, index) => judged(`p${index}`))
    const health = makeHealth(pool)
    for (let round = 0; round < 30; round += 1)
      for (const offer of pool) health.run(offer, round % 2 === 0 ? 'server_error' : 'ok')
    expect(pool.filter((offer) => health.stateOf(offer) !== 'closed')).toHaveLength(ejected)
  }
})

test('panic gives an ejected listing a tenth of the traffic it had, at most one request a second', () => {
  for (const [gapMs, everyMs] of [
    [20, 1_000],
    [400, 4_000],
    [30_000, 10_000],
  ] as const) {
    const health = makeHealth(market, { random: () => 0.99 })
    for (let times = 0; times < 5; times += 1) {
      health.wait(gapMs)
      health.run(listing, 'server_error')
    }
    health.wait(everyMs - 1)
    expect(health.begin(listing, true)).toBeUndefined()
    health.wait(1)
    expect(health.begin(listing, true)).toBeDefined()
  }
})

test('BRK-15: our own stall ejects nobody', () => {
  const health = makeHealth(market)
  const running = market.flatMap((offer) =>
    Array.from({ length: 20 }, () => ({ offer, ticket: health.begin(offer) })),
  )
  health.wait(2_000)
  for (const { offer, ticket } of running) if (ticket) health.end(offer, ticket, 'own_fault')
  for (const offer of market)
    expect(health.breakers.standing(offer)).toEqual({ state: 'closed', share: 1, places: 1 })
})

test('BRK-16: a wall clock that jumps by an hour either way leaves nobody stuck', () => {
  for (const jumpMs of [3_600_000, -3_600_000]) {
    const health = makeHealth(market)
    health.trip(listing)
    health.turnWallClock(jumpMs)
    expect(health.begin(listing)).toBeUndefined()
    health.wait(12_000)
    health.recover(listing)
    expect(health.stateOf(listing)).toBe('closed')
    health.turnWallClock(-jumpMs)
    health.wait(60_000)
    expect(health.breakers.standing(listing)).toEqual({ state: 'closed', share: 1, places: 1 })
  }
})

test('BRK-20: the only listing of a model is never ejected for a share, and is tried every second when it is down', () => {
  const health = makeHealth([listing])
  for (let times = 0; times < 100; times += 1) health.run(listing, 'server_error', 'ok')
  expect(health.stateOf(listing)).toBe('closed')
  health.trip(listing)
  for (let second = 0; second < 5; second += 1) {
    health.wait(1_000)
    const ticket = health.begin(listing, true)
    expect(ticket).toBeDefined()
    if (ticket) health.end(listing, ticket, 'server_error')
    expect(health.begin(listing, true)).toBeUndefined()
  }
})
