import { expect, test } from 'vitest'
import type { OutcomeClass } from '../providers/outcome.ts'
import {
  breakerRules,
  complete,
  type Health,
  healthy,
  isSettled,
  probe,
  probeAtMs,
  slowStart,
  type Ticket,
} from './health.ts'

/** One listing × model under the machine, with a clock of its own. */
function listing() {
  let health: Health = healthy
  let nowMs = 1_000_000
  const here = {
    get health() {
      return health
    },
    get nowMs() {
      return nowMs
    },
    wait(ms: number) {
      nowMs += ms
    },
    begin(): Ticket {
      return { epoch: health.epoch }
    },
    probe(force = false): Ticket | undefined {
      const asked = probe(health, { nowMs, force })
      health = asked.health
      return asked.ticket
    },
    end(
      ticket: Ticket,
      outcome: OutcomeClass,
      { jitter = 0.5, alone = false as boolean, spared = alone as boolean, status = 500, slow = false } = {},
    ) {
      health = complete(health, { outcome, status, ticket, nowMs, jitter, alone, spared, slow })
    },
    run(...outcomes: OutcomeClass[]) {
      for (const outcome of outcomes) here.end(here.begin(), outcome)
    },
    trip() {
      here.run(...repeat('server_error', 5))
    },
    /** Waits until a probe is due and runs it. */
    probeNow(outcome: OutcomeClass) {
      here.wait(Math.max(0, probeAtMs(health) - nowMs))
      here.end(here.probe() as Ticket, outcome)
    },
    recover() {
      for (let count = 0; count < breakerRules.closeAfterOk; count += 1) here.probeNow('ok')
    },
  }
  return here
}

const repeat = (outcome: OutcomeClass, count: number) => Array<OutcomeClass>(count).fill(outcome)

test('five failures in a row open it, four and a success do not', () => {
  const one = listing()
  one.run(...repeat('server_error', 4), 'ok', ...repeat('timeout', 4))
  expect(one.health.state).toBe('closed')
  one.run('malformed')
  expect(one.health.state).toBe('open')
})

test('three failed connections in a row open it', () => {
  const one = listing()
  one.run('network', 'network', 'ok', 'network', 'network', 'server_error', 'network', 'ok')
  expect(one.health.state).toBe('closed')
  one.run('network', 'network', 'network')
  expect(one.health.state).toBe('open')
})

test('being overloaded counts a quarter: twenty in a row open it', () => {
  const one = listing()
  one.run(...repeat('overloaded', 19))
  expect(one.health.state).toBe('closed')
  one.run('overloaded')
  expect(one.health.state).toBe('open')
})

test('half of the last ten failing opens it, unless it is the only listing of its model', () => {
  const mixed = Array.from(
    { length: 10 },
    (_, index): OutcomeClass => (index % 2 === 0 ? 'server_error' : 'ok'),
  )
  const one = listing()
  one.run(...mixed.slice(0, 9))
  expect(one.health.state).toBe('closed')
  one.run('server_error')
  expect(one.health.state).toBe('open')
  const only = listing()
  for (const outcome of [...mixed, ...mixed]) only.end(only.begin(), outcome, { alone: true })
  expect(only.health.state).toBe('closed')
})

test('failures older than five minutes are forgotten', () => {
  const one = listing()
  for (let count = 0; count < 6; count += 1) one.run('server_error', 'server_error', 'ok')
  expect(one.health.state).toBe('open')
  const slow = listing()
  for (let count = 0; count < 40; count += 1) {
    slow.run('server_error', 'ok')
    slow.wait(70_000)
  }
  expect(slow.health.state).toBe('closed')
})

test('what a buyer does wrong, a client that leaves, and our own faults say nothing about a listing', () => {
  const one = listing()
  one.run(...repeat('server_error', 4))
  const before = one.health
  const neutral: OutcomeClass[] = [
    'user_error',
    'client_gone',
    'own_fault',
    'rate_limited',
    'key_rejected',
    'model_refused',
    'quota_exhausted',
  ]
  for (let count = 0; count < 10; count += 1) one.run(...neutral)
  expect(one.health).toBe(before)
})

// opossum (a): failures were counted when they ended and calls when they began, so twenty calls slower than its
// window left it closed.
test('a listing that hangs longer than any window still trips it', () => {
  const one = listing()
  for (let count = 0; count < 5; count += 1) {
    const ticket = one.begin()
    one.wait(60_000)
    one.end(ticket, 'timeout')
  }
  expect(one.health.state).toBe('open')
})

// opossum (b): a filtered error is emitted as a success and closes a half-open breaker.
test("a buyer's bad request during a probe does not re-open a dead listing to everyone", () => {
  const one = listing()
  one.trip()
  for (let count = 0; count < 5; count += 1) one.probeNow('user_error')
  one.probeNow('client_gone')
  expect(one.health.state).toBe('half_open')
  one.probeNow('ok')
  expect(one.health.state).toBe('half_open')
})

