import { expect, test } from 'vitest'
import type { OutcomeClass } from '../providers/outcome.ts'
import { createBreakers, type Ticket } from './breakers.ts'
import { randomOf } from './seeded-random.ts'
import type { Judged } from './surroundings.ts'

let nowMs = 0
const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs }
const offer: Judged = {
  id: 'a',
  listingId: 'a',
  sellerOrganisationId: 'seller',
  model: 'test/model',
  baseUrl: 'https://provider.test/v1',
}
const other: Judged = { ...offer, id: 'b', listingId: 'b' }

/** Lets opossum's promises settle: it reaches its own conclusion a few microtasks after being told. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 6; turn += 1) await Promise.resolve()
}

interface Told {
  outcome: OutcomeClass
  status?: number | undefined
  slow?: boolean
}

/**
 * The rules of reliability.md §6.3 once more, written the slow way: it keeps every event and works the state out of
 * the whole history. It shares no code with the machine.
 */
class Reference {
  state: 'closed' | 'open' | 'half_open' = 'closed'
  private generation = 0
  private events: (Told & { atMs: number })[] = []
  private ejections = 0
  private sinceMs = 0
  private closedAtMs: number | undefined
  private untilMs = 0
  private probedAtMs = 0
  private probeSerial = 0
  private probe: { serial: number; expiresMs: number } | undefined
  private good = 0
  private forced = false
  private panicEveryMs = 0
  private readonly jitter: () => number

  constructor(jitter: () => number) {
    this.jitter = jitter
  }

