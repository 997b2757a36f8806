/**
 * The breaker of one listing × model as a pure machine: a state, an event, the time, and out comes the next state.
 * It reads no clock, draws no number and keeps nothing, so that it can be run against anything that claims to agree.
 *
 * An attempt carries the epoch in which it began. What it came to counts only while that epoch lasts: a stream from
 * before the trip neither closes nor opens anything.
 */
import type { OutcomeClass } from '../providers/outcome.ts'

/** reliability.md §6.3. */
export const breakerRules = {
  openAfterConsecutive: 5,
  openAfterConsecutiveNetwork: 3,
  ringSize: 20,
  ringMinimum: 10,
  ringMaxAgeMs: 300_000,
  openAtFailedShare: 0.5,
  openMs: 10_000,
  openMaxMs: 300_000,
  openJitter: 0.2,
  ejectionDecayMs: 60_000,
  probeEveryMs: 1_000,
  /** The first-byte limit of the longest kind of request plus five seconds. */
  probeLeaseMs: 65_000,
  closeAfterOk: 3,
  /**
   * What a success counts towards closing when its first content took more than twice as long as it used to. Not
   * nothing: being slow alone must not keep a listing out for good.
   */
  slowOk: 0.25,
  /** In panic an ejected listing gets at most this share of the traffic it had, one probe a second at the most. */
  panicShare: 0.1,
  panicEveryMaxMs: 10_000,
  slowStartMs: 60_000,
  slowStartFrom: 0.1,
} as const

/** What an attempt came to; `status` when the upstream answered with one. */
export interface Verdict {
  outcome: OutcomeClass
  status?: number | undefined
}

/** How much of a failure an outcome is; what is not listed says nothing about the listing. */
const failureWeights: Partial<Record<OutcomeClass, number>> = {
  ok: 0,
  server_error: 1,
  network: 1,
  timeout: 1,
  malformed: 1,
  overloaded: 0.25,
}

/** 0 for a success, up to 1 for a failure; `undefined` for what says nothing about the listing. */
export function failureWeight({ outcome, status }: Verdict): number | undefined {
  const isHalf = outcome === 'server_error' && (status === 408 || status === 409 || status === 425)
  return isHalf ? 0.5 : failureWeights[outcome]
}

/** Why a listing was ejected: failures in a row, failed connections in a row, or a bad share of its last answers. */
export type EjectedBy = 'consecutive' | 'network' | 'share'

interface Completion {
  atMs: number
  /** 0 for a success, 1 for a failure. */
  weight: number
}

interface Common {
  /** Grows with every change of state. */
  epoch: number
  /** How often it was opened without a healthy time between; a minute of health takes one off. */
  ejections: number
  healthySinceMs: number
}

interface Ejected extends Common {
  by: EjectedBy
  untilMs: number
  probedAtMs: number
  /** How far apart panic may probe it before `untilMs`. */
  panicEveryMs: number
}

export type Health =
  | (Common & {
      state: 'closed'
      /** Failures in a row, in whole, half and quarter failures. */
      consecutive: number
      consecutiveNetwork: number
      ring: readonly Completion[]
      /** When it was last closed; `undefined` when it has never been open. */
      closedAtMs?: number
    })
  | (Ejected & { state: 'open' })
  | (Ejected & {
      state: 'half_open'
      /** Successes in a row, in whole and quarter successes. */
      okInRow: number
      /** Probes granted in this epoch; the last one's number is its lease. */
      leases: number
      lease?: { id: number; expiresAtMs: number }
      /** Entered while the pool was in panic: failing then says nothing new, so it does not lengthen the next opening. */
      forced: boolean
    })

/** What begins an attempt: its epoch, and the probe lease it holds, if any. */
export interface Ticket {
  epoch: number
  leaseId?: number
}

const clean: Extract<Health, { state: 'closed' }> = {
  state: 'closed',
  epoch: 0,
  ejections: 0,
  healthySinceMs: 0,
  consecutive: 0,
  consecutiveNetwork: 0,
  ring: [],
}

/** A listing that has never failed. */
export const healthy: Health = clean

export interface Completed extends Verdict {
  ticket: Ticket
  nowMs: number
  /** 0 ≤ jitter < 1, spreads the opening time. */
  jitter: number
  /** The only listing that offers the model: nobody covers for it, so panic may probe it once a second. */
  alone: boolean
  /** A bad share alone does not open it: it is the only one, or half of its pool is out for that already. */
  spared: boolean
  /** The first content took more than twice as long as it used to. */
  slow?: boolean
}

