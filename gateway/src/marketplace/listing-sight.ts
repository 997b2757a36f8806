/** What the traffic knows of a listing and its row does not: a port that the router's side fulfils. */

/** How it does at this moment, on this gateway. */
export interface Sight {
  /** 0 idle to 1 full: the fullest of its limits. */
  fill: number
  /** What is left, 0 to 1, by the name of the limit; limits that are not set are not there. */
  headroom: Readonly<Record<string, number>>
  /** Models whose breaker is not closed. */
  breakers: readonly { model: string; state: string; untilMs: number | undefined }[]
  /** Left alone for a while: the whole listing (`model: null`), or one model of it. Milliseconds since 1970. */
  resting: readonly { model: string | null; reason: string; untilMs: number }[]
  /** Requests of the last hour that it could have served and that were given to another, by reason. */
  notChosen: Readonly<Record<string, number>>
  /** 0 to 1; null while nobody keeps one. */
  reputation: number | null
  /** Of the last hour's attempts that count, 0 to 1; null when there was none. */
  successRate: number | null
}

export interface ListingSights {
  sightOf(listingId: string): Sight
  /** How full it was at each minute of the last hour at most, the oldest first. */
  fillLastHour?(listingId: string): readonly number[]
}

export const listingHealths = ['healthy', 'impaired', 'resting'] as const
export type ListingHealth = (typeof listingHealths)[number]

// Rests that the clock ends and the listing itself has chosen: its own limits.
const OWN_LIMITS: ReadonlySet<string> = new Set(['day_limit', 'month_limit'])

/** The listing as it stands with a limit of its day or month reached: it is cooling until then, without being changed. */
export function withItsLimit<Listing extends { state: string; stateReason: string | null }>(
  listing: Listing,
  { resting }: Pick<Sight, 'resting'>,
): Listing {
  if (listing.state !== 'active') return listing
  const limit = resting.find(({ model, reason }) => model === null && OWN_LIMITS.has(reason))
  return limit ? { ...listing, state: 'cooling', stateReason: limit.reason } : listing
}

/** `resting`: nothing of it is tried; `impaired`: a model of it is not. */
export function healthOf(
  { breakers, resting }: Pick<Sight, 'breakers' | 'resting'>,
  models: number,
): ListingHealth {
  if (resting.some(({ model }) => model === null)) return 'resting'
  const sick = new Set([...breakers, ...resting].map(({ model }) => model))
  if (sick.size === 0) return 'healthy'
  return sick.size >= models ? 'resting' : 'impaired'
}
