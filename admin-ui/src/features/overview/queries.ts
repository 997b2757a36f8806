import type { RequestsAnswer } from '@bourse/gateway/api/analytics'
import type { KeyShown } from '@bourse/gateway/api/keys'
import { useRead } from '../../lib/use-read.ts'
import { useSpend } from '../../lib/use-spend.ts'

/** Fresh enough to watch, rare enough to be free. */
const everyMs = 15_000
/** A request appears seconds after its answer. */
const latestEveryMs = 5_000
const requestsShown = 6
/** Keys beyond the newest hundred are looked after on their own page. */
const keysLookedAt = 100

export const spendDays = 30

export function useSpent() {
  return useSpend({ days: spendDays, refetchMs: everyMs })
}

export function useLatestRequests() {
  return useRead<RequestsAnswer>('/api/requests', { limit: requestsShown }, { refetchMs: latestEveryMs })
}

export function useNewestKeys() {
  return useRead<{ data: KeyShown[] }>('/api/keys', { limit: keysLookedAt })
}