/** The state after an attempt ended. */
export function complete(health: Health, event: Completed): Health {
  const weight = failureWeight(event)
  if (event.ticket.epoch !== health.epoch) return health
  if (health.state === 'open') return health
  if (health.state === 'half_open') return completeProbe(health, event, weight)
  if (weight === undefined) return health
  return weight === 0 ? succeed(health, event.nowMs) : fail(health, event, weight)
}

/**
 * The state after asking for a probe, and the ticket if one is granted: one a second once the opening time is over,
 * and the next only when the last has ended or its lease has run out. `force` asks before that time (panic).
 */
export function probe(
  health: Health,
  { nowMs, force = false }: { nowMs: number; force?: boolean },
): { health: Health; ticket?: Ticket } {
  if (health.state === 'closed') return { health }
  if (nowMs < probeAtMs(health, force)) return { health }
  const half = health.state === 'half_open' ? health : halfOpened(health, nowMs)
  const lease = { id: half.leases + 1, expiresAtMs: nowMs + breakerRules.probeLeaseMs }
  const next: Health = { ...half, probedAtMs: nowMs, leases: lease.id, lease }
  return { health: next, ticket: { epoch: half.epoch, leaseId: lease.id } }
}

/** When the next probe may be asked for; `-Infinity` when none is needed. */
export function probeAtMs(health: Health, force = false): number {
  if (health.state === 'closed') return Number.NEGATIVE_INFINITY
  const nextMs = health.probedAtMs + breakerRules.probeEveryMs
  const panicMs = Math.min(health.probedAtMs + health.panicEveryMs, Math.max(nextMs, health.untilMs))
  if (health.state === 'open') return force ? panicMs : Math.max(nextMs, health.untilMs)
  const dueMs = health.forced ? panicMs : nextMs
  return health.lease ? Math.max(dueMs, health.lease.expiresAtMs) : dueMs
}

/**
 * The state without what befell it since `sinceMs`, when that turns out not to be its fault: its provider or our own
 * network was down. Attempts that were under way then count for nothing.
 */
export function pardoned(health: Health, { sinceMs, only }: { sinceMs: number; only?: EjectedBy }): Health {
  if (health.state === 'closed') {
    if (only === 'network' && health.consecutiveNetwork === 0) return health
    const ring = health.ring.filter(({ atMs, weight }) => weight === 0 || atMs < sinceMs)
    if (ring.length === health.ring.length) return health
    return { ...health, ring, epoch: health.epoch + 1, consecutive: 0, consecutiveNetwork: 0 }
  }
  if (health.healthySinceMs < sinceMs || (only !== undefined && health.by !== only)) return health
  const { epoch, ejections, healthySinceMs } = health
  return { ...clean, epoch: epoch + 1, ejections: Math.max(0, ejections - 1), healthySinceMs }
}

/** The share of its normal traffic a listing should get: 0 unless closed, growing for a minute after it was. */
export function slowStart(health: Health, nowMs: number): number {
  if (health.state !== 'closed') return 0
  if (health.closedAtMs === undefined) return 1
  const { slowStartFrom, slowStartMs } = breakerRules
  const grown = Math.min(1, Math.max(0, nowMs - health.closedAtMs) / slowStartMs)
  return slowStartFrom + (1 - slowStartFrom) * grown
}

/** True for a listing that is as if it had never failed: its record may be dropped, but for the epoch. */
export function isSettled(health: Health): boolean {
  return health.state === 'closed' && health.ring.length === 0 && health.closedAtMs === undefined
}

type Closed = Extract<Health, { state: 'closed' }>
type Open = Extract<Health, { state: 'open' }>
type HalfOpen = Extract<Health, { state: 'half_open' }>

function halfOpened(health: Open, nowMs: number): HalfOpen {
  return {
    ...health,
    state: 'half_open',
    epoch: health.epoch + 1,
    okInRow: 0,
    leases: 0,
    forced: nowMs < health.untilMs,
  }
}

function completeProbe(health: HalfOpen, event: Completed, weight: number | undefined): Health {
  // Only the probe that holds the lease speaks: one that outlived its lease has been replaced.
  if (health.lease === undefined || event.ticket.leaseId !== health.lease.id) return health
  const { lease: _ended, ...released } = health
  if (weight === undefined) return released
  if (weight > 0) return reopen(health, event)
  const okInRow = health.okInRow + (event.slow ? breakerRules.slowOk : 1)
  if (okInRow < breakerRules.closeAfterOk) return { ...released, okInRow }
  const { epoch, ejections } = health
  return { ...clean, epoch: epoch + 1, ejections, healthySinceMs: event.nowMs, closedAtMs: event.nowMs }
}

