/** What a request takes of a listing: its tokens, and the most it may cost. */
import type { Model } from '../catalog/catalog.ts'
import type { Offer } from '../marketplace/offer.ts'
import { worstCase } from '../metering/price-usage.ts'

/** A model that may answer, and what the request comes to there. */
export interface ModelAsk {
  model: Model
  /** Upper estimate of the prompt. */
  inputTokens: number
  /** Of all choices together. */
  maxOutputTokens: number
}

/** What an attempt takes of a listing. */
export interface AttemptLoad {
  tokens: number
  /** The worst case; asked only where money is limited. */
  costNanos: () => bigint
}

/** What an attempt at `offer` takes of its listing. */
export function loadOf({ asks }: { asks: ReadonlyMap<string, ModelAsk> }, offer: Offer): AttemptLoad {
  const { inputTokens = 0, maxOutputTokens = 0 } = asks.get(offer.model) ?? {}
  return {
    tokens: inputTokens + maxOutputTokens,
    costNanos: () => worstCase({ inputTokens, maxOutputTokens, price: offer.price }),
  }
}
