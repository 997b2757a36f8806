/** What routing asks about a listing's past; `trust/` answers. */

export interface Reputation {
  /** Its share of the traffic that price and headroom alone would give it: 0.05 to 1. */
  factor: number
  /** Has served enough to be judged; until then it gets a small share of the traffic only. */
  proven: boolean
  /** Median completion tokens per second and milliseconds to the first content, when known. */
  tokensPerS?: number
  ttftMs?: number
}

export interface Reputations {
  of(offer: { id: string; listingId: string }): Reputation
}

/** Where nobody keeps count, everybody is as good as the next. */
export const unknownReputations: Reputations = { of: () => ({ factor: 1, proven: true }) }
