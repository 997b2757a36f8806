import type { RequestShown, RequestsAnswer, UsageAnswer } from '@bourse/gateway/api/analytics'
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { RANGES, type RangeSearch, rangeBounds, readRange } from '../../lib/range.ts'
import { useApi, usePerson } from '../../lib/services.ts'
import { usePageSearch } from '../../lib/use-page-search.ts'
import { useRead } from '../../lib/use-read.ts'
import { type Search, withSearch } from '../../lib/with-search.ts'

const pageSize = 50
const dayMs = 86_400_000

/** Whose requests: what I bought, what my listings served, or everybody's. */
export const SIDES = ['bought', 'sold', 'market'] as const
export type Side = (typeof SIDES)[number]

export interface RequestFilters {
  side: Side
  range: RangeSearch
  /** For the API: whose, which, and since when. */
  asked: Search
  /** The same without the outcome, which sums do not know. */
  summed: Search
}

/** The page's address as a question to the API. What "the last 24 hours" begins with stays, until another range is chosen. */
export function useRequestFilters(): RequestFilters {
  const { search } = usePageSearch()
  const roles = usePerson()?.roles ?? []
  const side = sideOf(search.side, roles)
  const range = readRange(search)
  const nowMs = useMomentOf(JSON.stringify(range))
  const summed = {
    ...(side === 'sold' ? { side: 'seller' } : {}),
    ...(side === 'market' ? { organisation: search.organisation ?? 'all' } : {}),
    ...rangeBounds(range, nowMs),
    model: search.model,
    key: side === 'sold' ? undefined : search.key,
    seller: side === 'sold' ? undefined : search.seller,
    listing: search.listing,
  }
  return { side, range, summed, asked: { ...summed, outcome: search.outcome } }
}

/** When this was first asked. */
function useMomentOf(question: string): number {
  const [asked, setAsked] = useState(() => ({ question, atMs: Date.now() }))
  if (asked.question === question) return asked.atMs
  const again = { question, atMs: Date.now() }
  setAsked(again)
  return again.atMs
}

function sideOf(asked: string | undefined, roles: readonly string[]): Side {
  if (asked === 'sold' && roles.includes('seller')) return 'sold'
  if (asked === 'market' && roles.includes('operator')) return 'market'
  return 'bought'
}

/** The list in pages; with the first one, how fast the newest were. */
export function useRequests(asked: Search) {
  const api = useApi()
  return useInfiniteQuery({
    queryKey: ['/api/requests', asked],
    queryFn: ({ pageParam, signal }) =>
      api.call(
        withSearch('/api/requests', { limit: pageSize, ...asked, cursor: pageParam }),
        (json) => json as RequestsAnswer,
        { signal },
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.nextCursor ?? undefined,
    placeholderData: keepPreviousData,
    select: ({ pages }): { rows: RequestShown[]; speed: RequestsAnswer['speed'] } => ({
      rows: pages.flatMap(({ data }) => data),
      speed: pages[0]?.speed,
    }),
  })
}

/** Sums of the same requests by hour, or by day for more than a week, in parts by model. */
export function useSpendByModel({ range, summed }: RequestFilters) {
  const groupBy = spanMs(range) > 7 * dayMs ? 'day' : 'hour'
  const tz = Intl.DateTimeFormat().resolvedOptions().timeZone
  return useRead<UsageAnswer>('/api/usage', { ...summed, groupBy, splitBy: 'model', tz, limit: 1_000 })
}

function spanMs({ range = '24h', from, to }: RangeSearch): number {
  if (from === undefined) return RANGES[range]
  return (to === undefined ? Date.now() : Date.parse(to)) - Date.parse(from)
}
