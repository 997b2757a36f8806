import type { BalanceShown } from '@bourse/gateway/api/users'
import { usePerson } from './services.ts'
import { useRead } from './use-read.ts'

/** The balance moves while requests run: fresh enough to watch, rare enough to be free. */
const balanceEveryMs = 15_000

/** What the person's organisation has: available and held make the balance. */
export function useBalance() {
  const signedIn = usePerson() !== undefined
  return useRead<BalanceShown>('/api/balance', {}, { refetchMs: balanceEveryMs, enabled: signedIn })
}
