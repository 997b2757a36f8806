/** What is remembered of payers' balances, so that most requests are refused or let through without a question. */
import { setTimeout as delay } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import type { Clock } from '../platform/clock.ts'

// How long a balance seen at the last commit may refuse, or bind, without asking the database again.
const FRESH_MS = 250
const REMEMBERED_PAYERS = 50_000
// What a payer who is nearly out of money waits for his own last request to be booked.
const BOOKING_WAIT_MS = 2_000

export interface Balance {
  availableNanos: bigint
  seenAtMs: number
  /** Holds asked for and not yet answered. */
  askedNanos: bigint
}

export type Balances = ReturnType<typeof createBalances>

export function createBalances(clock: Clock) {
  const balances = new LRUCache<string, Balance>({ max: REMEMBERED_PAYERS })
  // Settlements that were told and are not committed: the balance is about to grow by what they do not use of their hold.
  const bookings = new Map<string, Set<Promise<unknown>>>()

  return {
    get: (organisationId: string) => balances.get(organisationId),
    /** The balance as the database told it a moment ago. */
    saw(organisationId: string, availableNanos: bigint): void {
      const known = balances.get(organisationId)
      if (known) {
        known.availableNanos = availableNanos
        known.seenAtMs = clock.monotonicMs()
      } else balances.set(organisationId, { availableNanos, seenAtMs: clock.monotonicMs(), askedNanos: 0n })
    },
    isFresh: (known: Balance) => clock.monotonicMs() - known.seenAtMs < FRESH_MS,
    forget: (organisationId: string) => void balances.delete(organisationId),
    /** A settlement of this payer is under way until `booked` is settled. */
    booking(organisationId: string, booked: Promise<unknown>): void {
      const pending = bookings.get(organisationId) ?? new Set()
      bookings.set(organisationId, pending.add(booked))
      const over = () => {
        pending.delete(booked)
        if (pending.size === 0) bookings.delete(organisationId)
      }
      booked.then(over, over)
    },
    /** Resolves when the settlements under way are booked, or after two seconds. */
    async booked(organisationId: string): Promise<void> {
      const pending = bookings.get(organisationId)
      if (!pending) return
      const limit = new AbortController()
      const late = delay(BOOKING_WAIT_MS, undefined, { signal: limit.signal }).catch(() => undefined)
      await Promise.race([Promise.allSettled([...pending]), late])
      limit.abort()
    },
  }
}
