/**
 * Which providers' hosts are down or out of breath: the memory behind origin-health.ts. An origin has a record from its
 * first failure on; until then asking for it costs two look-ups and nothing is counted.
 */
import type { Offer } from '../marketplace/offer.ts'
import type { Verdict } from './health.ts'
import {
  completeOriginProbe,
  healthyOrigin,
  isProvidersFault,
  type OriginEvidence,
  type OriginHealth,
  type OriginTicket,
  openOrigin,
  originProbeAtMs,
  originRules,
  originWeight,
  probeOrigin,
} from './origin-health.ts'

// Known vendors are a few dozen; the rest are custom endpoints, of which those with a record are kept.
const MAX_ORIGINS = 2_000
const MAX_BASE_URLS = 20_000
// As many as any rule asks for, and some to spare.
const MAX_NAMED = 64
const BUCKET_MS = 1_000
const BUCKETS = originRules.windowMs / BUCKET_MS

export type OriginOffer = Pick<Offer, 'id' | 'listingId' | 'sellerOrganisationId' | 'model' | 'baseUrl'>

export interface OriginStanding {
  state: 'open' | 'half_open'
  probeAtMs: number
  forcedProbeAtMs: number
  untilMs: number
}

export interface Origins {
  nameOf(offer: Pick<Offer, 'baseUrl'>): string
  /** `undefined` while the origin may be used as usual. */
  standing(offer: OriginOffer, nowMs: number): OriginStanding | undefined
  /** Begins an attempt: a ticket, `undefined` for an origin without a record, `refused` when it must wait. */
  begin(offer: OriginOffer, options: { force: boolean; nowMs: number }): OriginTicket | undefined | 'refused'
  end(offer: OriginOffer, ticket: OriginTicket | undefined, verdict: Verdict, nowMs: number): void
  /** A listing's breaker has opened: enough of them are the provider's. */
  listingOpened(offer: OriginOffer, nowMs: number): void
  /** True when what an attempt with this ticket came to says nothing about its listing. */
  isFrozen(offer: OriginOffer, ticket: OriginTicket | undefined): boolean
  /** Closes what opened since `sinceMs`: it was our network. */
  pardon(sinceMs: number): void
  /** Origins with a record. */
  state(): Iterable<{ origin: string; state: OriginHealth['state']; coolUntilMs: number }>
}

export interface OriginsDeps {
  /** 0 ≤ random() < 1, spreads the opening time. */
  random: () => number
  offersFor: (model: string) => readonly OriginOffer[]
  isListingOpen: (offer: OriginOffer) => boolean
  onOpen: (origin: string, nowMs: number) => void
}

interface Seen {
  seller: string
  model: string
  atMs: number
}

interface OriginRecord {
  name: string
  health: OriginHealth
  samples: Float64Array
  failed: Float64Array
  /** The second each bucket is of. */
  seconds: Float64Array
  failing: Map<string, Seen>
  servedModels: Map<string, number>
  limited: Map<string, Seen>
  coolUntilMs: number
  coolStrikes: number
}

