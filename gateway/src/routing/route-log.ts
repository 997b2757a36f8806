/** What became of a decision: the attempts that were made of it, told once when the last of them is over. */
import type { Clock } from '../platform/clock.ts'
import { GatewayError } from '../platform/errors.ts'
import type { OutcomeClass } from '../providers/outcome.ts'
import type { LeaseUse } from './lease.ts'
import type { Plan } from './plan.ts'
import type { Attempt, TryOffer } from './serve.ts'

export interface RouteAttempt {
  /** `<listing uuid>:<model>`. */
  offer: string
  outcome: OutcomeClass
  /** From the decision to the attempt, and what the attempt took, in milliseconds. */
  afterMs: number
  durationMs: number
  ttftMs?: number
}

/** A decision and what came of it. */
export interface RouteRecord {
  plan: Plan
  /** When it was decided: Unix milliseconds, and on the monotonic clock that the pools tell times in. */
  atMs: number
  monotonicMs: number
  attempts: readonly RouteAttempt[]
  /** Of the refusal, when nobody served. */
  error?: string
}

export interface RouteLog {
  /** Wraps what tries an offer; every attempt it makes is noted. */
  watch<Served>(attempt: TryOffer<Served>): TryOffer<Served>
  /** Nobody serves; the record is told now. */
  ended(error: unknown): void
}

/** Notes what is tried of `plan` from now on. `tell` is called once. */
export function logRoute(
  plan: Plan,
  { clock, tell }: { clock: Clock; tell: (record: RouteRecord) => void },
): RouteLog {
  const monotonicMs = clock.monotonicMs()
  const atMs = clock.nowMs()
  const attempts: RouteAttempt[] = []
  let told = false

  function finish(error?: string): void {
    if (told) return
    told = true
    tell({ plan, atMs, monotonicMs, attempts, ...(error === undefined ? {} : { error }) })
  }

  function noted(each: Attempt, beganMs: number): { attempt: Attempt; end: NotedEnd } {
    const end = (outcome: OutcomeClass, used: LeaseUse = {}) => {
      attempts.push({
        offer: each.offer.id,
        outcome,
        afterMs: Math.round(beganMs - monotonicMs),
        durationMs: Math.round(clock.monotonicMs() - beganMs),
        ...(used.ttftMs === undefined ? {} : { ttftMs: Math.round(used.ttftMs) }),
      })
    }
    const lease: Attempt['lease'] = {
      ...each.lease,
      end(outcome, used) {
        each.lease.end(outcome, used)
        end(outcome, used)
        finish()
      },
    }
    return { attempt: { ...each, lease }, end }
  }

  return {
    watch: (attempt) => async (each) => {
      const { attempt: watched, end } = noted(each, clock.monotonicMs())
      try {
        const result = await attempt(watched)
        if ('failure' in result) end(result.failure.class)
        return result
      } catch (error) {
        end('own_fault')
        throw error
      }
    },
    ended: (error) => finish(error instanceof GatewayError ? error.code : 'internal_error'),
  }
}

type NotedEnd = (outcome: OutcomeClass, used?: LeaseUse) => void
