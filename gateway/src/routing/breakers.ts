/**
 * Which offers are open, half-open or closed. opossum holds the open/closed state and the rolling counts, one breaker
 * per listing × model, made at its first failure; it is told each outcome once, when the attempt is over. Our machine
 * (health.ts) decides: where opossum comes to another state, it is driven to ours. No other file knows opossum.
 *
 * What a breaker cannot know from its own outcomes (its provider, our network, its speed) is surroundings.ts.
 */
import { EventEmitter } from 'node:events'
import CircuitBreaker from 'opossum'
import type { Clock } from '../platform/clock.ts'
import type { Metrics } from '../platform/metrics.ts'
import type { OutcomeClass, UpstreamFailure } from '../providers/outcome.ts'
import {
  complete,
  type EjectedBy,
  failureWeight,
  type Health,
  healthy,
  isSettled,
  type Ticket as ListingTicket,
  pardoned,
  probe,
  probeAtMs,
  slowStart,
} from './health.ts'
import { registerHealthMetrics } from './health-metrics.ts'
import type { OriginTicket } from './origin-health.ts'
import { createShareEjections } from './share-ejections.ts'
import { openStanding, type Standing, withOrigin } from './standing.ts'
import { createSurroundings, type Ended, type Judged } from './surroundings.ts'

/** Listings × models with a record. A record without trouble is a few words, so this is a bound on memory, not on use. */
const MAX_RECORDS = 50_000

const ROLLING_MS = 60_000
const ROLLING_BUCKETS = 6
const BUCKET_MS = ROLLING_MS / ROLLING_BUCKETS
// Longest delay a timer takes: opossum must never half-open by itself, that lease is ours to give.
const NEVER_MS = 2 ** 31 - 1

export interface BreakerView {
  offerId: string
  state: Health['state']
  ejections: number
  untilMs: number | undefined
  /** opossum's counts over the last minute. */
  fires: number
  failures: number
}

/** What begins an attempt: of the listing, and of its origin when that has a record. */
export interface Ticket extends ListingTicket {
  origin?: OriginTicket
}

export interface Breakers {
  standing(offer: Judged): Standing
  /** Begins an attempt; `undefined` when the breaker of the offer or of its origin does not let it through. */
  begin(offer: Judged, options?: { force?: boolean }): Ticket | undefined
  /** Tells what the attempt came to, once; returns what it is judged to be. */
  end(offer: Judged, ticket: Ticket, event: Ended): OutcomeClass
  /** True when a refusal may be the listing's fault, so that it is worth asking another. */
  isDoubtful(offer: Judged, failure: UpstreamFailure): boolean
  /** True while nothing has failed there since its last success. */
  isProven(offer: Judged): boolean
  originOf(offer: Judged): string
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
  offer: Judged
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
  /** All offers of a model, whatever their state. */
  offersFor?: (model: string) => readonly Judged[]
  /** Origins of known vendors, by which they are named in metrics; the others are summed. */
  knownOrigins?: ReadonlySet<string>
  metrics?: Pick<Metrics, 'samples' | 'gauge' | 'counter'>
  /** Told of each change of state. */
  onChange?: (change: BreakerChange) => void
  onListenerError?: (error: unknown) => void
  maxRecords?: number
}

const alwaysClosed: Standing = { state: 'closed', share: 1, places: 1 }
const firstTicket: Ticket = { epoch: 0 }
const nobody: readonly Judged[] = []

