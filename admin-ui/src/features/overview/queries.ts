import { useQuery } from '@tanstack/react-query'
import { asObject, type Json, list, nanos, optionalText, text } from '../../lib/decode.ts'
import { useApi, usePerson } from '../../lib/services.ts'

/** The balance moves while requests run: fresh enough to watch, rare enough to be free. */
const balanceEveryMs = 15_000
const statementLines = 12

export interface Balance {
  balanceNanos: bigint
  availableNanos: bigint
  heldNanos: bigint
}

export interface StatementLine {
  id: string
  at: string
  what: string
  detail: string | undefined
  amountNanos: bigint
}

export function useBalance() {
  const api = useApi()
  const signedIn = usePerson() !== undefined
  return useQuery({
    queryKey: ['balance'],
    queryFn: ({ signal }) => api.call('/api/balance', readBalance, { signal }),
    refetchInterval: balanceEveryMs,
    enabled: signedIn,
  })
}

export function useStatement() {
  const api = useApi()
  return useQuery({
    queryKey: ['statement'],
    queryFn: ({ signal }) => api.call(`/api/statements?limit=${statementLines}`, readStatement, { signal }),
    refetchInterval: balanceEveryMs,
  })
}

export function readBalance(json: unknown): Balance {
  const balance = asObject(json)
  return {
    balanceNanos: nanos(balance, 'balanceNanos'),
    availableNanos: nanos(balance, 'availableNanos'),
    heldNanos: nanos(balance, 'heldNanos'),
  }
}

export function readStatement(json: unknown): StatementLine[] {
  return list(asObject(json), 'data', readLine)
}

function readLine(line: Json): StatementLine {
  return {
    id: text(line, 'id'),
    at: text(line, 'createdAt'),
    what: text(line, 'description'),
    detail: optionalText(line, 'model') ?? kindOf(text(line, 'code')),
    amountNanos: nanos(line, 'amountNanos'),
  }
}

/** What an operator booked is described in his words; the kind says what it is. */
function kindOf(code: string): string | undefined {
  return code === 'request_settled' ? undefined : code.replaceAll('_', ' ')
}