export function createOrigins({ random, offersFor, isListingOpen, onOpen }: OriginsDeps): Origins {
  const names = new Map<string, string>()
  const records = new Map<string, OriginRecord>()

  function nameOf({ baseUrl }: Pick<Offer, 'baseUrl'>): string {
    const known = names.get(baseUrl)
    if (known !== undefined) return known
    if (names.size >= MAX_BASE_URLS) names.clear()
    const { origin } = new URL(baseUrl)
    names.set(baseUrl, origin)
    return origin
  }

  function recordOf(offer: OriginOffer): OriginRecord | undefined {
    return records.size === 0 ? undefined : records.get(nameOf(offer))
  }

  function makeRecord(offer: OriginOffer): OriginRecord {
    if (records.size >= MAX_ORIGINS) evict()
    const record = emptyRecord(nameOf(offer))
    records.set(record.name, record)
    return record
  }

  /** Forgets the oldest closed one; if all are open, the oldest. */
  function evict(): void {
    let victim: string | undefined
    for (const [name, { health }] of records) {
      victim ??= name
      if (health.state !== 'closed') continue
      victim = name
      break
    }
    if (victim !== undefined) records.delete(victim)
  }

  function standing(offer: OriginOffer, nowMs: number): OriginStanding | undefined {
    const record = recordOf(offer)
    if (!record) return undefined
    const { health, coolUntilMs } = record
    // A provider that says 429 is not pressed by panic either.
    if (nowMs < coolUntilMs) {
      return { state: 'open', probeAtMs: coolUntilMs, forcedProbeAtMs: coolUntilMs, untilMs: coolUntilMs }
    }
    if (health.state === 'closed') return undefined
    const { state, untilMs } = health
    return {
      state,
      probeAtMs: originProbeAtMs(health),
      forcedProbeAtMs: originProbeAtMs(health, true),
      untilMs,
    }
  }

  function begin(offer: OriginOffer, { force, nowMs }: { force: boolean; nowMs: number }) {
    const record = recordOf(offer)
    if (!record) return undefined
    if (nowMs < record.coolUntilMs) return 'refused'
    if (record.health.state === 'closed' && record.health.epoch === 0) return undefined
    const asked = probeOrigin(record.health, { nowMs, force })
    record.health = asked.health
    return asked.ticket ?? 'refused'
  }

  function end(offer: OriginOffer, ticket: OriginTicket | undefined, verdict: Verdict, nowMs: number): void {
    const weight = originWeight(verdict)
    const isLimit = verdict.outcome === 'rate_limited'
    const record = recordOf(offer) ?? (weight || isLimit ? makeRecord(offer) : undefined)
    if (!record) return
    if (ticket?.leaseId !== undefined) {
      probed(
        record,
        completeOriginProbe(record.health, { ...verdict, ticket, nowMs, jitter: random() }),
        nowMs,
      )
      return
    }
    if (isLimit) limited(record, offer, nowMs)
    if (weight === undefined || record.health.state !== 'closed') return
    // What began before the origin opened and closed again says nothing about it now.
    if (record.health.epoch !== (ticket?.epoch ?? 0)) return
    count(record, weight, nowMs)
    if (weight === 0) served(record, offer, nowMs)
    else {
      remember(record.failing, offer, nowMs)
      judge(record, offer, { countOpen: false, nowMs })
    }
  }

  function probed(record: OriginRecord, next: OriginHealth, nowMs: number): void {
    const before = record.health.state
    record.health = next
    if (next.state === before) return
    if (next.state === 'open') onOpen(record.name, nowMs)
    else forget(record)
  }

  function judge(
    record: OriginRecord,
    offer: OriginOffer,
    { countOpen, nowMs }: { countOpen: boolean; nowMs: number },
  ): void {
    const listings = countOpen ? offersFor(offer.model).filter((each) => nameOf(each) === record.name) : []
    const evidence: OriginEvidence = {
      ...sums(record, nowMs),
      ...failures(record, nowMs),
      listings: listings.length,
      sellers: new Set(listings.map(({ sellerOrganisationId }) => sellerOrganisationId)).size,
      openListings: listings.filter(isListingOpen).length,
    }
    if (!isProvidersFault(evidence)) return
    record.health = openOrigin(record.health, { nowMs, jitter: random() })
    onOpen(record.name, nowMs)
  }

  function limited(record: OriginRecord, offer: OriginOffer, nowMs: number): void {
    remember(record.limited, offer, nowMs)
    if (nowMs < record.coolUntilMs) return
    const { coolWindowMs, coolMinimumSellers, coolAtListings, coolMinMs, coolMaxMs } = originRules
    const recent = since(record.limited, nowMs - coolWindowMs)
    if (new Set(recent.map(({ seller }) => seller)).size < coolMinimumSellers) return
    const listings = offersFor(offer.model).filter((each) => nameOf(each) === record.name)
    const isLimited = ({ listingId }: OriginOffer) =>
      (record.limited.get(listingId)?.atMs ?? Number.NEGATIVE_INFINITY) > nowMs - coolWindowMs
    if (listings.filter(isLimited).length <= listings.length * coolAtListings) return
    // Soon after the last one it is the same storm: the pause grows from one second to five.
    const isSameStorm = nowMs < record.coolUntilMs + originRules.windowMs
    record.coolStrikes = isSameStorm ? record.coolStrikes + 1 : 1
    record.coolUntilMs = nowMs + Math.min(coolMaxMs, coolMinMs * record.coolStrikes)
    record.limited.clear()
  }

  return {
    nameOf,
    standing,
    begin,
    end,
    listingOpened(offer, nowMs) {
      const record = recordOf(offer)
      if (record?.health.state === 'closed') judge(record, offer, { countOpen: true, nowMs })
    },
    isFrozen(offer, ticket) {
      const record = recordOf(offer)
      if (!record) return false
      return record.health.state !== 'closed' || record.health.epoch !== (ticket?.epoch ?? 0)
    },
    pardon(sinceMs) {
      for (const record of records.values()) {
        const { health } = record
        if (health.state === 'closed' || health.healthySinceMs < sinceMs) continue
        const ejections = Math.max(0, health.ejections - 1)
        record.health = { ...healthyOrigin, epoch: health.epoch + 1, ejections, healthySinceMs: sinceMs }
        forget(record)
      }
    },
    *state() {
      for (const { name, health, coolUntilMs } of records.values())
        yield { origin: name, state: health.state, coolUntilMs }
    },
  }
}

