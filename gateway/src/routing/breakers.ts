/**
 * Which listings are open, half-open or closed. opossum holds the open/closed state and the rolling counts, one
 * breaker per listing × model, made at its first failure; it is told each outcome once, when the attempt is over.
 * Our machine (health.ts) decides: where opossum comes to another state, it is driven to ours. No other file
 * knows opossum.
 */
import { EventEmitter } from 'node:events'
import CircuitBreaker from 'opossum'
import type { Clock } from '../platform/clock.ts'
import type { OutcomeClass } from '../providers/outcome.ts'
import {
  complete,
  failureWeight,
  type Health,
  healthy,
  isSettled,
  probe,
  probeAtMs,
  slowStart,
  type Ticket,
} from './health.ts'

/** Listings × models with a record. A record without trouble is a few words, so this is a bound on memory, not on use. */
const MAX_RECORDS = 50_000

const ROLLING_MS = 60_000
const ROLLING_BUCKETS = 6
const BUCKET_MS = ROLLING_MS / ROLLING_BUCKETS
// Longest delay a timer takes: opossum must never half-open by itself, that lease is ours to give.
const NEVER_MS = 2 ** 31 - 1

export type Standing =
  | { state: 'closed'; share: number }
  /** Soft: may be probed from `probeAtMs`, in panic from `forcedProbeAtMs`. Both on the monotonic clock. */
  | { state: 'open' | 'half_open'; probeAtMs: number; forcedProbeAtMs: number; untilMs: number }

export interface BreakerView {
  offerId: string
  state: Health['state']
  ejections: number
  untilMs: number | undefined
  /** opossum's counts over the last minute. */
  fires: number
  failures: number
}

export interface Breakers {
  standing(offerId: string): Standing
  /** Begins an attempt; `undefined` when the breaker does not let it through. */
  begin(offerId: string, options?: { force?: boolean }): Ticket | undefined
  /** Tells what the attempt came to: once. */
  end(offerId: string, ticket: Ticket, event: { outcome: OutcomeClass; alone?: boolean }): void
  /** Breakers with trouble, at most `limit`. */
  state(limit: number): BreakerView[]
  close(): void
}

interface Shell {
  circuit: CircuitBreaker<[boolean], boolean>
  rotation: EventEmitter
  rotatedAtMs: number
  /** Parts of a failure that opossum, which counts in wholes, has not been told of. */
  owed: number
}

interface Record {
  health: Health
  shell: Shell | undefined
}

export interface BreakerChange {
  offerId: string
  from: Health['state']
  to: Health['state']
}

export interface BreakersDeps {
  clock: Clock
  /** 0 ≤ random() < 1, for the jitter of the opening time. */
  random: () => number
  /** Told of each change of state. */
  onChange?: (change: BreakerChange) => void
  onListenerError?: (error: unknown) => void
  maxRecords?: number
}

const alwaysClosed: Standing = { state: 'closed', share: 1 }
const firstTicket: Ticket = { epoch: 0 }