export function createBreakers(deps: BreakersDeps): Breakers {
  const { clock, random, onChange, onListenerError } = deps
  const { offersFor = () => nobody, maxRecords = MAX_RECORDS } = deps
  const records = new Map<string, Record>()
  const byShare = createShareEjections()
  const ejections = new Map<EjectedBy | 'probe', number>()
  const around = createSurroundings({
    monotonicMs: () => clock.monotonicMs(),
    random,
    offersFor,
    isListingOpen: ({ id }) => records.get(id)?.shell?.circuit.opened === true,
    pardon,
  })

  function standing(offer: Judged): Standing {
    const record = records.get(offer.id)
    const nowMs = clock.monotonicMs()
    const own = record?.shell?.circuit.opened ? openStanding(record.health) : undefined
    const origin = around.originStanding(offer, nowMs)
    if (origin) return withOrigin(own, { ...origin, reason: 'origin' })
    return own ?? closedStanding(offer, record, nowMs)
  }

  function closedStanding({ id }: Judged, record: Record | undefined, nowMs: number): Standing {
    const starting = record ? slowStart(record.health, nowMs) : 1
    const slowness = around.weightOf(id)
    const pace = around.placesOf(id)
    if (starting === 1 && slowness === 1 && pace === 1) return alwaysClosed
    const reason = starting < 1 ? 'slow_start' : slowness < 1 ? 'slow' : undefined
    const places = starting * pace
    return { state: 'closed', share: places * slowness, places, ...(reason ? { reason } : {}) }
  }

  function begin(offer: Judged, { force = false } = {}): Ticket | undefined {
    const record = records.get(offer.id)
    const nowMs = clock.monotonicMs()
    const isOpen = record?.shell?.circuit.opened === true
    // Asked before the origin, so that a listing that is not due does not use up the origin's probe.
    if (isOpen && nowMs < probeAtMs(record.health, force)) return undefined
    const origin = around.beginAtOrigin(offer, { force, nowMs })
    if (origin === 'refused') return undefined
    const ticket = isOpen ? probeTicket(record, { nowMs, force }) : ticketOf(record)
    return ticket && origin ? { ...ticket, origin } : ticket
  }

  function probeTicket(record: Record, { nowMs, force }: { nowMs: number; force: boolean }) {
    const asked = probe(record.health, { nowMs, force })
    change(record, asked.health)
    return asked.ticket
  }

  function end(offer: Judged, ticket: Ticket, event: Ended): OutcomeClass {
    const nowMs = clock.monotonicMs()
    // Compared with what it was before this answer became part of it.
    const slow = ticket.leaseId !== undefined && around.isSlowProbe(offer, event)
    const judged = around.judge(offer, ticket.origin, event, nowMs)
    const outcome = around.isFrozen(offer, ticket.origin, nowMs) ? 'own_fault' : judged
    const verdict = { outcome, status: event.status }
    const weight = failureWeight(verdict)
    const record = records.get(offer.id) ?? (weight ? open(offer) : undefined)
    if (!record) return judged
    const opened = finish(record, ticket, { verdict, slow, nowMs })
    if (isSettled(record.health)) dismantle(record)
    else if (weight !== undefined) tell(record, weight, nowMs)
    if (opened) around.listingOpened(offer, nowMs)
    return judged
  }

  /** Takes the machine's step; true when it opened. */
  function finish(
    record: Record,
    ticket: Ticket,
    { verdict, slow, nowMs }: { verdict: Ended; slow: boolean; nowMs: number },
  ): boolean {
    const before = record.health
    const { model } = record.offer
    const offers = offersFor(model).length
    const spared = byShare.spares(model, offers)
    const at = { nowMs, jitter: random(), alone: offers === 1, spared, slow }
    const next = complete(before, { ...verdict, ticket, ...at })
    change(record, next)
    if (next.state !== 'open' || before.state === 'open') return false
    const why = before.state === 'half_open' ? 'probe' : next.by
    ejections.set(why, (ejections.get(why) ?? 0) + 1)
    return before.state === 'closed'
  }

  function open(offer: Judged): Record {
    if (records.size >= maxRecords) evict()
    const record: Record = { offer, health: healthy, shell: undefined }
    records.set(offer.id, record)
    return record
  }

  /** Forgets the oldest record without trouble; if all have some, the oldest. */
  function evict(): void {
    let [victim] = records.values()
    for (const record of records.values()) {
      if (record.shell !== undefined) continue
      victim = record
      break
    }
    if (victim === undefined) return
    dismantle(victim)
    byShare.note(victim.offer, healthy)
    records.delete(victim.offer.id)
  }

  function pardon({ sinceMs, origin }: { sinceMs: number; origin?: string }): void {
    for (const record of records.values()) {
      if (origin !== undefined && around.originOf(record.offer) !== origin) continue
      change(
        record,
        pardoned(record.health, origin === undefined ? { sinceMs, only: 'network' } : { sinceMs }),
      )
      if (isSettled(record.health)) dismantle(record)
    }
  }

  /** Enters the machine's next state and brings opossum to it at once. */
  function change(record: Record, next: Health): void {
    const { offer, health } = record
    record.health = next
    if (next.state === health.state) return
    if (next.state !== 'closed') record.shell ??= shellAt(clock.monotonicMs())
    drive(record)
    if (next.state === 'closed' && record.shell) forgetCounts(record.shell)
    byShare.note(offer, next)
    tellOf({ offerId: offer.id, from: health.state, to: next.state })
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

  registerHealthMetrics(deps.metrics, { records, around, ejections, knownOrigins: deps.knownOrigins })

  return {
    standing,
    begin,
    end,
    isDoubtful: around.isDoubtful,
    isProven: ({ id }) => isProven(records.get(id)?.health),
    originOf: around.originOf,
    state: (limit) => viewOf(records, limit),
    close() {
      for (const record of records.values()) dismantle(record)
      records.clear()
    },
  }
}

function isProven(health: Health | undefined): boolean {
  return health === undefined || (health.state === 'closed' && health.consecutive === 0)
}

function ticketOf(record: Record | undefined): Ticket {
  return record && record.health.epoch > 0 ? { epoch: record.health.epoch } : firstTicket
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
