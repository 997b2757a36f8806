/** What the traffic knows of an offer and its listing's row does not: a port that the router's side fulfils. */
import type { Offer } from './offer.ts'

export interface OfferSight {
  /**
   * `available`: requests may go there now; `trying_again`: ejected, and tried with single requests; `failing`: its
   * breaker or its provider's is open; `resting`: left alone for a while; `full`: a limit of its own is reached.
   */
  standing: 'available' | 'trying_again' | 'failing' | 'resting' | 'full'
  /** Which of the router's standings that is; null for an available one. */
  reason: string | null
  /** Milliseconds since 1970; undefined: not known. */
  untilMs: number | undefined
  /** 0 to 1. */
  fill: number
  /** Attempts of the last 24 hours that count, and how many of them succeeded. */
  attempts: number
  successes: number
}

export interface OfferSights {
  sightOf(offer: Offer): OfferSight
  /** From when attempts are counted: 24 hours ago, or when this gateway started. Milliseconds since 1970. */
  countedSinceMs(): number
}
