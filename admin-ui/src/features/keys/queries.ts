import {
  asObject,
  type Json,
  optionalCount,
  optionalNanos,
  optionalText,
  text,
  texts,
} from '../../lib/decode.ts'
import { useApi } from '../../lib/services.ts'
import { useInvalidatingMutation } from '../../lib/use-invalidating-mutation.ts'
import { usePagedList } from '../../lib/use-paged-list.ts'

export interface ApiKey {
  id: string
  name: string
  /** Its first and last characters, to tell keys apart. */
  label: string
  scopes: readonly string[]
  createdAt: string
  lastUsedAt: string | undefined
  expiresAt: string | undefined
  revokedAt: string | undefined
  requestsPerMinute: number | undefined
  budget: { limitNanos: bigint; spentNanos: bigint | undefined; period: string } | undefined
}

export interface NewKey {
  name: string
  expiresAt?: string
  requestsPerMinute?: number
  budget?: { limitNanos: string; period: 'day' | 'week' | 'month' | 'total' }
}

export function useKeys() {
  return usePagedList('keys', '/api/keys', readKey)
}

/** Creates a key; the answer is the only place where its secret ever appears. */
export function useCreateKey() {
  const api = useApi()
  return useInvalidatingMutation(['keys'], (body: NewKey) =>
    api.call('/api/keys', readSecret, { method: 'POST', body }),
  )
}

export function useRevokeKey() {
  const api = useApi()
  return useInvalidatingMutation(['keys'], (id: string) =>
    api.call(`/api/keys/${encodeURIComponent(id)}`, () => undefined, { method: 'DELETE' }),
  )
}

export function keyState(key: ApiKey, nowMs: number): 'active' | 'revoked' | 'expired' {
  if (key.revokedAt !== undefined) return 'revoked'
  return key.expiresAt !== undefined && Date.parse(key.expiresAt) <= nowMs ? 'expired' : 'active'
}

function readSecret(json: unknown): string {
  return text(asObject(json), 'key')
}

function readKey(key: Json): ApiKey {
  return {
    id: text(key, 'id'),
    name: text(key, 'name'),
    label: text(key, 'label'),
    scopes: texts(key, 'scopes'),
    createdAt: text(key, 'createdAt'),
    lastUsedAt: optionalText(key, 'lastUsedAt'),
    expiresAt: optionalText(key, 'expiresAt'),
    revokedAt: optionalText(key, 'revokedAt'),
    requestsPerMinute: optionalCount(key, 'requestsPerMinute'),
    budget: readBudget(key),
  }
}

function readBudget(key: Json): ApiKey['budget'] {
  if (key.budget === undefined || key.budget === null) return undefined
  const budget = asObject(key.budget, 'budget')
  const limitNanos = optionalNanos(budget, 'limitNanos')
  if (limitNanos === undefined) return undefined
  return { limitNanos, spentNanos: optionalNanos(budget, 'spentNanos'), period: text(budget, 'period') }
}
