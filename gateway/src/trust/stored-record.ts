/** An offer's record as JSON, and back. */
import { z } from 'zod'
import { newCountTest } from './count-test.ts'
import type { OfferRecord, Sample } from './records.ts'
import type { RecordRow } from './trust-store.ts'

const count = z.int().min(0)
const side = z.object({ reported: z.number(), own: z.number(), score: z.number() })

const stored = z.object({
  observations: count,
  logStakes: z.array(z.number()),
  signs: z.object({ clamped: count, unbelievable: count, undeclaredCalls: count }),
  samples: z.array(z.object({ requestId: z.string(), prompt: side.optional(), completion: side.optional() })),
})

export function writeRecord({ listingId, model, nth, test, signs, samples }: OfferRecord): RecordRow {
  const { observations, logStakes } = test
  return { listingId, model, nth, record: { observations, logStakes: [...logStakes], signs, samples } }
}

/** `undefined` for one that another version wrote: its test begins anew. */
export function readRecord(row: RecordRow & { organisationId: string }): OfferRecord | undefined {
  const read = stored.safeParse(row.record)
  const fresh = newCountTest()
  if (!read.success || read.data.logStakes.length !== fresh.logStakes.length) return undefined
  const { observations, logStakes, signs, samples } = read.data
  return {
    listingId: row.listingId,
    organisationId: row.organisationId,
    model: row.model,
    nth: row.nth,
    test: { observations, logStakes: Float64Array.from(logStakes) },
    signs,
    samples: samples as Sample[],
  }
}
