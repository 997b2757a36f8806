/** The reputations of all offers: in memory for the router, written down every half minute, read back at the start. */

import type { ReputationView } from '../marketplace/reputation-view.ts'
import type { Clock } from '../platform/clock.ts'
import type { EndedAttempt } from '../routing/leases.ts'
import type { Reputation, Reputations } from '../routing/reputation.ts'
import { createDailyCap } from './daily-cap.ts'
import {
  afterAttempt,
  afterFlag,
  failureOf,
  newRecord,
  type Record,
  type Standing,
  standingOf,
} from './reputation.ts'

/** Offers whose record is kept; the least lately used are forgotten here and found again at the next start. */
export const MAX_OFFERS = 20_000
/** Failures of one buyer that count against one offer on one day: whoever provokes them must not ruin a seller alone. */
const MAX_BUYER_FAILURES = 3

export interface OfferName {
  listingId: string
  model: string
}

export interface KeptReputations extends Reputations, ReputationView {
  ended(attempt: EndedAttempt): void
  flag(offer: OfferName): void
  /** Takes and gives the ones that changed since they were last asked for. */
  changed(): { offer: OfferName; record: Record }[]
  restore(kept: Iterable<{ offer: OfferName; record: Record }>): void
}

interface Entry {
  offer: OfferName
  record: Record
  standing: Standing
}

export function createReputations({
  clock,
  isAccused,
}: {
  clock: Clock
  isAccused: (listingId: string) => boolean
}): KeptReputations {
  const entries = new Map<string, Entry>()
  const dirty = new Set<string>()
  const byBuyer = createDailyCap(MAX_BUYER_FAILURES)

  function update(offer: OfferName, change: (record: Record, nowMs: number) => Record): void {
    const key = keyOf(offer)
    const nowMs = clock.nowMs()
    const before = entries.get(key)?.record ?? newRecord(nowMs)
    const record = change(before, nowMs)
    if (record === before) return
    put(key, offer, record)
    dirty.add(key)
  }

  function put(key: string, { listingId, model }: OfferName, record: Record): void {
    entries.delete(key)
    entries.set(key, {
      offer: { listingId, model },
      record,
      standing: standingOf(record, { accused: false }),
    })
    const oldest = entries.keys().next()
    if (entries.size > MAX_OFFERS && !oldest.done) entries.delete(oldest.value)
  }

  const unknown = standingOf(newRecord(0), { accused: false })

  return {
    // An offer's id is its listing and model.
    of({ id, listingId }): Reputation {
      const standing = entries.get(id)?.standing ?? unknown
      if (!isAccused(listingId)) return standing
      return { ...standing, ...standingOf(entries.get(id)?.record ?? newRecord(0), { accused: true }) }
    },
    ended(attempt) {
      const failed = failureOf(attempt)
      if (failed > 0 && !byBuyer.take(attempt, failed, clock.nowMs())) return
      update(attempt.offer, (record, nowMs) => afterAttempt(record, attempt, nowMs))
    },
    flag: (offer) => update(offer, afterFlag),
    show(offer) {
      const entry = entries.get(keyOf(offer))
      if (!entry) return null
      const { standing, record } = entry
      return {
        score: rounded(standing.score, 3),
        successShare: rounded(standing.successShare, 3),
        ttftMsP50: standing.ttftMs === undefined ? null : rounded(standing.ttftMs, 0),
        tokensPerSP50: standing.tokensPerS === undefined ? null : rounded(standing.tokensPerS, 1),
        samples: record.completed,
        since: new Date(record.sinceMs).toISOString(),
      }
    },
    changed() {
      const changed = [...dirty].flatMap((key) => entries.get(key) ?? [])
      dirty.clear()
      return changed
    },
    restore(kept) {
      for (const { offer, record } of kept) put(keyOf(offer), offer, record)
    },
  }
}

function keyOf({ listingId, model }: OfferName): string {
  return `${listingId}:${model}`
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
