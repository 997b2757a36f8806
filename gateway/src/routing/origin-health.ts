/**
 * The breaker of one origin (a provider's host, with all listings behind it) as a pure machine, like health.ts for a
 * listing. When the provider itself is down its sellers are not to blame: while it is open or half-open, nothing that
 * happens there counts against a listing.
 */
import { failureWeight, type Verdict } from './health.ts'

/** reliability.md §6.3, the origin's column. */
export const originRules = {
  windowMs: 30_000,
  minimumSamples: 50,
  openAtFailedShare: 0.5,
  minimumListings: 3,
  minimumSellers: 2,
  minimumOpenListings: 3,
  openAtOpenListings: 0.3,
  openMs: 5_000,
  openMaxMs: 60_000,
  openJitter: 0.2,
  ejectionDecayMs: 60_000,
  probeEveryMs: 1_000,
  probeLeaseMs: 65_000,
  closeAfterOk: 3,
  /** A 429 on more than half of an origin's listings, of three sellers at least, within so long is the provider's. */
  coolWindowMs: 5_000,
  coolAtListings: 0.5,
  coolMinimumSellers: 3,
  coolMinMs: 1_000,
  coolMaxMs: 5_000,
} as const

interface Common {
  epoch: number
  ejections: number
  healthySinceMs: number
}

export type OriginHealth = Common &
  (
    | { state: 'closed' }
    | { state: 'open'; untilMs: number; probedAtMs: number }
    | {
        state: 'half_open'
        untilMs: number
        probedAtMs: number
        okInRow: number
        leases: number
        lease?: { id: number; expiresAtMs: number }
      }
  )

export const healthyOrigin: OriginHealth = { state: 'closed', epoch: 0, ejections: 0, healthySinceMs: 0 }

/** How much of the provider's failure an outcome is: it answers for being overloaded, not for what a seller made of it. */
export function originWeight(verdict: Verdict): number | undefined {
  if (verdict.outcome === 'overloaded') return 1
  if (verdict.outcome === 'malformed') return undefined
  return verdict.outcome === 'timeout' ? 0.5 : failureWeight(verdict)
}

/** What the last half minute says about an origin. */
export interface OriginEvidence {
  samples: number
  /** The sum of their weights. */
  failed: number
  failingListings: number
  failingSellers: number
  /** Every failure was of one model, and another model was served: then it is the model's, not the provider's. */
  isOneModel: boolean
  /** Listings of the model that just failed: behind this origin, and those of them whose breaker is open. */
  listings: number
  /** Of those listings. */
  sellers: number
  openListings: number
}

/**
 * True when it is the provider that fails. Many open listings alone do not show it: a third may be dead while the
 * others serve, so most of what came back must have failed too, and for more than one seller where there are more.
 */
export function isProvidersFault(evidence: OriginEvidence): boolean {
  const { samples, failed, failingListings, failingSellers, listings, openListings } = evidence
  if (evidence.isOneModel || failed < samples * originRules.openAtFailedShare) return false
  const byShare =
    samples >= originRules.minimumSamples &&
    failingListings >= originRules.minimumListings &&
    failingSellers >= originRules.minimumSellers
  const byOpenListings =
    openListings >= originRules.minimumOpenListings &&
    failingSellers >= Math.min(originRules.minimumSellers, evidence.sellers) &&
    openListings >= listings * originRules.openAtOpenListings
  return byShare || byOpenListings
}

export interface OriginTicket {
  epoch: number
  leaseId?: number
}

/** Opens a closed origin: 5 s, longer each time in a row, up to a minute. */
export function openOrigin(
  health: OriginHealth,
  { nowMs, jitter }: { nowMs: number; jitter: number },
): OriginHealth {
  const healthyMinutes = Math.floor((nowMs - health.healthySinceMs) / originRules.ejectionDecayMs)
  const before = health.state === 'closed' ? Math.max(0, health.ejections - healthyMinutes) : health.ejections
  const ejections = before + 1
  const { openMs, openMaxMs, openJitter } = originRules
  const spread = 1 - openJitter + 2 * openJitter * jitter
  return {
    state: 'open',
    epoch: health.epoch + 1,
    ejections,
    healthySinceMs: nowMs,
    untilMs: nowMs + Math.round(Math.min(openMaxMs, openMs * ejections) * spread),
    probedAtMs: nowMs,
  }
}

/** When the next probe may be asked for; in panic (`force`) before the opening time is over. */
export function originProbeAtMs(health: OriginHealth, force = false): number {
  if (health.state === 'closed') return Number.NEGATIVE_INFINITY
  const nextMs = health.probedAtMs + originRules.probeEveryMs
  if (health.state === 'open') return force ? nextMs : Math.max(nextMs, health.untilMs)
  return health.lease ? Math.max(nextMs, health.lease.expiresAtMs) : nextMs
}

/** The state after asking for a probe, and the ticket if one is granted: one a second, one at a time. */
export function probeOrigin(
  health: OriginHealth,
  { nowMs, force = false }: { nowMs: number; force?: boolean },
): { health: OriginHealth; ticket?: OriginTicket } {
  if (health.state === 'closed') return { health, ticket: { epoch: health.epoch } }
  if (nowMs < originProbeAtMs(health, force)) return { health }
  const leases = health.state === 'half_open' ? health.leases + 1 : 1
  const { ejections, healthySinceMs, untilMs } = health
  const next: OriginHealth = {
    state: 'half_open',
    epoch: health.state === 'half_open' ? health.epoch : health.epoch + 1,
    ejections,
    healthySinceMs,
    untilMs,
    probedAtMs: nowMs,
    okInRow: health.state === 'half_open' ? health.okInRow : 0,
    leases,
    lease: { id: leases, expiresAtMs: nowMs + originRules.probeLeaseMs },
  }
  return { health: next, ticket: { epoch: next.epoch, leaseId: leases } }
}

/** The state after a probe ended; of a closed or open origin nothing changes here. */
export function completeOriginProbe(
  health: OriginHealth,
  { ticket, nowMs, jitter, ...verdict }: Verdict & { ticket: OriginTicket; nowMs: number; jitter: number },
): OriginHealth {
  if (health.state !== 'half_open' || ticket.epoch !== health.epoch) return health
  if (health.lease === undefined || ticket.leaseId !== health.lease.id) return health
  const { lease: _ended, ...released } = health
  const weight = originWeight(verdict)
  if (weight === undefined) return released
  if (weight > 0) return openOrigin(health, { nowMs, jitter })
  const okInRow = health.okInRow + 1
  if (okInRow < originRules.closeAfterOk) return { ...released, okInRow }
  return { state: 'closed', epoch: health.epoch + 1, ejections: health.ejections, healthySinceMs: nowMs }
}
