import { useInfiniteQuery } from '@tanstack/react-query'
import { asObject, type Json, list, optionalText } from './decode.ts'
import { useApi } from './services.ts'

const pageSize = 50

interface ListPage<Item> {
  items: Item[]
  nextCursor: string | undefined
}

interface PagedListOptions<Item> {
  /** Goes with every page. */
  filter?: Readonly<Record<string, string>>
  /** In how many milliseconds to look again; false: not by itself. */
  lookAgain?: (items: readonly Item[]) => number | false
}

/** A list of the API that comes in pages; `data` is every item fetched so far. */
export function usePagedList<Item>(
  key: string,
  path: string,
  read: (item: Json) => Item,
  { filter = {}, lookAgain = () => false }: PagedListOptions<Item> = {},
) {
  const api = useApi()
  return useInfiniteQuery({
    queryKey: [key],
    queryFn: ({ pageParam, signal }) => {
      const query = new URLSearchParams({
        limit: String(pageSize),
        ...filter,
        ...(pageParam ? { cursor: pageParam } : {}),
      })
      return api.call(`${path}?${query}`, (json) => readListPage(json, read), { signal })
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.nextCursor,
    refetchInterval: ({ state }) => lookAgain(state.data?.pages.flatMap((page) => page.items) ?? []),
    select: ({ pages }) => pages.flatMap((page) => page.items),
  })
}

/** Reads `{data: […], nextCursor}`; a list that fits on one page may leave the cursor out. */
function readListPage<Item>(json: unknown, read: (item: Json) => Item): ListPage<Item> {
  const page = asObject(json)
  return { items: list(page, 'data', read), nextCursor: optionalText(page, 'nextCursor') }
}