// opossum (c): a success from before the trip closed a half-open breaker.
test('streams from before the trip neither close nor lengthen anything', () => {
  const one = listing()
  const before = one.begin()
  one.trip()
  const open = one.health
  one.end(before, 'ok')
  one.end(before, 'server_error')
  expect(one.health).toBe(open)
  one.wait(20_000)
  one.probe()
  const halfOpen = one.health
  for (let count = 0; count < 5; count += 1) one.end(before, 'ok')
  one.end(before, 'server_error')
  expect(one.health).toBe(halfOpen)
})

// opossum (d): a probe that hung rejected every request for ever.
test('a probe that hangs is replaced when its lease runs out, and says nothing any more', () => {
  const one = listing()
  one.trip()
  one.wait(20_000)
  const hung = one.probe() as Ticket
  for (let second = 0; second < 64; second += 1) {
    one.wait(1_000)
    expect(one.probe()).toBeUndefined()
  }
  one.wait(1_000)
  const next = one.probe() as Ticket
  expect(next).toBeDefined()
  one.end(hung, 'server_error')
  expect(one.health.state).toBe('half_open')
  one.end(next, 'ok')
  one.end(next, 'ok')
  one.end(next, 'ok')
  expect(one.health.state).toBe('half_open')
})

test('one probe a second, and three good ones close it', () => {
  const one = listing()
  one.trip()
  one.wait(9_999)
  expect(one.probe()).toBeUndefined()
  one.wait(1)
  one.end(one.probe() as Ticket, 'ok')
  one.wait(999)
  expect(one.probe()).toBeUndefined()
  one.wait(1)
  one.end(one.probe() as Ticket, 'ok')
  one.wait(1_000)
  one.end(one.probe() as Ticket, 'ok')
  expect(one.health.state).toBe('closed')
})

// opossum (h): one success closed it fully, the opening time was fixed, and one failure re-opened it.
test('each opening in a row is longer, up to five minutes, and a minute of health takes one back', () => {
  const one = listing()
  one.trip()
  const lengths: number[] = []
  for (let count = 0; count < 40; count += 1) {
    if (one.health.state !== 'open') throw new Error('must be open')
    lengths.push(one.health.untilMs - one.nowMs)
    one.probeNow('server_error')
  }
  expect(lengths.slice(0, 3)).toEqual([10_000, 20_000, 30_000])
  expect(lengths.at(-1)).toBe(300_000)
  one.recover()
  one.run('server_error')
  expect(one.health.state).toBe('closed')
  const ejections = one.health.ejections
  one.wait(180_000)
  one.run('ok', 'server_error')
  expect(one.health.ejections).toBe(ejections - 3)
})

test('the opening time is spread by a fifth, so that nodes do not come back together', () => {
  const lengths = [0, 0.999].map((jitter) => {
    const one = listing()
    for (let count = 0; count < 5; count += 1) one.end(one.begin(), 'server_error', { jitter })
    return one.health.state === 'open' ? one.health.untilMs - one.nowMs : 0
  })
  expect(lengths[0]).toBe(8_000)
  expect(lengths[1]).toBeGreaterThan(11_900)
  expect(lengths[1]).toBeLessThanOrEqual(12_000)
})

test('a listing that came back gets a tenth of its traffic, and all of it after a minute', () => {
  const one = listing()
  one.trip()
  expect(slowStart(one.health, one.nowMs)).toBe(0)
  one.recover()
  expect(slowStart(one.health, one.nowMs)).toBeCloseTo(0.1)
  one.wait(30_000)
  expect(slowStart(one.health, one.nowMs)).toBeCloseTo(0.55)
  one.wait(30_000)
  expect(slowStart(one.health, one.nowMs)).toBe(1)
})

test('in panic an ejected listing may be probed early; failing then does not lengthen its ejection', () => {
  const one = listing()
  one.trip()
  const { health } = one
  if (health.state !== 'open') throw new Error('must be open')
  one.wait(1_000)
  expect(one.probe()).toBeUndefined()
  one.end(one.probe(true) as Ticket, 'server_error')
  expect(one.health).toMatchObject({ state: 'open', untilMs: health.untilMs, ejections: 1 })
  one.wait(999)
  expect(one.probe(true)).toBeUndefined()
  one.wait(1)
  one.end(one.probe(true) as Ticket, 'ok')
  one.probeNow('ok')
  one.probeNow('ok')
  expect(one.health.state).toBe('closed')
})

test('a listing that has been well for long is as if it had never failed', () => {
  const one = listing()
  one.trip()
  one.recover()
  for (let count = 0; count < 30; count += 1) {
    one.wait(10_000)
    one.run('ok')
  }
  expect(isSettled(one.health)).toBe(true)
  expect(one.health.epoch).toBeGreaterThan(0)
  const settled = one.health
  one.run('ok')
  expect(one.health).toBe(settled)
})
