/** What is remembered of payers' balances, so that most requests are refused or let through without a question. */
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

interface Booking {
  pending: number
  waiters: Set<() => void>
}

export function createBalances(clock: Clock) {
  const balances = new LRUCache<string, Balance>({ max: REMEMBERED_PAYERS })
  // Payers with settlements that were told and are not committed: their balance is about to grow by what those do not
  // use of their holds.
  const bookings = new Map<string, Booking>()

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
      const booking = bookings.get(organisationId) ?? { pending: 0, waiters: new Set() }
      bookings.set(organisationId, booking)
      booking.pending += 1
      const over = () => {
        booking.pending -= 1
        if (booking.pending > 0) return
        bookings.delete(organisationId)
        for (const waiter of booking.waiters) waiter()
      }
      booked.then(over, over)
    },
    /** Resolves when the settlements under way are booked, or after two seconds. */
    async booked(organisationId: string): Promise<void> {
      const waiters = bookings.get(organisationId)?.waiters
      if (!waiters) return
      await new Promise<void>((resolve) => {
        const over = () => {
          clearTimeout(late)
          waiters.delete(over)
          resolve()
        }
        const late = setTimeout(over, BOOKING_WAIT_MS)
        waiters.add(over)
      })
    },
  }
}
