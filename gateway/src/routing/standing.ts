import { type Health, probeAtMs } from './health.ts'

/** What health says of an offer. The same object for every healthy one, so that asking costs nothing. */
export type Standing =
  | {
      state: 'closed'
      /** Factor of its weight in the draw, above 0 to 1. */
      share: number
      /** Share of its concurrency that may be used; `Load.share` for capacity. */
      places: number
      reason?: 'slow_start' | 'slow'
    }
  /** Soft: may be probed from `probeAtMs`, in panic from `forcedProbeAtMs`. All on the monotonic clock. */
  | {
      state: 'open' | 'half_open'
      /** Its own failures, or those of the provider it stands behind. */
      reason: 'breaker' | 'origin'
      probeAtMs: number
      forcedProbeAtMs: number
      untilMs: number
    }

type Ejection = Exclude<Standing, { state: 'closed' }>

/** Of an offer whose own breaker is not closed. */
export function openStanding(health: Health): Ejection {
  return {
    state: health.state === 'half_open' ? 'half_open' : 'open',
    reason: 'breaker',
    probeAtMs: probeAtMs(health),
    forcedProbeAtMs: probeAtMs(health, true),
    untilMs: health.state === 'closed' ? Number.NEGATIVE_INFINITY : health.untilMs,
  }
}

/** Of an offer whose origin is not closed: both must let an attempt through, so the later one speaks. */
export function withOrigin(own: Ejection | undefined, origin: Ejection): Ejection {
  if (!own) return origin
  const later = own.probeAtMs > origin.probeAtMs ? own : origin
  const forcedProbeAtMs = Math.max(own.forcedProbeAtMs, origin.forcedProbeAtMs)
  return { ...later, forcedProbeAtMs, untilMs: Math.max(own.untilMs, origin.untilMs) }
}
