import type { RequestShown, RequestsAnswer } from '@bourse/gateway/api/analytics'
import { useQuery } from '@tanstack/react-query'
import { useApi } from '../../lib/services.ts'

/** A bill is booked within a second; a request of somebody else's key is never found. */
const triesAtMost = 5
const betweenTriesMs = 800
/** Other programs of this organisation may be busy meanwhile. */
const newestLookedAt = 50

/** One request, looked for among the newest until it is booked. */
export function useBookedRequest(id: string) {
  const api = useApi()
  return useQuery({
    queryKey: ['/api/requests', 'booked', id],
    queryFn: async ({ signal }): Promise<RequestShown> => {
      const newest = await api.call(
        `/api/requests?limit=${newestLookedAt}`,
        (json) => json as RequestsAnswer,
        { signal },
      )
      const found = newest.data.find((request) => request.id === id)
      if (!found) throw new Error('not booked yet')
      return found
    },
    staleTime: Number.POSITIVE_INFINITY,
    retry: (failures) => failures < triesAtMost,
    retryDelay: betweenTriesMs,
  })
}
