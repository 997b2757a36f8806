import type { PriceSnapshot } from '../catalog/price.ts'
import type { ProviderConfig } from '../providers/provider.ts'
import type { PriceSchedule } from './price-versions.ts'

/** One listing's model at today's price: what the router ranks and a request freezes. */
export interface Offer extends CapacityLimits {
  /** `<listing uuid>:<model id>`. */
  id: string
  listingId: string
  sellerOrganisationId: string
  provider: ProviderConfig
  /** Without a slash at the end. */
  baseUrl: string
  /** Opened only in `egress/`, with `credentialAad`. */
  sealedCredential: Uint8Array
  credentialAad: string
  /** Public id, `author/name`. */
  model: string
  /** The provider's own name for it. */
  upstreamModel: string
  price: PriceSnapshot
  /** Absent when the price never changes by itself; else `priceNow` says the price of the moment. */
  schedule?: PriceSchedule
  /** What this model of the listing may carry, within what the listing may. */
  modelCapacity?: CapacityLimits
  /** Who answers: the provider itself, or a server of the seller's, whose counts are not proof of anything. */
  backing: 'key' | 'endpoint'
  /** Serves play money only, so it is on offer only where all money is play money. */
  playOnly: boolean
  /** Milliseconds since 1970 of the listing's last change: a seller who acted lifts what was held against the old one. */
  revision: number
}

/** What may be used; left out: no limit. */
export interface CapacityLimits {
  requestsPerMinute?: number
  tokensPerMinute?: number
  concurrency?: number
  tokensPerDay?: number
  tokensPerMonth?: number
  /** What buyers are billed for it, in nano-dollars. Days and months are UTC's. */
  nanosPerDay?: bigint
  nanosPerMonth?: bigint
}
