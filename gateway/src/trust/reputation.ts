/** How well an offer has served, from its attempts: pure. What is old counts less, and what is not proven counts little. */
import type { OutcomeClass } from '../providers/outcome.ts'

export interface Record {
  /** Decayed sums as of `updatedMs`, on the wall clock. */
  successes: number
  failures: number
  updatedMs: number
  /** Attempts that were completed, ever. */
  completed: number
  sinceMs: number
  /** The latest samples, oldest first: milliseconds to the first content, completion tokens per second after it. */
  ttftMs: readonly number[]
  tokensPerS: readonly number[]
}

export interface Attempted {
  outcome: OutcomeClass
  innocent: boolean
  ttftMs?: number
  durationMs?: number
  outputTokens?: number
}

export interface Standing {
  /** 0.05 to 1: what traffic it gets of what price and headroom would give it. */
  factor: number
  /** Lower bound of its share of successes, 95 % sure. */
  score: number
  successShare: number
  proven: boolean
  ttftMs?: number
  tokensPerS?: number
}

const HALF_LIFE_MS = 14 * 86_400_000
/** Completed attempts after which it is judged by itself. */
const PROVEN_AFTER = 50
/** Failures that a breach of honesty weighs. */
const FLAG_WEIGHT = 20
const MIN_FACTOR = 0.05
// What a listing that nobody knows is taken for: nineteen of twenty attempts succeed.
const PRIOR_SUCCESSES = 9.5
const PRIOR_FAILURES = 0.5
// One-sided 95 %.
const DEVIATIONS = 1.645
// A listing that fails one time in ten gets two thirds of the traffic: each failure costs its buyer another attempt.
const STEEPNESS = 4
const REMEMBERED_SAMPLES = 64
// Shorter answers tell the speed of the line, not of the model.
const MIN_TIMED_TOKENS = 16

/** How much of a failure an outcome is; absent: it says nothing about the listing. */
const FAILED: Partial<{ [Outcome in OutcomeClass]: number }> = {
  server_error: 1,
  network: 1,
  timeout: 1,
  malformed: 1,
  key_rejected: 1,
  model_refused: 1,
  quota_exhausted: 1,
  // It said that it was full, which costs less than silence.
  rate_limited: 0.5,
  overloaded: 0.5,
}

export function newRecord(nowMs: number): Record {
  return {
    successes: 0,
    failures: 0,
    updatedMs: nowMs,
    completed: 0,
    sinceMs: nowMs,
    ttftMs: [],
    tokensPerS: [],
  }
}

/** How much of a failure the attempt is: 0 for a success and for what says nothing about the listing. */
export function failureOf({ outcome, innocent }: Attempted): number {
  return innocent ? 0 : (FAILED[outcome] ?? 0)
}

/** The record after an attempt; itself when the attempt says nothing. */
export function afterAttempt(record: Record, attempt: Attempted, nowMs: number): Record {
  const failed = failureOf(attempt)
  if (attempt.outcome !== 'ok' && failed === 0) return record
  const decayed = decay(record, nowMs)
  const base = { ...decayed, completed: record.completed + 1 }
  if (failed > 0) return { ...base, failures: decayed.failures + failed }
  return {
    ...base,
    successes: decayed.successes + 1,
    ttftMs: withSample(record.ttftMs, attempt.ttftMs),
    tokensPerS: withSample(record.tokensPerS, speedOf(attempt)),
  }
}

/** The record after a breach of honesty. */
export function afterFlag(record: Record, nowMs: number): Record {
  const decayed = decay(record, nowMs)
  return { ...decayed, failures: decayed.failures + FLAG_WEIGHT }
}

function decay(record: Record, nowMs: number): Record {
  const share = 0.5 ** (Math.max(0, nowMs - record.updatedMs) / HALF_LIFE_MS)
  return {
    ...record,
    successes: record.successes * share,
    failures: record.failures * share,
    updatedMs: Math.max(nowMs, record.updatedMs),
  }
}

/** Where it stands; `accused` while a case against it is open. */
export function standingOf(record: Record, { accused }: { accused: boolean }): Standing {
  const a = record.successes + PRIOR_SUCCESSES
  const b = record.failures + PRIOR_FAILURES
  const mean = a / (a + b)
  const deviation = Math.sqrt((a * b) / ((a + b) ** 2 * (a + b + 1)))
  const score = Math.max(0, mean - DEVIATIONS * deviation)
  const ttftMs = median(record.ttftMs)
  const tokensPerS = median(record.tokensPerS)
  return {
    factor: accused ? MIN_FACTOR : Math.min(1, Math.max(MIN_FACTOR, score ** STEEPNESS)),
    score,
    successShare: mean,
    proven: record.completed >= PROVEN_AFTER,
    ...(ttftMs === undefined ? {} : { ttftMs }),
    ...(tokensPerS === undefined ? {} : { tokensPerS }),
  }
}

function speedOf({ ttftMs, durationMs, outputTokens = 0 }: Attempted): number | undefined {
  if (ttftMs === undefined || durationMs === undefined || outputTokens < MIN_TIMED_TOKENS) return undefined
  // A whole JSON answer has its first content with its last: then the whole time is the model's.
  const writingMs = durationMs - ttftMs > durationMs / 100 ? durationMs - ttftMs : durationMs
  return writingMs > 0 ? (outputTokens * 1_000) / writingMs : undefined
}

function withSample(samples: readonly number[], sample: number | undefined): readonly number[] {
  if (sample === undefined || !Number.isFinite(sample)) return samples
  return [...samples.slice(-(REMEMBERED_SAMPLES - 1)), sample]
}

function median(samples: readonly number[]): number | undefined {
  if (samples.length === 0) return undefined
  const sorted = [...samples].sort((left, right) => left - right)
  return sorted[Math.floor(sorted.length / 2)]
}
