import { asObject, type Json, list, optionalCount, optionalText, text } from '../../lib/decode.ts'
import { formatPrice } from '../../lib/money.ts'
import { formatMultiplier } from '../../lib/multiplier.ts'
import { useApi } from '../../lib/services.ts'
import { useInvalidatingMutation } from '../../lib/use-invalidating-mutation.ts'
import { usePagedList } from '../../lib/use-paged-list.ts'

export interface Listing {
  id: string
  name: string
  provider: string
  baseUrl: string | undefined
  state: string
  stateReason: string | undefined
  /** What the last verification came to, in a sentence. */
  verification: string | undefined
  models: readonly { model: string; price: string | undefined }[]
  capacity: Capacity
}

export interface Capacity {
  requestsPerMinute: number | undefined
  tokensPerMinute: number | undefined
  concurrency: number | undefined
}

export type Ground = 'own_endpoint' | 'authorised_reseller' | 'own_organisation'

export interface NewListing {
  provider: string
  name: string
  key: string
  baseUrl?: string
  models: { model: string; price: { kind: 'multiplier'; ppm: number } }[]
  capacity?: { requestsPerMinute?: number; tokensPerMinute?: number; concurrency?: number }
  ground: Ground
}

const path = '/api/marketplace/listings'
/** What a listing changes beside itself. */
const stale = ['listings', 'models'] as const

/** A key is verified in a second or two; the list follows. */
const verifyingMs = 1_000

/** The listings that one may manage: one's own, for operators all. */
export function useListings() {
  return usePagedList('listings', path, readListing, {
    filter: { scope: 'own' },
    lookAgain: (listings) => (listings.some(({ state }) => state === 'verifying') ? verifyingMs : false),
  })
}

export function useCreateListing() {
  const api = useApi()
  return useInvalidatingMutation(stale, (body: NewListing) =>
    api.call(path, readId, { method: 'POST', body }),
  )
}

/** Takes a listing out of the market, or puts it back. */
export function useSetListingState() {
  const api = useApi()
  return useInvalidatingMutation(stale, ({ id, state }: { id: string; state: 'active' | 'paused' }) =>
    api.call(pathOf(id), () => undefined, { method: 'PUT', body: { state } }),
  )
}

export function useDeleteListing() {
  const api = useApi()
  return useInvalidatingMutation(stale, (id: string) =>
    api.call(pathOf(id), () => undefined, { method: 'DELETE' }),
  )
}

function pathOf(id: string): string {
  return `${path}/${encodeURIComponent(id)}`
}

function readId(json: unknown): string {
  return text(asObject(json), 'id')
}

function readListing(listing: Json): Listing {
  const capacity = asObject(listing.capacity, 'capacity')
  return {
    id: text(listing, 'id'),
    name: text(listing, 'name'),
    provider: text(listing, 'provider'),
    baseUrl: optionalText(listing, 'baseUrl'),
    state: text(listing, 'state'),
    stateReason: optionalText(listing, 'stateReason'),
    verification: readVerification(listing),
    models: list(listing, 'models', (offer) => ({ model: text(offer, 'model'), price: readPrice(offer) })),
    capacity: {
      requestsPerMinute: optionalCount(capacity, 'requestsPerMinute'),
      tokensPerMinute: optionalCount(capacity, 'tokensPerMinute'),
      concurrency: optionalCount(capacity, 'concurrency'),
    },
  }
}

const steps: Readonly<Record<string, string>> = {
  listing_models: 'Asking the provider which models this key has.',
  probing: 'Asking one of them for a single token.',
}

function readVerification({ verification }: Json): string | undefined {
  if (verification === undefined || verification === null) return undefined
  const { step, message } = asObject(verification, 'verification')
  if (typeof message === 'string') return message
  return typeof step === 'string' ? steps[step] : undefined
}

/** What the rule comes to today; the rule itself when the catalogue has no list price for the model. */
function readPrice(offer: Json): string | undefined {
  if (offer.usdPerMTok !== undefined && offer.usdPerMTok !== null) {
    const today = asObject(offer.usdPerMTok, 'usdPerMTok')
    return `${formatPrice(text(today, 'input'))} in · ${formatPrice(text(today, 'output'))} out / M`
  }
  if (offer.price === undefined || offer.price === null) return undefined
  const price = asObject(offer.price, 'price')
  const ppm = optionalCount(price, 'ppm')
  return ppm === undefined ? optionalText(price, 'kind') : `list price × ${formatMultiplier(ppm)}`
}