function emptyRecord(name: string): OriginRecord {
  return {
    name,
    health: healthyOrigin,
    samples: new Float64Array(BUCKETS),
    failed: new Float64Array(BUCKETS),
    seconds: new Float64Array(BUCKETS).fill(-1),
    failing: new Map(),
    servedModels: new Map(),
    limited: new Map(),
    coolUntilMs: Number.NEGATIVE_INFINITY,
    coolStrikes: 0,
  }
}

function count(record: OriginRecord, weight: number, nowMs: number): void {
  const second = Math.floor(nowMs / BUCKET_MS)
  const at = second % BUCKETS
  if (record.seconds[at] !== second) {
    record.seconds[at] = second
    record.samples[at] = 0
    record.failed[at] = 0
  }
  record.samples[at] = (record.samples[at] as number) + 1
  record.failed[at] = (record.failed[at] as number) + weight
}

function sums(record: OriginRecord, nowMs: number): { samples: number; failed: number } {
  const oldest = Math.floor(nowMs / BUCKET_MS) - BUCKETS
  let samples = 0
  let failed = 0
  for (let at = 0; at < BUCKETS; at += 1) {
    if ((record.seconds[at] as number) <= oldest) continue
    samples += record.samples[at] as number
    failed += record.failed[at] as number
  }
  return { samples, failed }
}

function served(record: OriginRecord, { model }: OriginOffer, nowMs: number): void {
  if (record.servedModels.size < MAX_NAMED || record.servedModels.has(model))
    record.servedModels.set(model, nowMs)
}

function failures(
  { failing, servedModels }: OriginRecord,
  nowMs: number,
): Pick<OriginEvidence, 'failingListings' | 'failingSellers' | 'isOneModel'> {
  const sinceMs = nowMs - originRules.windowMs
  const recent = since(failing, sinceMs)
  const models = new Set(recent.map(({ model }) => model))
  const servedAnother = [...servedModels].some(([model, atMs]) => atMs > sinceMs && !models.has(model))
  return {
    failingListings: recent.length,
    failingSellers: new Set(recent.map(({ seller }) => seller)).size,
    isOneModel: models.size === 1 && servedAnother,
  }
}

/** Notes who it was, the latest last; the oldest goes when there are too many. */
function remember(seen: Map<string, Seen>, offer: OriginOffer, nowMs: number): void {
  const { listingId, sellerOrganisationId, model } = offer
  seen.delete(listingId)
  seen.set(listingId, { seller: sellerOrganisationId, model, atMs: nowMs })
  const oldest = seen.keys().next()
  if (seen.size > MAX_NAMED && !oldest.done) seen.delete(oldest.value)
}

function since(seen: ReadonlyMap<string, Seen>, sinceMs: number): Seen[] {
  return [...seen.values()].filter(({ atMs }) => atMs > sinceMs)
}

/** An origin that changed its state is judged by what comes after. */
function forget(record: OriginRecord): void {
  record.seconds.fill(-1)
  record.failing.clear()
  record.servedModels.clear()
}
