import CircuitBreaker from 'opossum'
import { afterEach, expect, test, vi } from 'vitest'
import type { OutcomeClass } from '../providers/outcome.ts'
import { type Breakers, createBreakers } from './breakers.ts'
import type { Ticket } from './health.ts'
import { randomOf } from './rank.ts'

let nowMs = 0
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
    const ticket = breakers.begin(offerId)
    if (ticket) breakers.end(offerId, ticket, { outcome })
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
  expect(breakers.standing('a')).toMatchObject({ state: 'open', probeAtMs: nowMs + 10_000 })
  expect(breakers.begin('a')).toBeUndefined()
  for (let probes = 0; probes < 3; probes += 1) {
    nowMs += 10_000
    run(breakers, 'a', 'ok')
    await settle()
  }
  expect(circuitClose).toHaveBeenCalled()
  expect(breakers.standing('a')).toMatchObject({ state: 'closed' })
  expect(changes).toEqual(['closed>open', 'open>half_open', 'half_open>closed'])
})

test('where opossum would open and the machine would not, it is closed again', async () => {
  const breakers = open()
  // Failing 6 of 10, never 5 in a row, on the only listing: opossum's own rule says open.
  const mixed: OutcomeClass[] = [...failures(3), 'ok', ...failures(3), 'ok', 'ok', ...failures(3)]
  const circuitOpen = vi.spyOn(CircuitBreaker.prototype, 'open')
  for (const outcome of mixed) {
    const ticket = breakers.begin('a') as Ticket
    breakers.end('a', ticket, { outcome, alone: true })
    await settle()
  }
  expect(circuitOpen).toHaveBeenCalled()
  expect(breakers.standing('a')).toMatchObject({ state: 'closed' })
  expect(breakers.begin('a')).toBeDefined()
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
  expect(breakers.standing('a').state).toBe('closed')
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
  expect(breakers.standing('a').state).toBe('open')
  for (let probes = 0; probes < 3; probes += 1) {
    nowMs += 10_000
    run(breakers, 'a', 'ok')
  }
  expect(breakers.standing('a').state).toBe('closed')
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
  const old = breakers.begin('a') as Ticket
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
  for (let count = 0; count < 5; count += 1) breakers.end('a', old, { outcome: 'server_error' })
  expect(breakers.standing('a').state).toBe('closed')
})

/**
 * The rules of reliability.md §6.3 once more, written the slow way: it keeps every event and works the state out of
 * the whole history. It shares no code with the machine.
 */
class Reference {
  state: 'closed' | 'open' | 'half_open' = 'closed'
  private generation = 0
  private events: { atMs: number; outcome: OutcomeClass }[] = []
  private ejections = 0
  private sinceMs = 0
  private closedAtMs: number | undefined
  private untilMs = 0
  private probedAtMs = 0
  private probeSerial = 0
  private probe: { serial: number; expiresMs: number } | undefined
  private good = 0
  private forced = false
  private readonly jitter: () => number

  constructor(jitter: () => number) {
    this.jitter = jitter
  }

  begin(force: boolean): { generation: number; probe?: number } | undefined {
    if (this.state === 'closed') return { generation: this.generation }
    const tooSoon = nowMs - this.probedAtMs < 1_000
    const stillOpen = this.state === 'open' && nowMs < this.untilMs && !force
    const busy = this.state === 'half_open' && this.probe !== undefined && nowMs < this.probe.expiresMs
    if (tooSoon || stillOpen || busy) return undefined
    if (this.state === 'open') {
      this.forced = nowMs < this.untilMs
      this.enter('half_open')
      this.good = 0
    }
    this.probedAtMs = nowMs
    this.probeSerial += 1
    this.probe = { serial: this.probeSerial, expiresMs: nowMs + 65_000 }
    return { generation: this.generation, probe: this.probeSerial }
  }

  end(attempt: { generation: number; probe?: number }, outcome: OutcomeClass, alone: boolean): void {
    const jitter = this.jitter()
    if (attempt.generation !== this.generation || this.state === 'open') return
    const bad = ['server_error', 'timeout', 'malformed', 'network', 'overloaded'].includes(outcome)
    if (this.state === 'half_open') {
      if (attempt.probe !== this.probe?.serial) return
      this.probe = undefined
      if (outcome === 'ok') this.good += 1
      if (this.good === 3) {
        this.enter('closed')
        this.events = []
        this.sinceMs = nowMs
        this.closedAtMs = nowMs
      } else if (bad && this.forced && this.good === 0) this.enter('open')
      else if (bad) this.eject(this.ejections + 1, jitter)
      return
    }
    if (outcome === 'ok') this.succeed()
    else if (bad) this.fail(outcome, alone, jitter)
  }