  begin(force: boolean): { generation: number; probe?: number } | undefined {
    if (this.state === 'closed') return { generation: this.generation }
    const early = nowMs < this.untilMs && (this.state === 'open' ? force : this.forced)
    const tooSoon = nowMs - this.probedAtMs < (early ? this.panicEveryMs : 1_000)
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

  end(
    attempt: { generation: number; probe?: number },
    { outcome, status, slow = false }: Told,
    alone: boolean,
  ): void {
    const jitter = this.jitter()
    if (attempt.generation !== this.generation || this.state === 'open') return
    const bad = ['server_error', 'timeout', 'malformed', 'network', 'overloaded'].includes(outcome)
    if (this.state === 'half_open') {
      if (attempt.probe !== this.probe?.serial) return
      this.probe = undefined
      if (outcome === 'ok') this.good += slow ? 0.25 : 1
      if (this.good >= 3) {
        this.enter('closed')
        this.events = []
        this.sinceMs = nowMs
        this.closedAtMs = nowMs
      } else if (bad && this.forced && this.good === 0) this.enter('open')
      else if (bad) this.eject(this.ejections + 1, jitter)
      return
    }
    if (outcome === 'ok') this.succeed()
    else if (bad) this.fail({ outcome, status }, alone, jitter)
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

  private fail(told: Told, alone: boolean, jitter: number): void {
    this.events.push({ ...told, atMs: nowMs })
    this.ejections = this.decayed()
    this.sinceMs = nowMs
    const lastOk = this.events.findLastIndex((event) => event.outcome === 'ok')
    const row = this.events.slice(lastOk + 1)
    const inRow = row.reduce((sum, event) => sum + weigh(event), 0)
    const network = row.length - 1 - row.findLastIndex((event) => event.outcome !== 'network')
    const recent = this.recent()
    const share = recent.reduce((sum, event) => sum + weigh(event), 0) / recent.length
    const mostly = !alone && recent.length >= 10 && share >= 0.5
    if (inRow >= 5 || network >= 3 || mostly) {
      this.probedAtMs = nowMs
      const spanMs = nowMs - (recent[0] as { atMs: number }).atMs
      const tenfoldGapMs = recent.length < 2 ? 10_000 : (10 * spanMs) / (recent.length - 1)
      this.panicEveryMs = alone ? 1_000 : Math.min(10_000, Math.max(1_000, tenfoldGapMs))
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

function weigh({ outcome, status }: Told): number {
  if (outcome === 'ok') return 0
  if (status === 409) return 0.5
  return outcome === 'overloaded' ? 0.25 : 1
}

const told: Told[] = [
  { outcome: 'ok' },
  { outcome: 'ok' },
  { outcome: 'ok' },
  { outcome: 'server_error', status: 500 },
  { outcome: 'server_error', status: 409 },
  { outcome: 'timeout' },
  { outcome: 'network' },
  { outcome: 'overloaded' },
  { outcome: 'malformed' },
  { outcome: 'user_error', status: 400 },
  { outcome: 'client_gone' },
  { outcome: 'rate_limited', status: 429 },
]
const NEUTRAL: ReadonlySet<OutcomeClass> = new Set(['user_error', 'client_gone', 'rate_limited'])

/** What the first content is compared with: kept by the test in its own way. */
function baseline() {
  const samples: number[] = []
  return {
    add: (ttftMs: number) => void samples.push(ttftMs),
    isSlow(ttftMs: number) {
      if (samples.length < 5) return false
      const average = samples.reduce((mean, each, at) => (at === 0 ? each : 0.9 * mean + 0.1 * each), 0)
      return ttftMs > 2 * average
    },
  }
}

interface Running {
  ticket: Ticket
  attempt: { generation: number; probe?: number }
}

/** Walks both through the same steps; throws at the first that they see differently. */
async function walk(seed: string, steps: number): Promise<Record<Reference['state'], number>> {
  const random = randomOf(seed)
  let pool: Judged[] = []
  nowMs = 1_000_000
  const breakers = createBreakers({ clock, random: randomOf('jitter'), offersFor: () => pool })
  const reference = new Reference(randomOf('jitter'))
  const speed = baseline()
  const seen = { open: 0, half_open: 0, closed: 0 }
  let running: Running[] = []
  let sick = false
  let hasRecord = false
  for (let step = 0; step < steps; step += 1) {
    if (random() < 0.01) sick = !sick
    nowMs += Math.floor(random() ** 8 * (random() < 0.002 ? 400_000 : 3_000))
    const alone = random() < 0.3
    pool = alone ? [offer] : [offer, other, other, other]
    if (random() < 0.55) {
      const force = random() < 0.02
      const ticket = breakers.begin(offer, { force })
      const attempt = reference.begin(force)
      if ((ticket === undefined) !== (attempt === undefined))
        throw new Error(`step ${step} of seed ${seed}: another admission`)
      if (ticket && attempt) running.push({ ticket, attempt })
    } else if (running.length > 0) {
      // Mostly the newest: the oldest are streams that outlive openings and recoveries.
      const at = Math.floor(random() ** 0.1 * running.length)
      const { ticket, attempt } = running.splice(at, 1)[0] as Running
      const event = sick ? (told[Math.floor(random() * told.length)] as Told) : ({ outcome: 'ok' } as const)
      const ttftMs = random() < 0.2 ? 5_000 : 100
      const slow = event.outcome === 'ok' && speed.isSlow(ttftMs)
      breakers.end(offer, ticket, { ...event, ttftMs, durationMs: 9_000 })
      if (event.outcome === 'ok') speed.add(ttftMs)
      // A listing without a record draws no jitter for an outcome that makes none.
      hasRecord ||= weigh(event) > 0 && !NEUTRAL.has(event.outcome)
      if (hasRecord) reference.end(attempt, { ...event, slow }, alone)
      await settle()
    }
    if (running.length > 40) running = running.slice(0, 20)
    const { state } = breakers.standing(offer)
    if (state !== reference.state)
      throw new Error(`step ${step} of seed ${seed}: ${state}, not ${reference.state}`)
    seen[state] += 1
  }
  breakers.close()
  return seen
}

test('opossum under our machine agrees with a slow reference over 100,000 steps', {
  timeout: 60_000,
}, async () => {
  const seen = await walk('breakers-1', 100_000)
  // The walk must have been through every state, or it has shown nothing.
  expect(Math.min(seen.open, seen.half_open, seen.closed)).toBeGreaterThan(1_000)
})
