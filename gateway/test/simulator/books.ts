/**
 * What was taken of each listing and given back, written down beside the router's own counting: how much room there is for
 * certain, and what of a day's or a month's limit is used.
 */
import type { CapacityLimits } from '../../src/marketplace/offer.ts'
import type { Capacity, CapacityOf, Load } from '../../src/routing/capacity.ts'
import type { LeaseUse } from '../../src/routing/lease.ts'
import type { VirtualTime } from './virtual-time.ts'

/** The window, a second for the ways and a second for counting in seconds. */
const WINDOW_MS = 62_001
/** A request that we cut off counts until its upstream must have heard of it. */
const CUT_OFF_MS = 750
const CUT_OFF: ReadonlySet<string> = new Set(['client_gone', 'timeout', 'malformed', 'own_fault'])
/** A client that leaves does not stop what is being written for it at once. */
const UNHEARD_TOKENS = 256
const DAY_MS = 86_400_000

interface Entry {
  atMs: number
  tokens: number
  endedMs: number
  ended: boolean
}

export interface Books {
  /** `capacity`, with everything that is taken of it written down. */
  watched: Capacity
  /** Certainly room for such a request, however the router counts. */
  hasRoom(offer: CapacityOf, load: Load): boolean
  /** Leases that nobody has ended. */
  running(): number
  /** Limits of days and months that were passed, in words. */
  overruns: string[]
}

export function createBooks(capacity: Capacity, time: VirtualTime): Books {
  const tallies = new Map<string, Tally>()
  const calendars = new Map<string, { tokens: number; nanos: bigint }>()
  const overruns: string[] = []
  let open = 0

  const keysOf = (offer: CapacityOf, wallMs: number) => {
    const day = Math.floor(wallMs / DAY_MS)
    const month = new Date(wallMs).toISOString().slice(0, 7)
    return [offer.listingId, `${offer.listingId} ${offer.model}`].map((who) => ({
      limits: who === offer.listingId ? offer : (offer.modelCapacity ?? {}),
      day: `${who} day ${day}`,
      month: `${who} month ${month}`,
    }))
  }

  const usedOf = (key: string) => calendars.get(key) ?? { tokens: 0, nanos: 0n }

  function count(
    keys: ReturnType<typeof keysOf>,
    { tokens, nanos }: { tokens: number; nanos: bigint },
  ): void {
    for (const { day, month } of keys)
      for (const key of [day, month]) {
        const used = usedOf(key)
        calendars.set(key, { tokens: used.tokens + tokens, nanos: used.nanos + nanos })
      }
  }

  function tallyOf(key: string): Tally {
    const known = tallies.get(key) ?? createTally()
    tallies.set(key, known)
    return known
  }

  const talliesOf = ({ listingId, model }: CapacityOf) => [
    tallyOf(listingId),
    tallyOf(`${listingId} ${model}`),
  ]

  /** Counts what was taken for the day and the month; returns what corrects it. */
  function bill(offer: CapacityOf & { id?: string }, { tokens, costNanos = 0n }: Load) {
    const keys = keysOf(offer, time.clock.nowMs())
    if (keys.every(({ limits }) => !limitsDays(limits))) return () => undefined
    count(keys, { tokens, nanos: costNanos })
    for (const { limits, day, month } of keys)
      for (const over of overrunsOf(limits, usedOf(day), usedOf(month)))
        overruns.push(`${offer.id ?? offer.listingId} took ${over} at ${Math.round(time.elapsedMs())} ms`)
    // What nobody reports may have been used or not: no limit is called passed for it.
    return (used: LeaseUse) =>
      count(keys, { tokens: (used.tokens ?? 0) - tokens, nanos: (used.costNanos ?? 0n) - costNanos })
  }

  function take(offer: CapacityOf, load: Load) {
    const lease = capacity.take(offer, load)
    if (!lease) return undefined
    open += 1
    const correct = bill(offer, load)
    const nowMs = time.elapsedMs()
    const entry: Entry = { atMs: nowMs, tokens: load.tokens, endedMs: Number.POSITIVE_INFINITY, ended: false }
    for (const tally of talliesOf(offer)) tally.take(entry)
    const over = (tokens: number, lingers: boolean) => {
      if (entry.ended) return
      entry.ended = true
      open -= 1
      entry.endedMs = time.elapsedMs()
      const delta = tokens - entry.tokens
      for (const tally of talliesOf(offer)) tally.end(entry, delta, lingers)
      entry.tokens += delta
    }
    const watched: typeof lease = {
      renew: () => lease.renew(),
      undo() {
        lease.undo()
        if (!entry.ended) correct({})
        over(0, false)
      },
      end(outcome, used = {}) {
        lease.end(outcome, used)
        if (!entry.ended) correct(used)
        // No room is called free for what nobody reports.
        const unheard = outcome === 'client_gone' ? UNHEARD_TOKENS : 0
        over(Math.min(entry.tokens, (used.tokens ?? entry.tokens) + unheard), CUT_OFF.has(outcome))
      },
    }
    return watched
  }

  function hasRoom(offer: CapacityOf, load: Load): boolean {
    const now = time.elapsedMs()
    const [whole, own] = talliesOf(offer) as [Tally, Tally]
    return whole.fits(offer, load, now) && (!offer.modelCapacity || own.fits(offer.modelCapacity, load, now))
  }

  return {
    watched: { ...capacity, take },
    hasRoom,
    running: () => open,
    overruns,
  }
}

