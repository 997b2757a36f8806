import type { Earnings, PayoutDetail, PayoutShown } from '@bourse/gateway/api/payments'
import { usePerson } from '../../lib/services.ts'
import { usePages } from '../../lib/use-pages.ts'
import { useRead } from '../../lib/use-read.ts'
import { useWrite } from '../../lib/use-write.ts'

/** What changes when a payout moves. */
const STALE = [
  '/api/payouts',
  '/api/earnings',
  '/api/statements',
  '/api/transactions',
  '/api/ledger',
  '/api/admin',
]
const EVERY_MS = 15_000

/** One's own, also for operators, whose list would be everybody's. */
export function useOwnPayouts() {
  const organisation = usePerson()?.organisationId
  return usePages<PayoutShown>('/api/payouts', { organisation })
}

export function usePayouts(filter: { state?: string | undefined; organisation?: string | undefined }) {
  return usePages<PayoutShown>('/api/payouts', filter, { refetchMs: EVERY_MS })
}

export function usePayout(id: string | undefined) {
  return useRead<PayoutDetail>(`/api/payouts/${id}`, {}, { enabled: id !== undefined, refetchMs: EVERY_MS })
}

/** Where a seller stands; for operators of any seller. */
export function useEarnings(organisation: string | undefined) {
  return useRead<Earnings>('/api/earnings', { organisation }, { enabled: organisation !== undefined })
}

export function useRequestPayout() {
  return useWrite<{ amountNanos: bigint }, PayoutDetail>(STALE, ({ amountNanos }) => ({
    path: '/api/payouts',
    method: 'POST',
    body: { amountNanos: amountNanos.toString() },
  }))
}

export type PayoutAct = 'cancel' | 'approve' | 'refuse' | 'book' | 'fail'

export function usePayoutAct(act: PayoutAct) {
  return useWrite<{ id: string; body?: object }, PayoutDetail>(STALE, ({ id, body = {} }) => ({
    path: `/api/payouts/${id}/${act}`,
    method: 'POST',
    body,
  }))
}
