import CircuitBreaker from 'opossum'
import { afterEach, expect, test, vi } from 'vitest'
import type { OutcomeClass } from '../providers/outcome.ts'
import { type Breakers, createBreakers } from './breakers.ts'
import type { Ticket } from './health.ts'
import type { Judged } from './surroundings.ts'

let nowMs = 0
/** Each of a seller of its own, all behind one provider. */
const offer = (id: string): Judged => ({
  id,
  listingId: `of ${id}`,
  sellerOrganisationId: `seller of ${id}`,
  model: 'test/model',
  baseUrl: 'https://provider.test/v1',
})
const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs }
const opened: Breakers[] = []
afterEach(() => {
  for (const breakers of opened.splice(0)) breakers.close()
})

function open(options: Partial<Parameters<typeof createBreakers>[0]> = {}): Breakers {
  nowMs = 1_000_000
  const breakers = createBreakers({ clock, random: () => 0.5, ...options })
  opened.push(breakers)
  return breakers
}

function run(breakers: Breakers, offerId: string, ...outcomes: OutcomeClass[]): void {
  for (const outcome of outcomes) {
    const ticket = breakers.begin(offer(offerId))
    if (ticket) breakers.end(offer(offerId), ticket, { outcome })
  }
}

/** Lets opossum's promises settle: it reaches its own conclusion a few microtasks after being told. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 6; turn += 1) await Promise.resolve()
}

const failures = (count: number) => Array<OutcomeClass>(count).fill('server_error')

test('a listing that never failed has no breaker, and costs none', () => {
  const fire = vi.spyOn(CircuitBreaker.prototype, 'fire')
  const breakers = open()
  for (let count = 0; count < 1_000; count += 1) run(breakers, 'a', 'ok')
  expect(breakers.state(10)).toEqual([])
  expect(fire).not.toHaveBeenCalled()
})

test('opossum holds the state: it is told each outcome once, opens with the machine and closes with it', async () => {
  const fire = vi.spyOn(CircuitBreaker.prototype, 'fire')
  const circuitOpen = vi.spyOn(CircuitBreaker.prototype, 'open')
  const circuitClose = vi.spyOn(CircuitBreaker.prototype, 'close')
  const changes: string[] = []
  const breakers = open({ onChange: ({ from, to }) => changes.push(`${from}>${to}`) })
  run(breakers, 'a', ...failures(5))
  expect(fire).toHaveBeenCalledTimes(5)
  expect(circuitOpen).toHaveBeenCalled()
  expect(breakers.standing(offer('a'))).toMatchObject({ state: 'open', probeAtMs: nowMs + 10_000 })
  expect(breakers.begin(offer('a'))).toBeUndefined()
  for (let probes = 0; probes < 3; probes += 1) {
    nowMs += 10_000
    run(breakers, 'a', 'ok')
    await settle()
  }
  expect(circuitClose).toHaveBeenCalled()
  expect(breakers.standing(offer('a'))).toMatchObject({ state: 'closed' })
  expect(changes).toEqual(['closed>open', 'open>half_open', 'half_open>closed'])
})

test('where opossum would open and the machine would not, it is closed again', async () => {
  const breakers = open({ offersFor: () => [offer('a')] })
  // Failing 6 of 10, never 5 in a row, on the only listing: opossum's own rule says open.
  const mixed: OutcomeClass[] = [...failures(3), 'ok', ...failures(3), 'ok', 'ok', ...failures(3)]
  const circuitOpen = vi.spyOn(CircuitBreaker.prototype, 'open')
  for (const outcome of mixed) {
    const ticket = breakers.begin(offer('a')) as Ticket
    breakers.end(offer('a'), ticket, { outcome })
    await settle()
  }
  expect(circuitOpen).toHaveBeenCalled()
  expect(breakers.standing(offer('a'))).toMatchObject({ state: 'closed' })
  expect(breakers.begin(offer('a'))).toBeDefined()
})

test('a breaker whose listing recovered does not carry its old failures into the next one', async () => {
  const breakers = open()
  run(breakers, 'a', ...failures(5))
  await settle()
  for (let probes = 0; probes < 3; probes += 1) {
    nowMs += 10_000
    run(breakers, 'a', 'ok')
    await settle()
  }
  run(breakers, 'a', 'server_error')
  await settle()
  expect(breakers.standing(offer('a')).state).toBe('closed')
  // The last probe and the new failure: the five of before are gone.
  expect(breakers.state(1)[0]).toMatchObject({ fires: 2, failures: 1 })
})

// opossum (g): an exception in a listener turned a good call into a failed one. Ours runs outside of it.
test('a listener that throws does not turn a success into a failure', async () => {
  const breakers = open({
    onChange: () => {
      throw new Error('metrics are broken')
    },
  })
  run(breakers, 'a', ...failures(5))
  await settle()
  expect(breakers.standing(offer('a')).state).toBe('open')
  for (let probes = 0; probes < 3; probes += 1) {
    nowMs += 10_000
    run(breakers, 'a', 'ok')
  }
  expect(breakers.standing(offer('a')).state).toBe('closed')
})

test('no timer runs for a breaker, and a breaker without trouble is taken down', async () => {
  vi.useFakeTimers()
  try {
    const breakers = open()
    run(breakers, 'a', 'server_error')
    expect(vi.getTimerCount()).toBe(0)
    for (let count = 0; count < 21; count += 1) run(breakers, 'a', 'ok')
    expect(breakers.state(10)).toEqual([])
  } finally {
    vi.useRealTimers()
  }
})

test('memory is bounded: the record of a listing without trouble goes first', () => {
  const breakers = open({ maxRecords: 2 })
  run(breakers, 'a', ...failures(5))
  run(breakers, 'b', 'server_error', ...Array<OutcomeClass>(21).fill('ok'))
  run(breakers, 'c', ...failures(5))
  expect(breakers.state(10).map(({ offerId }) => offerId)).toEqual(['a', 'c'])
  run(breakers, 'd', ...failures(5))
  expect(breakers.state(10).map(({ offerId }) => offerId)).toEqual(['c', 'd'])
})

test('a stream that began before a trip and a recovery counts for nothing after them', () => {
  const breakers = open()
  run(breakers, 'a', 'server_error')
  const old = breakers.begin(offer('a')) as Ticket
  run(breakers, 'a', ...failures(5))
  for (let probes = 0; probes < 3; probes += 1) {
    nowMs += 10_000
    run(breakers, 'a', 'ok')
  }
  for (let count = 0; count < 30; count += 1) {
    nowMs += 20_000
    run(breakers, 'a', 'ok')
  }
  expect(breakers.state(1)).toEqual([])
  for (let count = 0; count < 5; count += 1) breakers.end(offer('a'), old, { outcome: 'server_error' })
  expect(breakers.standing(offer('a')).state).toBe('closed')
})