export function createBreakers({
  clock,
  random,
  onChange,
  onListenerError,
  maxRecords = MAX_RECORDS,
}: BreakersDeps): Breakers {
  const records = new Map<string, Record>()

  function standing(offerId: string): Standing {
    const record = records.get(offerId)
    if (!record) return alwaysClosed
    const { health, shell } = record
    if (!shell?.circuit.opened) return closedStanding(health, clock.monotonicMs())
    return {
      state: health.state === 'half_open' ? 'half_open' : 'open',
      probeAtMs: probeAtMs(health),
      forcedProbeAtMs: probeAtMs(health, true),
      untilMs: health.state === 'closed' ? Number.NEGATIVE_INFINITY : health.untilMs,
    }
  }

  function begin(offerId: string, { force = false } = {}): Ticket | undefined {
    const record = records.get(offerId)
    if (!record) return firstTicket
    if (!record.shell?.circuit.opened) return { epoch: record.health.epoch }
    const asked = probe(record.health, { nowMs: clock.monotonicMs(), force })
    change(offerId, record, asked.health)
    return asked.ticket
  }

  function end(offerId: string, ticket: Ticket, event: { outcome: OutcomeClass; alone?: boolean }): void {
    const weight = failureWeight[event.outcome]
    const record = records.get(offerId) ?? (weight ? open(offerId) : undefined)
    if (!record) return
    const nowMs = clock.monotonicMs()
    const { outcome, alone = false } = event
    change(offerId, record, complete(record.health, { outcome, ticket, nowMs, jitter: random(), alone }))
    if (isSettled(record.health)) dismantle(record)
    else if (weight !== undefined) tell(record, weight, nowMs)
  }

  function open(offerId: string): Record {
    if (records.size >= maxRecords) evict()
    const record: Record = { health: healthy, shell: undefined }
    records.set(offerId, record)
    return record
  }

  /** Forgets the oldest record without trouble; if all have some, the oldest. */
  function evict(): void {
    let victim: string | undefined
    for (const [offerId, record] of records) {
      victim ??= offerId
      if (record.shell === undefined) {
        victim = offerId
        break
      }
    }
    if (victim === undefined) return
    dismantle(records.get(victim) as Record)
    records.delete(victim)
  }

  /** Enters the machine's next state and brings opossum to it at once. */
  function change(offerId: string, record: Record, next: Health): void {
    const from = record.health.state
    record.health = next
    if (next.state === from) return
    if (next.state !== 'closed') record.shell ??= shellAt(clock.monotonicMs())
    drive(record)
    if (next.state === 'closed' && record.shell) forgetCounts(record.shell)
    tellOf({ offerId, from, to: next.state })
  }

  /** The state has changed whether or not somebody can be told: a listener's fault is not the upstream's. */
  function tellOf(event: BreakerChange): void {
    try {
      onChange?.(event)
    } catch (error) {
      onListenerError?.(error)
    }
  }

  /** Feeds one outcome to opossum and, when it has drawn its own conclusion, corrects it. */
  function tell(record: Record, weight: number, nowMs: number): void {
    record.shell ??= shellAt(nowMs)
    const shell = record.shell
    rotate(shell, nowMs)
    shell.owed += weight
    const failed = shell.owed >= 1
    if (failed) shell.owed -= 1
    else if (weight > 0) return
    const settled = () => {
      if (record.shell === shell) drive(record)
    }
    shell.circuit.fire(failed).then(settled, settled)
  }

  return {
    standing,
    begin,
    end,
    state: (limit) => viewOf(records, limit),
    close() {
      for (const record of records.values()) dismantle(record)
      records.clear()
    },
  }
}

function closedStanding(health: Health, nowMs: number): Standing {
  const share = slowStart(health, nowMs)
  return share === 1 ? alwaysClosed : { state: 'closed', share }
}

function shellAt(nowMs: number): Shell {
  // Its own rotation, turned by our clock when it is told something: no timer runs per breaker.
  const rotation = new EventEmitter()
  const circuit = new CircuitBreaker(recordOutcome, {
    timeout: false,
    resetTimeout: NEVER_MS,
    rollingCountTimeout: ROLLING_MS,
    rollingCountBuckets: ROLLING_BUCKETS,
    rollingPercentilesEnabled: false,
    enableSnapshots: false,
    rotateBucketController: rotation,
    volumeThreshold: 10,
    errorThresholdPercentage: 50,
  })
  return { circuit, rotation, rotatedAtMs: nowMs, owed: 0 }
}

const upstreamFailed = new Error('the upstream failed')

/** opossum's action: the attempt is over already, this only says how it went. */
function recordOutcome(failed: boolean): Promise<boolean> {
  return failed ? Promise.reject(upstreamFailed) : Promise.resolve(true)
}

function drive({ health, shell }: Record): void {
  if (!shell) return
  if (health.state === 'closed') {
    if (shell.circuit.opened) shell.circuit.close()
  } else if (!shell.circuit.opened) shell.circuit.open()
}

function rotate(shell: Shell, nowMs: number): void {
  const turns = Math.floor((nowMs - shell.rotatedAtMs) / BUCKET_MS)
  for (let turn = 0; turn < Math.min(turns, ROLLING_BUCKETS); turn += 1) shell.rotation.emit('rotate')
  if (turns > 0) shell.rotatedAtMs += turns * BUCKET_MS
}

/** A closed breaker starts with a clean record: old failures would open opossum at the next one. */
function forgetCounts(shell: Shell): void {
  for (let turn = 0; turn < ROLLING_BUCKETS; turn += 1) shell.rotation.emit('rotate')
  shell.owed = 0
}

function dismantle(record: Record): void {
  record.shell?.circuit.shutdown()
  record.shell = undefined
}

function viewOf(records: ReadonlyMap<string, Record>, limit: number): BreakerView[] {
  const views: BreakerView[] = []
  for (const [offerId, { health, shell }] of records) {
    if (!shell) continue
    if (views.length === limit) break
    const { fires, failures } = shell.circuit.stats
    const untilMs = health.state === 'closed' ? undefined : health.untilMs
    views.push({ offerId, state: health.state, ejections: health.ejections, untilMs, fires, failures })
  }
  return views
}
