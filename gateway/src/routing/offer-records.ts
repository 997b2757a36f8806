/**
 * What is remembered of offers that work: how fast they begin to answer and how often they refuse. One record an offer,
 * made at its first answer and changed in place, so that a success costs no memory.
 */
import type { Offer } from '../marketplace/offer.ts'

/** Offers remembered; about 200 bytes each. */
const MAX_RECORDS = 50_000
/** What was not asked for so long is forgotten: its speed was another day's. */
const IDLE_MS = 600_000
// Above it both counts are halved, so that the present outweighs the past.
const MAX_ANSWERS = 1_024

/** Times to the first content of one kind of answer: streams and whole answers are different things. */
export interface Track {
  ewmaMs: number
  samples: number
  /** Samples in a row at which the average was far above the pool's median. */
  above: number
}

export interface PoolTrack {
  medianMs: number
  medianAtMs: number
  p95Ms: number
  samples: number
}

export interface PoolRecord {
  model: string
  offers: Set<OfferRecord>
  streamed: PoolTrack
  whole: PoolTrack
  answers: number
  refusals: number
}

export interface OfferRecord {
  offerId: string
  pool: PoolRecord
  streamed: Track
  whole: Track
  /** Requests it served or called the buyer's fault, and how many of them the latter. */
  answers: number
  refusals: number
  seenAtMs: number
}

export interface OfferRecords {
  of(offer: Pick<Offer, 'id' | 'model'>, nowMs: number): OfferRecord
  find(offerId: string): OfferRecord | undefined
}

/** `onForget` is told of an offer whose record goes. */
export function createOfferRecords({
  onForget,
  maxRecords = MAX_RECORDS,
}: {
  onForget: (offerId: string) => void
  maxRecords?: number
}): OfferRecords {
  const records = new Map<string, OfferRecord>()
  const pools = new Map<string, PoolRecord>()

  function make(offer: Pick<Offer, 'id' | 'model'>, nowMs: number): OfferRecord {
    if (records.size >= maxRecords) makeRoom(nowMs)
    let pool = pools.get(offer.model)
    if (!pool) {
      pool = emptyPool(offer.model)
      pools.set(offer.model, pool)
    }
    const record: OfferRecord = {
      offerId: offer.id,
      pool,
      streamed: { ewmaMs: 0, samples: 0, above: 0 },
      whole: { ewmaMs: 0, samples: 0, above: 0 },
      answers: 0,
      refusals: 0,
      seenAtMs: nowMs,
    }
    records.set(offer.id, record)
    pool.offers.add(record)
    return record
  }

  function makeRoom(nowMs: number): void {
    for (const record of records.values()) if (record.seenAtMs < nowMs - IDLE_MS) forget(record)
    const oldest = records.values().next()
    if (records.size >= maxRecords && !oldest.done) forget(oldest.value)
  }

  function forget(record: OfferRecord): void {
    const { pool } = record
    records.delete(record.offerId)
    pool.offers.delete(record)
    pool.answers -= record.answers
    pool.refusals -= record.refusals
    if (pool.offers.size === 0) pools.delete(pool.model)
    onForget(record.offerId)
  }

  return {
    of(offer, nowMs) {
      const record = records.get(offer.id) ?? make(offer, nowMs)
      record.seenAtMs = nowMs
      return record
    },
    find: (offerId) => records.get(offerId),
  }
}

/** Counts an answer, or a request that the offer called the buyer's fault. */
export function countAnswer(record: OfferRecord, { refused }: { refused: boolean }): void {
  const { pool } = record
  if (record.answers >= MAX_ANSWERS) {
    pool.answers -= record.answers / 2
    pool.refusals -= record.refusals / 2
    record.answers /= 2
    record.refusals /= 2
  }
  record.answers += 1
  pool.answers += 1
  if (!refused) return
  record.refusals += 1
  pool.refusals += 1
}

function emptyPool(model: string): PoolRecord {
  const track = () => ({ medianMs: 0, medianAtMs: Number.NEGATIVE_INFINITY, p95Ms: 0, samples: 0 })
  return { model, offers: new Set(), streamed: track(), whole: track(), answers: 0, refusals: 0 }
}
