/** A lease: what an attempt has taken of a listing and of one of its models, until it is over or given up for lost. */
import type { Amount } from '../limits/calendar-window.ts'
import type { OutcomeClass } from '../providers/outcome.ts'
import type { Asked, Use } from './capacity-use.ts'
import type { Timed, Wheel } from './capacity-wheel.ts'
import type { Lease, LeaseUse } from './lease.ts'

/** After we cut an upstream off, it goes on counting the request until it hears of it. */
const CUT_OFF_MS = 250
/** … and to write: what a fast model does in the time that it takes to hear, and what was on its way to us. */
const CUT_OFF_TOKENS = 256

// In these cases the vendor has not worked, so the tokens that were set aside come back.
const UNBILLED: ReadonlySet<OutcomeClass> = new Set([
  'user_error',
  'own_fault',
  'rate_limited',
  'key_rejected',
  'model_refused',
  'quota_exhausted',
  'overloaded',
  'network',
])

// In these cases it was we who ended it, and the upstream may still be at work.
const CUT_OFF: ReadonlySet<OutcomeClass> = new Set(['client_gone', 'timeout', 'malformed', 'own_fault'])

/** One listing's use, with that of its models. */
export interface ListingUse {
  listingId: string
  use: Use
  models: Map<string, Use>
  /** Models that somebody was refused since something last came free. */
  refused: Set<string>
}

export interface LeaseHome {
  wheel: Wheel<RunningLease>
  leaseMs: number
  nowMs(): number
  wallMs(): number
  /** A place was given back for a request that nobody has ended. */
  lost(): void
  /** Something of this listing can be taken again. */
  freed(listing: ListingUse): void
}

export class RunningLease implements Lease, Timed {
  dueMs = 0
  before: Timed | undefined
  after: Timed | undefined
  private readonly home: LeaseHome
  private readonly listing: ListingUse
  private readonly model: Use
  private readonly taken: Asked
  private readonly takenAtMs: number
  private readonly dayMs: number
  private place: 'taken' | 'lost' | 'free' = 'taken'
  private ended = false
  /** What the minute is to be corrected by once it is over; below 0, tokens come back. */
  private owedTokens = 0
  /** What it has set aside counts as used, because nobody may ever tell. */
  private kept = false

  constructor(
    home: LeaseHome,
    { listing, model, taken, nowMs }: { listing: ListingUse; model: Use; taken: Asked; nowMs: number },
  ) {
    this.home = home
    this.listing = listing
    this.model = model
    this.taken = taken
    this.takenAtMs = nowMs
    const times = { nowMs, wallMs: home.wallMs() }
    this.dayMs = listing.use.take(taken, times)
    model.take(taken, times)
    home.wheel.add(this, nowMs + home.leaseMs)
  }

  renew(): void {
    if (this.ended) return
    const dueMs = this.home.nowMs() + this.home.leaseMs
    if (this.place === 'taken') {
      this.dueMs = dueMs
      return
    }
    // It was given up for lost and lives: the upstream counts it, so it must count here, above the limit or not.
    this.place = 'taken'
    this.listing.use.running += 1
    this.model.running += 1
    this.home.wheel.add(this, dueMs)
  }

  end(outcome: OutcomeClass, { tokens, costNanos }: LeaseUse = {}): void {
    if (this.ended) return
    this.ended = true
    const usedTokens = tokens ?? (UNBILLED.has(outcome) ? 0 : this.taken.tokens)
    // Only what was served is billed.
    this.settle({ tokens: usedTokens, nanos: costNanos ?? 0n })
    const unheard = CUT_OFF.has(outcome) ? Math.min(this.taken.tokens, usedTokens + CUT_OFF_TOKENS) : 0
    this.owedTokens = Math.max(usedTokens, unheard) - this.taken.tokens
    if (this.place === 'taken' && CUT_OFF.has(outcome)) {
      this.home.wheel.remove(this)
      this.home.wheel.add(this, this.home.nowMs() + CUT_OFF_MS)
    } else {
      this.settleMinute()
      if (this.place === 'taken') {
        this.home.wheel.remove(this)
        this.leave('free')
      }
    }
    this.home.freed(this.listing)
  }

  undo(): void {
    if (this.ended) return
    this.ended = true
    this.settle({ tokens: 0, nanos: 0n })
    this.owedTokens = -this.taken.tokens
    this.settleMinute()
    for (const use of [this.listing.use, this.model]) use.uncountRequest(this.takenAtMs)
    if (this.place === 'taken') {
      this.home.wheel.remove(this)
      this.leave('free')
    }
    this.home.freed(this.listing)
  }

  /** Its time in the wheel is over: it was lost, or was cut off a while ago. */
  due(): void {
    this.leave(this.ended ? 'free' : 'lost')
    if (this.ended) this.settleMinute()
    else {
      this.home.lost()
      this.keep()
    }
    this.home.freed(this.listing)
  }

  private leave(place: 'lost' | 'free'): void {
    this.place = place
    this.listing.use.running -= 1
    this.model.running -= 1
  }

  /** Brings the minute to what was used; of what was cut off, when its upstream must have heard of it. */
  private settleMinute(): void {
    for (const use of [this.listing.use, this.model]) use.correctRate(this.owedTokens, this.takenAtMs)
  }

  private settle(used: Amount): void {
    const taken = this.taken
    const wallMs = this.home.wallMs()
    for (const use of [this.listing.use, this.model]) this.settleAt(use, { taken, used }, wallMs)
  }

  private settleAt(use: Use, change: { taken: Amount; used: Amount }, wallMs: number): void {
    if (this.kept) use.calendar.correct(this.dayMs, change, wallMs)
    else use.calendar.settle(this.dayMs, change, wallMs)
  }

  private keep(): void {
    if (this.kept) return
    this.kept = true
    const wallMs = this.home.wallMs()
    this.listing.use.calendar.keep(this.dayMs, this.taken, wallMs)
    this.model.calendar.keep(this.dayMs, this.taken, wallMs)
  }
}