/** A failed probe: open again, for longer; after a probe that panic forced, for as long as it would have been. */
function reopen(health: HalfOpen, { nowMs, jitter }: Completed): Health {
  const { epoch, ejections, healthySinceMs, by, untilMs, probedAtMs, panicEveryMs } = health
  if (!health.forced || health.okInRow > 0) {
    return opened(health, { ejections: ejections + 1, nowMs, jitter, by, probedAtMs, panicEveryMs })
  }
  const same = { ejections, healthySinceMs, by, untilMs, probedAtMs, panicEveryMs }
  return { state: 'open', epoch: epoch + 1, ...same }
}

function succeed(health: Closed, nowMs: number): Health {
  // A listing without a record keeps none for its successes: its next failure begins one.
  if (isSettled(health)) return health
  const ring = pushed(health.ring, { atMs: nowMs, weight: 0 })
  const troubled = ring.some(({ weight }) => weight > 0) || slowStart(health, nowMs) < 1
  if (!troubled && decayed(health, nowMs) === 0) return { ...clean, epoch: health.epoch }
  return { ...health, consecutive: 0, consecutiveNetwork: 0, ring }
}

function fail(health: Closed, event: Completed, weight: number): Health {
  const { nowMs } = event
  const ring = pushed(health.ring, { atMs: nowMs, weight })
  const consecutive = health.consecutive + weight
  const consecutiveNetwork = event.outcome === 'network' ? health.consecutiveNetwork + 1 : 0
  const ejections = decayed(health, nowMs)
  const next: Closed = { ...health, consecutive, consecutiveNetwork, ring, ejections, healthySinceMs: nowMs }
  const by = ejectedBy(next, event.spared)
  if (by === undefined) return next
  return opened(health, {
    ejections: ejections + 1,
    nowMs,
    jitter: event.jitter,
    by,
    probedAtMs: nowMs,
    panicEveryMs: event.alone ? breakerRules.probeEveryMs : panicEveryMs(ring),
  })
}

function ejectedBy(
  { consecutive, consecutiveNetwork, ring }: Closed,
  spared: boolean,
): EjectedBy | undefined {
  if (consecutiveNetwork >= breakerRules.openAfterConsecutiveNetwork) return 'network'
  if (consecutive >= breakerRules.openAfterConsecutive) return 'consecutive'
  return !spared && isMostlyFailing(ring) ? 'share' : undefined
}

/** A tenth of the rate at which its last answers came. */
function panicEveryMs(ring: readonly Completion[]): number {
  const { panicShare, panicEveryMaxMs, probeEveryMs } = breakerRules
  const [first, last] = [ring[0], ring.at(-1)]
  if (!first || !last || ring.length < 2) return panicEveryMaxMs
  const gapMs = (last.atMs - first.atMs) / (ring.length - 1)
  return Math.min(panicEveryMaxMs, Math.max(probeEveryMs, gapMs / panicShare))
}

function opened(
  health: Health,
  {
    nowMs,
    jitter,
    ...ejected
  }: Pick<Ejected, 'ejections' | 'by' | 'probedAtMs' | 'panicEveryMs'> & { nowMs: number; jitter: number },
): Health {
  const { openMs, openMaxMs, openJitter } = breakerRules
  const spread = 1 - openJitter + 2 * openJitter * jitter
  return {
    state: 'open',
    epoch: health.epoch + 1,
    healthySinceMs: nowMs,
    untilMs: nowMs + Math.round(Math.min(openMaxMs, openMs * ejected.ejections) * spread),
    ...ejected,
  }
}

function decayed(health: Closed, nowMs: number): number {
  const healthyMinutes = Math.floor((nowMs - health.healthySinceMs) / breakerRules.ejectionDecayMs)
  return Math.max(0, health.ejections - healthyMinutes)
}

/** The ring holds completions, not starts: a call that hangs longer than any time window still counts when it ends. */
function pushed(ring: readonly Completion[], completion: Completion): readonly Completion[] {
  const { ringSize, ringMaxAgeMs } = breakerRules
  const fresh = ring.filter(({ atMs }) => atMs > completion.atMs - ringMaxAgeMs)
  return [...fresh.slice(-(ringSize - 1)), completion]
}

function isMostlyFailing(ring: readonly Completion[]): boolean {
  if (ring.length < breakerRules.ringMinimum) return false
  const failed = ring.reduce((total, { weight }) => total + weight, 0)
  return failed >= ring.length * breakerRules.openAtFailedShare
}
