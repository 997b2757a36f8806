import { asObject, type Json, optionalText, text, texts } from '../../lib/decode.ts'
import { useApi } from '../../lib/services.ts'
import { useInvalidatingMutation } from '../../lib/use-invalidating-mutation.ts'
import { usePagedList } from '../../lib/use-paged-list.ts'

export interface User {
  id: string
  name: string
  email: string
  roles: readonly string[]
  createdAt: string | undefined
  closedAt: string | undefined
}

export interface NewUser {
  name: string
  email: string
  roles: ('buyer' | 'seller')[]
  operator: boolean
  /** Left out, the gateway makes one and tells it once. */
  password?: string
}

export interface Credit {
  userId: string
  amountNanos: bigint
  reason: string
  /** The same for every try of one credit, so that a retry cannot pay twice. */
  idempotencyKey: string
}

export function useUsers() {
  return usePagedList('users', '/api/users', readUser)
}

/** Creates a user; the answer has the password when the gateway made it. */
export function useCreateUser() {
  const api = useApi()
  return useInvalidatingMutation(['users'], (body: NewUser) =>
    api.call('/api/users', readCreated, { method: 'POST', body }),
  )
}

export function useAddCredit() {
  const api = useApi()
  return useInvalidatingMutation(['users', 'balance', 'statement'], (credit: Credit) =>
    api.call(`/api/users/${encodeURIComponent(credit.userId)}/credits`, () => undefined, {
      method: 'POST',
      body: { amountNanos: credit.amountNanos.toString(), reason: credit.reason },
      headers: { 'idempotency-key': credit.idempotencyKey },
    }),
  )
}

function readCreated(json: unknown): { email: string; password: string | undefined } {
  const created = asObject(json)
  const user = created.user === undefined ? created : asObject(created.user, 'user')
  return { email: text(user, 'email'), password: optionalText(created, 'password') }
}

function readUser(user: Json): User {
  const operator = user.operator === true && !texts(user, 'roles').includes('operator') ? ['operator'] : []
  return {
    id: text(user, 'id'),
    name: text(user, 'name'),
    email: text(user, 'email'),
    roles: [...texts(user, 'roles'), ...operator],
    createdAt: optionalText(user, 'createdAt'),
    closedAt: optionalText(user, 'closedAt'),
  }
}
