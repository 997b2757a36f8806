/** The token classes that carry a price of their own; see `providers/usage.ts` for the counts. */
export const tokenClasses = [
  'uncachedInput',
  'cacheRead',
  'cacheWrite5m',
  'cacheWrite1h',
  'audioInput',
  'output',
  'audioOutput',
] as const

export type TokenClass = (typeof tokenClasses)[number]

/** Pico-dollars per token of each class (= micro-dollars per million tokens). */
export type TokenPrices = Readonly<Record<TokenClass, bigint>>

/** A price table. Tiers are sorted; the last one whose `aboveInputTokens` the request exceeds replaces the base as a whole. */
export interface PriceTable {
  base: TokenPrices
  tiers: readonly { aboveInputTokens: number; prices: TokenPrices }[]
}

/** What a request will be billed at, frozen when it is admitted. */
export interface PriceSnapshot {
  table: PriceTable
  /** Nano-dollars per request. */
  nanosPerRequest: bigint
  /** Seller's multiplier in parts per million: 1_000_000n is the list price. */
  multiplierPpm: bigint
  /** The platform's share in basis points of the cost. */
  feeBps: bigint
  /** Of the seller's price for this model; each change makes a new one. */
  version?: number
}
