import type { InvitationShown, UserCreated, UserDetailShown, UserShown } from '@bourse/gateway/api/users'
import { usePages } from '../../lib/use-pages.ts'
import { useRead } from '../../lib/use-read.ts'
import { useWrite } from '../../lib/use-write.ts'

export interface NewUser {
  name: string
  email: string
  roles: ('buyer' | 'seller')[]
  operator: boolean
  /** By mail; the person chooses the password. */
  invite?: true
  /** Left out, and without an invitation, the gateway makes one and tells it once. */
  password?: string
}

export interface Credit {
  userId: string
  amountNanos: bigint
  reason: string
  /** The same for every try of one credit, so that a retry cannot pay twice. */
  idempotencyKey: string
}

interface UserChange {
  id: string
  changes: {
    name?: string
    email?: string
    roles?: ('buyer' | 'seller')[]
    operator?: boolean
    password?: true
  }
}

const pathOf = (id: string) => `/api/users/${encodeURIComponent(id)}`
const users = ['/api/users']

export function useUsers(filter: { q?: string; state?: string; role?: string }) {
  return usePages<UserShown>('/api/users', filter)
}

export function useUser(id: string) {
  return useRead<UserDetailShown>(pathOf(id))
}

/** Creates a user; the answer has the password when the gateway made it, or the link nobody will send. */
export function useCreateUser() {
  return useWrite<NewUser, UserCreated>(users, (body) => ({ path: '/api/users', method: 'POST', body }))
}

/** Changes a user; the answer has the password when the gateway made it. */
export function useChangeUser() {
  return useWrite<UserChange, UserShown & { password?: string }>(users, ({ id, changes }) => ({
    path: pathOf(id),
    method: 'PATCH',
    body: changes,
  }))
}

export function useRemoveUser() {
  return useWrite<string, { outcome: 'closed' | 'deleted' }>(users, (id) => ({
    path: pathOf(id),
    method: 'DELETE',
  }))
}

export function useInviteAgain() {
  return useWrite<string, InvitationShown>(users, (id) => ({
    path: `${pathOf(id)}/invitation`,
    method: 'POST',
  }))
}

export function useWithdrawInvitation() {
  return useWrite<string, undefined>(users, (id) => ({ path: `${pathOf(id)}/invitation`, method: 'DELETE' }))
}

export function useResetTwoFactor() {
  return useWrite<string, undefined>(users, (id) => ({ path: `${pathOf(id)}/two-factor`, method: 'DELETE' }))
}

export function useAddCredit() {
  return useWrite<Credit, unknown>(
    ['/api/users', '/api/balance', '/api/statements'],
    ({ userId, amountNanos, reason, idempotencyKey }) => ({
      path: `${pathOf(userId)}/credits`,
      method: 'POST',
      body: { amountNanos: amountNanos.toString(), reason },
      headers: { 'idempotency-key': idempotencyKey },
    }),
  )
}
