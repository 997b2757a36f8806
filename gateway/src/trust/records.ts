/** The running tests and signs of endpoint-backed offers, in memory. */
import type { Evidence } from './count-evidence.ts'
import { isPair } from './count-evidence.ts'
import {
  type CountPair,
  type CountTest,
  isAlarm,
  logEvidence,
  type Noise,
  newCountTest,
  observe,
  scoreOf,
} from './count-test.ts'
import { noSigns, type Signs } from './verdict.ts'

/** Offers whose record is in memory; the least lately used are forgotten until the next start. */
export const MAX_RECORDS = 5_000
// Answers that are kept as evidence, the newest.
const KEPT_SAMPLES = 50

/** One answer of those that a verdict rests on. */
export interface Sample {
  requestId: string
  prompt?: { reported: number; own: number; score: number }
  completion?: { reported: number; own: number; score: number }
}

export interface OfferRecord {
  listingId: string
  organisationId: string
  model: string
  /** The how-manieth model of its listing it was when it was first seen, from 1. */
  nth: number
  test: CountTest
  signs: Signs
  samples: Sample[]
}

export interface Records {
  /** The offer's record, begun if need be. */
  of(offer: { listingId: string; sellerOrganisationId: string; model: string }): OfferRecord
  touch(record: OfferRecord): void
  /** The records that changed since they were last asked for. */
  changed(): OfferRecord[]
  restore(kept: Iterable<OfferRecord>): void
  /** A listing whose case was cleared begins anew. */
  forget(listingId: string): void
  all(): Iterable<OfferRecord>
}

export function createRecords(): Records {
  const records = new Map<string, OfferRecord>()
  const models = new Map<string, number>()
  const dirty = new Set<OfferRecord>()

  function put(record: OfferRecord): void {
    const key = `${record.listingId}:${record.model}`
    records.delete(key)
    records.set(key, record)
    models.set(record.listingId, Math.max(models.get(record.listingId) ?? 0, record.nth))
    const oldest = records.entries().next()
    if (records.size <= MAX_RECORDS || oldest.done) return
    const [oldestKey, { listingId }] = oldest.value
    records.delete(oldestKey)
    if (![...records.values()].some((other) => other.listingId === listingId)) models.delete(listingId)
  }

  return {
    of({ listingId, sellerOrganisationId: organisationId, model }) {
      const known = records.get(`${listingId}:${model}`)
      const record = known ?? {
        listingId,
        organisationId,
        model,
        nth: (models.get(listingId) ?? 0) + 1,
        test: newCountTest(),
        signs: noSigns,
        samples: [],
      }
      put(record)
      return record
    },
    touch: (record) => void dirty.add(record),
    changed() {
      const changed = [...dirty]
      dirty.clear()
      return changed
    },
    restore(kept) {
      for (const record of kept) put(record)
    },
    forget(listingId) {
      for (const record of records.values()) {
        if (record.listingId !== listingId) continue
        record.test = newCountTest()
        record.signs = noSigns
        record.samples = []
        dirty.add(record)
      }
    },
    all: () => records.values(),
  }
}

/** Takes an answer into `record`; true when its test has raised the alarm. */
export function weigh(
  record: OfferRecord,
  evidence: Evidence,
  noiseOf: (side: 'prompt' | 'completion') => Noise,
): boolean {
  const prompt = pairOf(evidence.prompt, () => noiseOf('prompt'))
  const completion = pairOf(evidence.completion, () => noiseOf('completion'))
  if (!prompt && !completion) return false
  observe(record.test, { prompt, completion })
  record.samples.push({
    requestId: evidence.requestId,
    ...(prompt ? { prompt: sampleOf(prompt) } : {}),
    ...(completion ? { completion: sampleOf(completion) } : {}),
  })
  if (record.samples.length > KEPT_SAMPLES) record.samples.shift()
  return isAlarm(record.test, record.nth)
}

function pairOf(side: Evidence['prompt'], noise: () => Noise): CountPair | undefined {
  return isPair(side) ? { ...side, noise: noise() } : undefined
}

function sampleOf(pair: CountPair) {
  return { reported: pair.reported, own: pair.own, score: Number(scoreOf(pair).toFixed(3)) }
}

/** What a case shows of the test. */
export function showTest({ test, nth }: OfferRecord) {
  return {
    observations: test.observations,
    logEvidence: Number(logEvidence(test).toFixed(2)),
    nthModel: nth,
  }
}
