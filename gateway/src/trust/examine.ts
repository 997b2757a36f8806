/** Looks at one answer after the other and opens a case when what was seen is enough for a verdict. */
import type { Answered } from '../inference/deps.ts'
import type { Offer } from '../marketplace/offer.ts'
import { formatId } from '../platform/ids.ts'
import type { Logger } from '../platform/logger.ts'
import type { Cases } from './cases.ts'
import { type Evidence, evidenceOf, isPair } from './count-evidence.ts'
import { createNoiseBook, type Side } from './count-noise.ts'
import { type OfferRecord, type Records, showTest, weigh } from './records.ts'
import type { KeptReputations } from './reputations.ts'
import { verdictOf } from './verdict.ts'

export interface Examiner {
  look(answered: Answered): void
  /** An answer of the offer, an endpoint-backed one, called a tool that nobody had declared. */
  flag(offer: Offer, requestId: string): void
  /** Resolves when the cases that were begun are open. */
  idle(): Promise<void>
}

export function createExaminer({
  cases,
  records,
  reputations,
  logger,
}: {
  cases: Pick<Cases, 'open' | 'isAccused'>
  records: Records
  reputations: Pick<KeptReputations, 'flag'>
  logger: Logger
}): Examiner {
  const noise = createNoiseBook()
  const opening = new Set<Promise<void>>()

  function look(answered: Answered): void {
    const { offer, model } = answered
    const evidence = evidenceOf(answered)
    if (offer.backing === 'key') {
      for (const side of ['prompt', 'completion'] as const) {
        const pair = evidence[side]
        if (isPair(pair)) noise.learn(model, side, pair)
      }
      return
    }
    const record = records.of(offer)
    const { clamped, unbelievable } = record.signs
    record.signs = {
      ...record.signs,
      clamped: clamped + Number(answered.billedBy === 'clamped'),
      unbelievable: unbelievable + Number(answered.billedBy === 'counted' && answered.reported !== undefined),
    }
    const alarm = weigh(record, evidence, (side: Side) => noise.of(model, side).noise)
    judge(record, { alarm, evidence })
  }

  function flag(offer: Offer, requestId: string): void {
    reputations.flag(offer)
    const record = records.of(offer)
    record.signs = { ...record.signs, undeclaredCalls: record.signs.undeclaredCalls + 1 }
    logger.warn({ listingId: offer.listingId, requestId }, 'an undeclared tool call was stopped')
    judge(record, { alarm: false })
  }

  function judge(record: OfferRecord, { alarm, evidence }: { alarm: boolean; evidence?: Evidence }): void {
    records.touch(record)
    const verdict = verdictOf(record.signs, { alarm, exact: evidence?.exact ?? true })
    if (!verdict || cases.isAccused(record.listingId)) return
    const { listingId, organisationId, model } = record
    const work = cases
      .open({ listingId, organisationId, model, verdict, evidence: showEvidence(record, evidence) })
      .catch((error) => logger.error({ err: error, listingId }, 'a case could not be opened'))
      .finally(() => opening.delete(work))
    opening.add(work)
  }

  return {
    look,
    flag,
    async idle() {
      await Promise.allSettled([...opening])
    },
  }
}

function showEvidence(record: OfferRecord, evidence: Evidence | undefined): object {
  const { signs, samples } = record
  return {
    tokenizer: evidence?.tokenizer ?? null,
    exact: evidence?.exact ?? null,
    test: showTest(record),
    signs,
    samples: samples.map((sample) => ({ ...sample, requestId: formatId('gen-', sample.requestId) })),
  }
}
