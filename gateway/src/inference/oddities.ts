/** What upstreams do that harms nobody and should be known: counted, and told to the operator once per listing. */
import { LRUCache } from 'lru-cache'
import type { Offer } from '../marketplace/offer.ts'
import type { Logger } from '../platform/logger.ts'
import type { Metrics } from '../platform/metrics.ts'

/** `mislabelled`: its content type says something else; `other_model`: it says that another model answered. */
export type Oddity = 'mislabelled' | 'other_model'

export interface Oddities {
  note(offer: Offer, oddity: Oddity): void
  /** Compares who answered, by the upstream's own word, with who was asked. */
  answeredBy(offer: Offer, model: string | undefined): void
}

/** Listings × oddities that are not told again. */
const MAX_TOLD = 10_000

export function createOddities({
  logger,
  metrics,
}: {
  logger: Pick<Logger, 'warn'>
  metrics: Pick<Metrics, 'samples'>
}): Oddities {
  const counts = new Map<Oddity, number>([
    ['mislabelled', 0],
    ['other_model', 0],
  ])
  const told = new LRUCache<string, true>({ max: MAX_TOLD })
  metrics.samples(
    'gateway_upstream_oddities_total',
    {
      help: 'Answers that were accepted though the upstream broke its format.',
      labels: ['oddity'],
      type: 'counter',
    },
    () => [...counts].map(([oddity, value]) => ({ labels: [oddity], value })),
  )
  function note({ listingId, model }: Offer, oddity: Oddity, detail: object = {}): void {
    counts.set(oddity, (counts.get(oddity) ?? 0) + 1)
    const key = `${listingId}:${oddity}`
    if (told.has(key)) return
    told.set(key, true)
    logger.warn({ listingId, model, oddity, ...detail }, 'an upstream answers oddly')
  }
  return {
    note: (offer, oddity) => note(offer, oddity),
    answeredBy(offer, model) {
      if (model === undefined || isSameModel(offer.upstreamModel, model)) return
      note(offer, 'other_model', { asked: offer.upstreamModel, answered: model.slice(0, 200) })
    },
  }
}

/** True for a model's dated snapshot and for a vendor's path before the name: `gpt-4o` is `openai/gpt-4o-2024-08-06`. */
export function isSameModel(asked: string, answered: string): boolean {
  const [one, other] = [bareName(asked), bareName(answered)]
  // Azure leaves it empty in the chunk that comes before the answer.
  return other === '' || one.startsWith(other) || other.startsWith(one)
}

function bareName(model: string): string {
  return model.slice(model.lastIndexOf('/') + 1).toLowerCase()
}
