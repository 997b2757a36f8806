/** How an offer has served, as everybody may see it; `trust/` keeps it. */

export interface ShownReputation {
  /** Lower bound of its share of successes, 95 % sure: what the router goes by. */
  score: number
  successShare: number
  ttftMsP50: number | null
  tokensPerSP50: number | null
  /** Completed attempts that it rests on; old ones count less and less. */
  samples: number
  since: string
}

export interface ReputationView {
  /** `null` for an offer that has not served. */
  show(offer: { listingId: string; model: string }): ShownReputation | null
}
