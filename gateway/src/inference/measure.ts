/** Measures an answer by the yardstick where the count of the bill will not do. */
import type { Model } from '../catalog/catalog.ts'
import type { Offer } from '../marketplace/offer.ts'
import { Yardstick } from '../metering/yardstick.ts'
import type { InferenceDeps, Written } from './deps.ts'

export interface Measure {
  /** Whether `trust/` wants to see the answer. */
  watched: boolean
  /** To be given what the model writes; absent when the count of the bill is by the model's own tokenizer. */
  yardstick: Yardstick | undefined
}

export function measureFor({ watch }: InferenceDeps, offer: Offer, model: Model): Measure {
  const watched = watch.wants(offer)
  const needed = model.tokenizer === 'approximate' && (watched || offer.backing === 'endpoint')
  return { watched, yardstick: needed ? new Yardstick(model.tokenizer) : undefined }
}

export function writtenBy(
  { yardstick }: Measure,
  { countOutput, calls }: { countOutput: () => number; calls: number },
): Written {
  return {
    tokens: () => (yardstick ? yardstick.total() : countOutput()),
    comparable: () => yardstick?.comparable ?? true,
    calls,
  }
}
