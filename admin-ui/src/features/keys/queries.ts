import type { KeyShown, KeyWithSecret } from '@bourse/gateway/api/keys'
import { usePages } from '../../lib/use-pages.ts'
import { useRead } from '../../lib/use-read.ts'
import { useWrite } from '../../lib/use-write.ts'
import type { KeySettings } from './key-values.ts'

const path = '/api/keys'
const pathOf = (id: string): string => `${path}/${encodeURIComponent(id)}`

export function useKeys() {
  return usePages<KeyShown>(path)
}

export function useKey(id: string | undefined) {
  return useRead<KeyShown>(pathOf(id ?? ''), {}, { enabled: id !== undefined })
}

/** Creates a key; the answer is the only place where its secret ever appears. */
export function useCreateKey() {
  return useWrite<Partial<KeySettings>, KeyWithSecret>([path], (body) => ({ path, method: 'POST', body }))
}

export function useUpdateKey(id: string) {
  return useWrite<Partial<KeySettings>, KeyShown>([path], (body) => ({
    path: pathOf(id),
    method: 'PATCH',
    body,
  }))
}

/** A new secret for the same key; the old one goes on for `graceS` seconds. */
export function useRotateKey() {
  return useWrite<{ id: string; graceS: number }, KeyWithSecret>([path], ({ id, graceS }) => ({
    path: `${pathOf(id)}/rotate`,
    method: 'POST',
    body: { graceS },
  }))
}

export function useRevokeKey() {
  return useWrite<string, KeyShown>([path], (id) => ({ path: pathOf(id), method: 'DELETE' }))
}
