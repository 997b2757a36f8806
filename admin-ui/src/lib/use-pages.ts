import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query'
import { useApi } from './services.ts'
import { type Search, withSearch } from './with-search.ts'

const pageSize = 50

interface ListPage<Item> {
  data: Item[]
  nextCursor: string | null
}

/** A list of the API that comes in pages; `data` is every item fetched so far. The filter is part of its identity. */
export function usePages<Item>(
  path: string,
  filter: Search = {},
  { refetchMs = false }: { refetchMs?: number | false } = {},
) {
  const api = useApi()
  return useInfiniteQuery({
    queryKey: [path, filter],
    queryFn: ({ pageParam, signal }) =>
      api.call(
        withSearch(path, { limit: pageSize, ...filter, cursor: pageParam }),
        (json) => json as ListPage<Item>,
        { signal },
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.nextCursor ?? undefined,
    refetchInterval: refetchMs,
    placeholderData: keepPreviousData,
    select: ({ pages }) => pages.flatMap((page) => page.data),
  })
}
