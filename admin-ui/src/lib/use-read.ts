import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useApi } from './services.ts'
import { type Search, withSearch } from './with-search.ts'

interface ReadOptions {
  /** Look again after so many milliseconds. */
  refetchMs?: number | false
  /** `false`: not yet. */
  enabled?: boolean
}

/**
 * One object of the API. Its type comes from the gateway's own description of the route
 * (`import type { … } from '@bourse/gateway/api/<room>'`), which the gateway's tests hold every answer against.
 */
export function useRead<Answer>(path: string, search: Search = {}, options: ReadOptions = {}) {
  const api = useApi()
  const { refetchMs = false, enabled = true } = options
  return useQuery({
    queryKey: [path, search],
    queryFn: ({ signal }) => api.call(withSearch(path, search), (json) => json as Answer, { signal }),
    refetchInterval: refetchMs,
    placeholderData: keepPreviousData,
    enabled,
  })
}