  private succeed(): void {
    if (this.events.length === 0 && this.closedAtMs === undefined) return
    this.events.push({ atMs: nowMs, outcome: 'ok' })
    const grown = this.closedAtMs === undefined || nowMs - this.closedAtMs >= 60_000
    if (grown && this.decayed() === 0 && this.recent().every(({ outcome }) => outcome === 'ok')) {
      this.events = []
      this.closedAtMs = undefined
      this.ejections = 0
      this.sinceMs = 0
    }
  }

  private fail(outcome: OutcomeClass, alone: boolean, jitter: number): void {
    this.events.push({ atMs: nowMs, outcome })
    this.ejections = this.decayed()
    this.sinceMs = nowMs
    const lastOk = this.events.findLastIndex((event) => event.outcome === 'ok')
    const row = this.events.slice(lastOk + 1)
    const inRow = row.reduce((sum, event) => sum + (event.outcome === 'overloaded' ? 0.25 : 1), 0)
    const network = row.length - 1 - row.findLastIndex((event) => event.outcome !== 'network')
    const recent = this.recent()
    const share = recent.reduce((sum, event) => sum + weigh(event.outcome), 0) / recent.length
    const mostly = !alone && recent.length >= 10 && share >= 0.5
    if (inRow >= 5 || network >= 3 || mostly) {
      this.probedAtMs = nowMs
      this.eject(this.ejections + 1, jitter)
    }
  }

  private recent() {
    return this.events.filter(({ atMs }) => atMs > nowMs - 300_000).slice(-20)
  }

  private decayed(): number {
    return Math.max(0, this.ejections - Math.floor((nowMs - this.sinceMs) / 60_000))
  }

  private eject(ejections: number, jitter: number): void {
    this.enter('open')
    this.ejections = ejections
    this.sinceMs = nowMs
    this.untilMs = nowMs + Math.round(Math.min(300_000, 10_000 * ejections) * (0.8 + 0.4 * jitter))
  }

  private enter(state: Reference['state']): void {
    this.state = state
    this.generation += 1
    if (state === 'open') this.probe = undefined
  }
}

function weigh(outcome: OutcomeClass): number {
  if (outcome === 'ok') return 0
  return outcome === 'overloaded' ? 0.25 : 1
}

test('opossum under our machine agrees with a slow reference over 100,000 steps', {
  timeout: 60_000,
}, async () => {
  const seed = 'breakers-1'
  const random = randomOf(seed)
  const ours = randomOf('jitter')
  const theirs = randomOf('jitter')
  const breakers = open({ random: ours })
  const reference = new Reference(theirs)
  const outcomes: OutcomeClass[] = [
    'ok',
    'ok',
    'ok',
    'server_error',
    'timeout',
    'network',
    'overloaded',
    'malformed',
    'user_error',
    'client_gone',
    'rate_limited',
  ]
  let running: { ticket: Ticket; attempt: { generation: number; probe?: number } }[] = []
  let sick = false
  const seen = { open: 0, half_open: 0, closed: 0 }
  for (let step = 0; step < 100_000; step += 1) {
    if (random() < 0.01) sick = !sick
    nowMs += Math.floor(random() ** 8 * (random() < 0.002 ? 400_000 : 3_000))
    const alone = random() < 0.3
    if (random() < 0.55) {
      const force = random() < 0.02
      const ticket = breakers.begin('a', { force })
      const attempt = reference.begin(force)
      if ((ticket === undefined) !== (attempt === undefined))
        throw new Error(`step ${step} of seed ${seed}: another admission`)
      if (ticket && attempt) running.push({ ticket, attempt })
    } else if (running.length > 0) {
      // Mostly the newest: the oldest are streams that outlive openings and recoveries.
      const at = Math.floor(random() ** 0.1 * running.length)
      const { ticket, attempt } = running.splice(at, 1)[0] as (typeof running)[number]
      const outcome = sick ? (outcomes[Math.floor(random() * outcomes.length)] as OutcomeClass) : 'ok'
      // A breaker without a record draws no jitter for an outcome that makes none.
      const drawsJitter = hasRecord(breakers) || (weigh(outcome) > 0 && !NEUTRAL.has(outcome))
      breakers.end('a', ticket, { outcome, alone })
      if (drawsJitter) {
        recorded.add(breakers)
        reference.end(attempt, outcome, alone)
      }
      await settle()
    }
    if (running.length > 40) running = running.slice(0, 20)
    const { state } = breakers.standing('a')
    if (state !== reference.state)
      throw new Error(`step ${step} of seed ${seed}: ${state}, not ${reference.state}`)
    seen[state] += 1
  }
  // The walk must have been through every state, or it has shown nothing.
  expect(Math.min(seen.open, seen.half_open, seen.closed)).toBeGreaterThan(1_000)
})

const NEUTRAL: ReadonlySet<OutcomeClass> = new Set(['user_error', 'client_gone', 'rate_limited'])
const recorded = new WeakSet<Breakers>()
const hasRecord = (breakers: Breakers) => recorded.has(breakers)
