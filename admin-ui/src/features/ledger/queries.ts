import type { LedgerAccount, LedgerJournal, LedgerLine, LedgerStatus } from '@bourse/gateway/api/ledger'
import { usePages } from '../../lib/use-pages.ts'
import { useRead } from '../../lib/use-read.ts'

const STATUS_EVERY_MS = 15_000

export function useLedgerStatus() {
  return useRead<LedgerStatus>('/api/ledger/status', {}, { refetchMs: STATUS_EVERY_MS })
}

export function useAccounts(filter: { q?: string | undefined; code?: string | undefined }) {
  return usePages<LedgerAccount>('/api/ledger/accounts', filter)
}

export function useAccount(key: string) {
  return useRead<LedgerAccount>(`/api/ledger/accounts/${encodeURIComponent(key)}`)
}

export function useEntries(key: string) {
  return usePages<LedgerLine>(`/api/ledger/accounts/${encodeURIComponent(key)}/entries`)
}

export function useJournal(id: string | undefined) {
  return useRead<LedgerJournal>(`/api/ledger/journals/${id}`, {}, { enabled: id !== undefined })
}
