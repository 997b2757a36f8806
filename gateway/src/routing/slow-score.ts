/**
 * Which offers are much slower to begin than the others of their model. A slow one keeps a quarter of its weight; being
 * slow never ejects it.
 */
import type { OfferRecord, PoolTrack, Track } from './offer-records.ts'

/** reliability.md §6.3. */
export const slowRules = {
  /** Times the pool's median. */
  slowAbove: 4,
  samplesInRow: 20,
  share: 0.25,
  /** A probe's first content within so many times what it used to take counts fully. */
  probeWithin: 2,
} as const

const EWMA_WEIGHT = 0.1
// An average of fewer says little.
const MIN_SAMPLES = 5
const MEDIAN_EVERY_MS = 1_000
// A median of so many, spread over the pool, is as good as one of all.
const MEDIAN_OF = 255
const P95_STEP = 0.05
const P95_MIN_SAMPLES = 20

type Kind = 'streamed' | 'whole'

/** Notes how long an answer took to begin, or would have taken at least; returns whether the offer is slow. */
export function noteSpeed(record: OfferRecord, kind: Kind, ttftMs: number, nowMs: number): boolean {
  const track = record[kind]
  const pool = record.pool[kind]
  track.samples += 1
  track.ewmaMs = track.samples === 1 ? ttftMs : track.ewmaMs + EWMA_WEIGHT * (ttftMs - track.ewmaMs)
  if (nowMs >= pool.medianAtMs + MEDIAN_EVERY_MS) {
    pool.medianMs = medianOf(record, kind)
    pool.medianAtMs = nowMs
  }
  const isAbove = pool.medianMs > 0 && track.ewmaMs > slowRules.slowAbove * pool.medianMs
  track.above = isAbove ? track.above + 1 : 0
  // What is usual is not told by those who are slow.
  if (!isAbove && ttftMs <= slowRules.slowAbove * (pool.medianMs || ttftMs)) notePool(pool, ttftMs)
  return isSlow(record.streamed) || isSlow(record.whole)
}

/**
 * What a client's leaving says of the speed, after it waited so long for a first content: a slow sample when hardly
 * anybody else waits that long, so that slow sellers do not hide behind impatient clients. `undefined`: nothing.
 */
export function impatientSample(record: OfferRecord, kind: Kind, waitedMs: number): number | undefined {
  const pool = record.pool[kind]
  if (pool.samples < P95_MIN_SAMPLES || waitedMs <= pool.p95Ms) return undefined
  return Math.max(waitedMs, (slowRules.slowAbove + 1) * pool.medianMs)
}

/** Whether a probe's answer began much later than the offer's used to, or its pool's when it has no past. */
export function isSlowProbe(record: OfferRecord | undefined, kind: Kind, ttftMs: number): boolean {
  if (!record) return false
  const { samples, ewmaMs } = record[kind]
  const baselineMs = samples >= MIN_SAMPLES ? ewmaMs : record.pool[kind].medianMs
  return baselineMs > 0 && ttftMs > slowRules.probeWithin * baselineMs
}

function isSlow({ above }: Track): boolean {
  return above >= slowRules.samplesInRow
}

/** Creeps to where one in twenty is slower: up fast when passed, down slowly. */
function notePool(pool: PoolTrack, ttftMs: number): void {
  pool.samples += 1
  if (pool.samples === 1) pool.p95Ms = ttftMs
  const step = P95_STEP * Math.max(1, pool.p95Ms)
  pool.p95Ms += ttftMs > pool.p95Ms ? 0.95 * step : -0.05 * step
}

/** The lower one of an even number, so that of two offers the slower is measured by the faster. */
function medianOf({ pool }: OfferRecord, kind: Kind): number {
  const stride = Math.ceil(pool.offers.size / MEDIAN_OF)
  const speeds: number[] = []
  let at = 0
  for (const offer of pool.offers) {
    if (at % stride === 0 && offer[kind].samples >= MIN_SAMPLES) speeds.push(offer[kind].ewmaMs)
    at += 1
  }
  if (speeds.length < 2) return 0
  speeds.sort((a, b) => a - b)
  return speeds[(speeds.length - 1) >> 1] as number
}
