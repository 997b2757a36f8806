import type { CatalogModelShown, CatalogVersionShown } from '@bourse/gateway/api/catalog'
import type { ProviderShown } from '@bourse/gateway/api/marketplace'
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query'
import { useApi } from '../../lib/services.ts'
import { usePages } from '../../lib/use-pages.ts'
import { useRead } from '../../lib/use-read.ts'
import { type Search, withSearch } from '../../lib/with-search.ts'

const pageSize = 50

interface CatalogPage {
  data: CatalogModelShown[]
  nextCursor: string | null
  total: number
  withoutPrice: number
  withoutOffers: number
}

/** The catalogue in pages, with its totals. */
export function useCatalog(filter: Search) {
  const api = useApi()
  const path = '/api/catalog/models'
  return useInfiniteQuery({
    queryKey: [path, 'with totals', filter],
    queryFn: ({ pageParam, signal }) =>
      api.call(
        withSearch(path, { limit: pageSize, ...filter, cursor: pageParam }),
        (json) => json as CatalogPage,
        {
          signal,
        },
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.nextCursor ?? undefined,
    placeholderData: keepPreviousData,
    select: ({ pages }) => ({ models: pages.flatMap(({ data }) => data), totals: pages[0] as CatalogPage }),
  })
}

/** One model, whichever page of the catalogue it stands on. */
export function useCatalogModel(id: string | undefined) {
  const found = useRead<CatalogPage>(
    '/api/catalog/models',
    { q: id, limit: 100 },
    { enabled: id !== undefined },
  )
  return found.data?.data.find((model) => model.id === id)
}

export function useCatalogChanges(filter: Search) {
  return usePages<CatalogVersionShown>('/api/catalog/changes', filter)
}

export function useProviderList() {
  return useRead<{ data: ProviderShown[] }>('/api/providers')
}
