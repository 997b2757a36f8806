/** Which listings rest, and until when: the memory behind rest.ts. A seller who changes the listing lifts its rests. */
import type { Offer } from '../marketplace/offer.ts'
import type { Clock } from '../platform/clock.ts'
import type { Consequence } from './failover.ts'
import { coolDown, type Rest, rested, suspend } from './rest.ts'

export type RestReason = NonNullable<Consequence['rest']>

/** Rests remembered at once; beyond it the ones that are over are forgotten, strikes and all. */
const MAX_RESTS = 50_000

/** The longest suspension. */
const MAX_REST_MS = 6 * 3_600_000

type Resting = Pick<Offer, 'id' | 'listingId' | 'revision'>

/** A rest as it outlives a restart: ends at a moment of the wall clock. */
export interface KeptRest {
  id: string
  reason: RestReason
  strikes: number
  revision: number
  untilWallMs: number
}

export interface Rests {
  /** Why and until when (monotonic clock) an offer must not be used; `undefined` when it may. */
  restOf(offer: Resting): { reason: RestReason; untilMs: number } | undefined
  /** True when a rest began or grew. */
  rest(offer: Resting, reason: RestReason, hintMs?: number): boolean
  /** It served: what it does wrong next is its first time again. */
  served(offer: Resting): void
  state(limit: number): { id: string; reason: RestReason; untilMs: number }[]
  /** What is worth keeping over a restart. A rejected key is not: the market keeps that. */
  toKeep(): KeptRest[]
}

interface Kept {
  rest: Rest
  reason: RestReason
  revision: number
}

export function createRests({ clock, random, maxRests = MAX_RESTS, before = [], onRest }: RestsDeps): Rests {
  const kept = new Map<string, Kept>()
  for (const { id, reason, strikes, revision, untilWallMs } of before.slice(0, maxRests)) {
    // A wall clock that was set back must not make it longer than the longest there is.
    const leftMs = Math.min(untilWallMs - clock.nowMs(), MAX_REST_MS)
    if (leftMs > 0)
      kept.set(id, { rest: { untilMs: clock.monotonicMs() + leftMs, strikes }, reason, revision })
  }

  function find(id: string, revision: number): Kept | undefined {
    const found = kept.get(id)
    if (found && found.revision < revision) {
      kept.delete(id)
      return undefined
    }
    return found
  }

  function isOver({ rest }: Kept): boolean {
    return rest.untilMs <= clock.monotonicMs()
  }

  function makeRoom(): void {
    if (kept.size < maxRests) return
    for (const [id, one] of kept) if (isOver(one)) kept.delete(id)
    const oldest = kept.keys().next()
    if (kept.size >= maxRests && !oldest.done) kept.delete(oldest.value)
  }

  return {
    restOf(offer) {
      if (kept.size === 0) return undefined
      for (const id of idsOf(offer)) {
        const found = find(id, offer.revision)
        if (found && !isOver(found)) return { reason: found.reason, untilMs: found.rest.untilMs }
      }
      return undefined
    },
    rest(offer, reason, hintMs) {
      const id = idFor(offer, reason)
      const before = find(id, offer.revision)
      const previous = before?.reason === reason ? before.rest : rested
      const rest = next(reason, previous, { nowMs: clock.monotonicMs(), hintMs, random: random() })
      // A shorter rest for another reason does not cut a longer one short.
      if (before && before.rest.untilMs >= rest.untilMs) return false
      makeRoom()
      kept.set(id, { rest, reason, revision: offer.revision })
      onRest?.()
      return true
    },
    served(offer) {
      if (kept.size === 0) return
      // A rest that still runs stays: the answer may have begun before it.
      for (const id of idsOf(offer)) {
        const found = kept.get(id)
        if (found && isOver(found)) kept.delete(id)
      }
    },
    state(limit) {
      return [...kept]
        .filter(([, one]) => !isOver(one))
        .slice(0, limit)
        .map(([id, { reason, rest }]) => ({ id, reason, untilMs: rest.untilMs }))
    },
    toKeep() {
      const untilWallMs = ({ untilMs }: Rest) => Math.round(clock.nowMs() + untilMs - clock.monotonicMs())
      return [...kept]
        .filter(([, one]) => one.reason !== 'disabled' && !isOver(one))
        .map(([id, { rest, ...one }]) => ({
          id,
          ...one,
          strikes: rest.strikes,
          untilWallMs: untilWallMs(rest),
        }))
    },
  }
}

export interface RestsDeps {
  clock: Clock
  /** 0 ≤ random() < 1, for the jitter. */
  random: () => number
  maxRests?: number
  /** Those of before the restart. */
  before?: readonly KeptRest[]
  /** Told when a rest begins or grows. */
  onRest?: () => void
}

/** A 429 and a refused model concern one model of the listing, the rest concerns its key. */
function idFor(offer: Resting, reason: RestReason): string {
  return reason === 'cooling' || reason === 'model_suspended' ? offer.id : offer.listingId
}

function idsOf(offer: Resting): readonly [string, string] {
  return [offer.listingId, offer.id]
}

function next(
  reason: RestReason,
  rest: Rest,
  { nowMs, hintMs, random }: { nowMs: number; hintMs: number | undefined; random: number },
): Rest {
  if (reason === 'cooling') return coolDown(rest, { nowMs, hintMs, random })
  if (reason === 'disabled') return { untilMs: Number.POSITIVE_INFINITY, strikes: 1 }
  return suspend(rest, { nowMs })
}
