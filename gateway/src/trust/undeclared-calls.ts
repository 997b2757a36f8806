/**
 * Whose an undeclared tool call is. It is noticed while the answer is read and weighed when the attempt has ended, which
 * tells who asked. A vendor's model has its fancies, and the seller behind whose key it runs cannot help them: that
 * attempt counts as nothing. Whoever runs his own server answers for it, once a buyer, offer and day: a buyer may provoke
 * it.
 */
import type { Offer } from '../marketplace/offer.ts'
import { formatId } from '../platform/ids.ts'
import type { EndedAttempt } from '../routing/leases.ts'
import { createDailyCap } from './daily-cap.ts'

/** Attempts that were stopped and have not ended; they do within moments, so this is a bound on faults of ours. */
const MAX_STOPPED = 1_000

export interface UndeclaredCalls {
  /** An answer of the offer was stopped; `requestId` as the buyer sees it. */
  noticed(offer: Pick<Offer, 'id'>, requestId: string): void
  /** What an ended attempt comes to: `nothing` when it is to be left out, `breach` when it is one, else `usual`. */
  weigh(attempt: EndedAttempt, nowMs: number): 'usual' | 'breach' | 'nothing'
}

export function createUndeclaredCalls(): UndeclaredCalls {
  const stopped = new Set<string>()
  const breaches = createDailyCap(1)
  return {
    noticed({ id }, requestId) {
      stopped.add(`${requestId} ${id}`)
      const oldest = stopped.values().next()
      if (stopped.size > MAX_STOPPED && !oldest.done) stopped.delete(oldest.value)
    },
    weigh({ offer, buyer, requestId }, nowMs) {
      if (stopped.size === 0 || !stopped.delete(`${formatId('gen-', requestId)} ${offer.id}`)) return 'usual'
      if (offer.backing === 'key') return 'nothing'
      return breaches.take({ buyer, offer }, 1, nowMs) ? 'breach' : 'usual'
    },
  }
}
