/** What one request went through, gathered for its log line, its metrics and its usage record. */
import type { Offer } from '../marketplace/offer.ts'
import type { Clock } from '../platform/clock.ts'
import type { Metrics } from '../platform/metrics.ts'
import type { OutcomeClass } from '../providers/outcome.ts'
import type { Usage } from '../providers/usage.ts'

/** `afterMs` from the request's beginning; `durationMs` until the attempt was decided. */
export interface TracedAttempt {
  listingId: string
  provider: string
  outcome: OutcomeClass
  afterMs: number
  durationMs: number
}

export class RequestTrace {
  readonly startedAt: Date
  readonly startedMs: number
  readonly #clock: Clock
  readonly #metrics: Metrics
  #attemptMs = 0
  #upstreamMs = 0
  #firstByteMs: number | undefined
  /** Set from this upstream's 2xx headers until its attempt fails: a client that leaves now owes its prompt. */
  answeredBy: Offer | undefined
  /** The offer of the last attempt that was decided. */
  lastTried: Offer | undefined
  attempts: TracedAttempt[] = []
  offer: Offer | undefined
  finishReason: string | undefined
  usage: Usage | undefined
  costNanos = 0n
  stream = false
  model: string | undefined

  constructor(clock: Clock, metrics: Metrics) {
    this.#clock = clock
    this.#metrics = metrics
    this.startedMs = clock.monotonicMs()
    this.startedAt = new Date(clock.nowMs())
  }

  attemptStarted(): void {
    this.#attemptMs = this.#clock.monotonicMs()
    this.answeredBy = undefined
  }

  upstreamAnswered(offer: Offer): void {
    this.answeredBy = offer
  }

  /** The attempt was decided at `atMs`: it failed, or its first content is here, or its JSON answer is whole. */
  attemptEnded(offer: Offer, outcome: OutcomeClass, atMs = this.#clock.monotonicMs()): void {
    const durationMs = atMs - this.#attemptMs
    if (outcome !== 'ok' && outcome !== 'client_gone') this.answeredBy = undefined
    this.#upstreamMs += durationMs
    this.lastTried = offer
    this.attempts.push({
      listingId: offer.listingId,
      provider: offer.provider.id,
      outcome,
      afterMs: this.#attemptMs - this.startedMs,
      durationMs,
    })
    this.#metrics.attemptEnded({ provider: offer.provider.id, outcome, durationMs })
  }

  /** The first byte goes to the client. */
  firstByte(): void {
    this.#firstByteMs ??= this.#clock.monotonicMs()
  }

  served(offer: Offer, finishReason: string, usage: Usage): void {
    this.offer = offer
    this.finishReason = finishReason
    this.usage = usage
  }

  /** The upstream broke what it had begun; nobody owes anything for it. */
  brokeOff(offer: Offer, finishReason: string): void {
    this.offer = offer
    this.finishReason = finishReason
    this.answeredBy = undefined
  }

  times(): { startedAt: Date; durationMs: number; ttftMs: number } {
    const nowMs = this.#clock.monotonicMs()
    return {
      startedAt: this.startedAt,
      durationMs: Math.round(nowMs - this.startedMs),
      ttftMs: Math.round((this.#firstByteMs ?? nowMs) - this.startedMs),
    }
  }

  /** Of the attempt that answered: to its first content, and until now. */
  attemptTimes(): { ttftMs: number; durationMs: number } {
    const nowMs = this.#clock.monotonicMs()
    return { ttftMs: (this.#firstByteMs ?? nowMs) - this.#attemptMs, durationMs: nowMs - this.#attemptMs }
  }

  /** Our share of the time until the answer began: everything but waiting for upstreams. */
  overheadMs(): number {
    const untilMs = this.#firstByteMs ?? this.#clock.monotonicMs()
    return Math.max(0, untilMs - this.startedMs - this.#upstreamMs)
  }

  durationMs(): number {
    return this.#clock.monotonicMs() - this.startedMs
  }

  timeToFirstTokenMs(): number | undefined {
    return this.#firstByteMs === undefined ? undefined : this.#firstByteMs - this.startedMs
  }
}