interface Tally {
  take(entry: Entry): void
  end(entry: Entry, tokens: number, lingers: boolean): void
  fits(limits: CapacityLimits, load: Load, now: number): boolean
}

/** What was taken lately and what runs, of a listing or of one of its models. */
function createTally(): Tally {
  let recent: Entry[] = []
  let ended: Entry[] = []
  let sum = 0
  let running = 0

  function forget(now: number): void {
    let gone = 0
    for (; (recent[gone]?.atMs ?? now) <= now - WINDOW_MS; gone += 1) sum -= recent[gone]?.tokens ?? 0
    if (gone > 0) recent = recent.slice(gone)
    gone = 0
    while ((ended[gone]?.endedMs ?? now) <= now - CUT_OFF_MS) gone += 1
    if (gone > 0) ended = ended.slice(gone)
  }

  return {
    take(entry) {
      forget(entry.atMs)
      recent.push(entry)
      sum += entry.tokens
      running += 1
    },
    end(entry, tokens, lingers) {
      running -= 1
      if (lingers) ended.push(entry)
      forget(entry.endedMs)
      if (recent.length > 0 && entry.atMs >= (recent[0] as Entry).atMs) sum += tokens
    },
    fits(limits, { tokens }, now) {
      forget(now)
      const { requestsPerMinute, tokensPerMinute, concurrency } = limits
      // How much of a day is left is the calendar's affair; whoever has one is not called free here.
      if (limitsDays(limits)) return false
      if (requestsPerMinute !== undefined && recent.length + 1 > requestsPerMinute) return false
      if (tokensPerMinute !== undefined && sum + tokens > tokensPerMinute) return false
      return concurrency === undefined || running + ended.length + 1 <= concurrency
    },
  }
}

function limitsDays({ tokensPerDay, tokensPerMonth, nanosPerDay, nanosPerMonth }: CapacityLimits): boolean {
  return [tokensPerDay, tokensPerMonth, nanosPerDay, nanosPerMonth].some((limit) => limit !== undefined)
}

function overrunsOf(
  { tokensPerDay, tokensPerMonth, nanosPerDay, nanosPerMonth }: CapacityLimits,
  day: { tokens: number; nanos: bigint },
  month: { tokens: number; nanos: bigint },
): string[] {
  const over: string[] = []
  if (tokensPerDay !== undefined && day.tokens > tokensPerDay)
    over.push(`${day.tokens} of ${tokensPerDay} tokens a day`)
  if (tokensPerMonth !== undefined && month.tokens > tokensPerMonth)
    over.push(`${month.tokens} of ${tokensPerMonth} tokens a month`)
  if (nanosPerDay !== undefined && day.nanos > nanosPerDay)
    over.push(`${day.nanos} of ${nanosPerDay} nanos a day`)
  if (nanosPerMonth !== undefined && month.nanos > nanosPerMonth)
    over.push(`${month.nanos} of ${nanosPerMonth} nanos a month`)
  return over
}
