import { formatId } from '../platform/ids.ts'
import { showCapacity } from './listing-capacity.ts'
import type { ListingHealth } from './listing-sight.ts'
import type { ListingState } from './listing-states.ts'
import type { ListingShown } from './listings-api.ts'
import type { ListedPrice } from './price-book.ts'
import type { ShownReputation } from './reputation-view.ts'
import type { Ground } from './schema.ts'
import { visibleText } from './seller-text.ts'
import type { ListingRecord } from './store.ts'

// A hint must not be a good part of the key it stands for.
const HINTED_KEY_CHARACTERS = 12

/** What people recognise a key by: its last four characters; nothing of a key that is short. */
export function hintOf(key: string): string {
  return key.length >= HINTED_KEY_CHARACTERS ? key.slice(-4) : ''
}

/** What is known of an offer beside its name: its price, and how it has served. */
export type PriceOf = (
  listingId: string,
  model: string,
) => (Partial<ListedPrice> & { reputation?: ShownReputation | null }) | undefined

/** A listing as its seller and operators see it. The credential is not among what is read, so it cannot be shown. */
export function showListing(listing: ListingRecord, priceOf: PriceOf, health?: ListingHealth): ListingShown {
  return {
    id: formatId('lst-', listing.id),
    organisationId: formatId('org-', listing.organisationId),
    provider: listing.provider,
    name: visibleText(listing.name),
    baseUrl: listing.baseUrl,
    keyHint: listing.credentialHint,
    models: listing.models.map(({ model, upstreamModel, capacity }) => ({
      model,
      upstreamModel,
      ...(capacity === null ? {} : { capacity: capacity as object }),
      ...priceOf(listing.id, model),
    })),
    capacity: showCapacity(listing),
    ground: listing.ground as Ground,
    groundAttestedAt: listing.groundAttestedAt.toISOString(),
    groundAttestedBy: listing.groundAttestedBy,
    state: listing.state as ListingState,
    stateReason: listing.stateReason,
    verification: showVerification(listing),
    reviewReason: listing.reviewReason,
    ...(health === undefined ? {} : { health }),
    createdAt: listing.createdAt.toISOString(),
    updatedAt: listing.updatedAt.toISOString(),
  }
}

/** What anybody may know of a listing that is on offer: what it sells, for how much, and where it leads. */
export function showPublicListing(listing: ListingRecord, priceOf: PriceOf, health: ListingHealth) {
  return {
    id: formatId('lst-', listing.id),
    provider: listing.provider,
    name: visibleText(listing.name),
    host: new URL(listing.baseUrl).host,
    models: listing.models.map(({ model }) => ({ model, ...priceOf(listing.id, model) })),
    ground: listing.ground as Ground,
    state: listing.state as ListingState,
    health,
    createdAt: listing.createdAt.toISOString(),
  }
}

/** How far the verification is, or how the last one ended; null for a listing that never had one. */
function showVerification({ state, verification, verifiedAt }: ListingRecord) {
  if (!verification) return null
  const { step, outcome, message, checkedAt, attempts, unlisted } = verification
  return {
    step: state === 'verifying' ? step : null,
    outcome,
    message,
    checkedAt: checkedAt?.toISOString() ?? null,
    attempts,
    verifiedAt: verifiedAt?.toISOString() ?? null,
    ...(unlisted.length === 0 ? {} : { unlisted }),
  }
}
