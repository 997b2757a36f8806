import type { CatalogModelShown } from '@bourse/gateway/api/catalog'
import type {
  CredentialStatus,
  ListingDashboardShown,
  ListingShown,
  PricePreviewShown,
  PriceRuleShown,
  PriceVersionShown,
  ProviderGroundsShown,
  ProviderShown,
} from '@bourse/gateway/api/marketplace'
import type { TrustCase } from '@bourse/gateway/api/trust'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useApi } from '../../lib/services.ts'
import { usePages } from '../../lib/use-pages.ts'
import { useRead } from '../../lib/use-read.ts'
import { useWrite } from '../../lib/use-write.ts'
import type { Search } from '../../lib/with-search.ts'
import type { ListingChange, NewListing } from './listing-values.ts'

const path = '/api/marketplace/listings'
const pathOf = (id: string): string => `${path}/${encodeURIComponent(id)}`
/** What a listing changes beside itself. */
const stale = ['/api/marketplace', '/api/providers', '/api/catalog']

/** A key is verified in a second or two; the page follows. */
const verifyingMs = 1_000
const liveMs = 15_000

/** The listings that one may manage: one's own, for operators all. */
export function useListings(filter: Search = {}) {
  const listings = usePages<ListingShown>(path, { scope: 'own', ...filter }, { refetchMs: liveMs })
  return listings
}

export function useListing(id: string | undefined) {
  const listing = useRead<ListingShown>(
    pathOf(id ?? ''),
    {},
    { enabled: id !== undefined, refetchMs: liveMs },
  )
  const isVerifying = listing.data?.state === 'verifying'
  // Asked again every second while its key is being tried.
  useRead<ListingShown>(
    pathOf(id ?? ''),
    {},
    { enabled: id !== undefined && isVerifying, refetchMs: isVerifying ? verifyingMs : false },
  )
  return listing
}

export function useDashboard(id: string | undefined) {
  return useRead<ListingDashboardShown>(
    `${pathOf(id ?? '')}/dashboard`,
    {},
    { enabled: id !== undefined, refetchMs: liveMs },
  )
}

export function usePriceVersions(id: string) {
  return usePages<PriceVersionShown>(`${pathOf(id)}/prices`)
}

export function useCasesOf(listing: string) {
  return usePages<TrustCase>('/api/trust/cases', { listing })
}

interface ProviderList {
  data: ProviderShown[]
  customEndpoints: boolean
  priceNoticeMs: number
}

export function useProviders() {
  return useRead<ProviderList>('/api/providers')
}

export function useCatalogModels(q: string) {
  return usePages<CatalogModelShown>('/api/catalog/models', { q })
}

export function useCreateListing() {
  return useWrite<NewListing, ListingShown>(stale, (body) => ({ path, method: 'POST', body }))
}

export function useChangeListing(id: string) {
  return useWrite<ListingChange, ListingShown>(stale, (body) => ({ path: pathOf(id), method: 'PUT', body }))
}

export function useDeleteListing() {
  return useWrite<string, undefined>(stale, (id) => ({ path: pathOf(id), method: 'DELETE' }))
}

export function useDecideGrounds() {
  return useWrite<{ provider: string; grounds: string[] }, ProviderGroundsShown>(stale, (body) => ({
    path: '/api/marketplace/grounds',
    method: 'PUT',
    body,
  }))
}

export function useCredentials() {
  return useRead<CredentialStatus>('/api/admin/credentials', {}, { refetchMs: liveMs })
}

export function useRotateCredentials() {
  return useWrite<void, CredentialStatus>(['/api/admin/credentials'], () => ({
    path: '/api/admin/credentials/rotate',
    method: 'POST',
    body: {},
  }))
}

export interface PreviewQuestion {
  model: string
  price: PriceRuleShown
  listing?: string
}

/** What a price would come to; the last answer stays in sight while the next one is on its way. */
export function usePricePreview(question: PreviewQuestion | undefined) {
  const api = useApi()
  return useQuery({
    queryKey: ['/api/marketplace/prices/preview', question],
    queryFn: ({ signal }) =>
      api.call('/api/marketplace/prices/preview', (json) => json as PricePreviewShown, {
        method: 'POST',
        body: question,
        signal,
      }),
    enabled: question !== undefined,
    placeholderData: keepPreviousData,
    retry: false,
  })
}
