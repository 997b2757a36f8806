import type { SessionShown, TwoFactorShown, UserShown } from '@bourse/gateway/api/users'
import { useRead } from '../../lib/use-read.ts'
import { useWrite } from '../../lib/use-write.ts'

export function useSessions() {
  return useRead<{ data: SessionShown[] }>('/api/sessions')
}

/** One of one's own sessions, or all but this one. */
export function useEndSession() {
  return useWrite<string | 'others', undefined>(['/api/sessions'], (id) => ({
    path: id === 'others' ? '/api/sessions' : `/api/sessions/${encodeURIComponent(id)}`,
    method: 'DELETE',
  }))
}

export function useRename() {
  return useWrite<string, UserShown>(['/api/users'], (name) => ({
    path: '/api/me',
    method: 'PATCH',
    body: { name },
  }))
}

export function useChangePassword() {
  return useWrite<{ currentPassword: string; newPassword: string }, undefined>(['/api/sessions'], (body) => ({
    path: '/api/me/password',
    method: 'POST',
    body,
  }))
}

const twoFactor = '/api/me/two-factor'

export function useTwoFactor() {
  return useRead<TwoFactorShown>(twoFactor)
}

export function useBeginTwoFactor() {
  return useWrite<string, { secret: string; uri: string }>([], (password) => ({
    path: twoFactor,
    method: 'POST',
    body: { password },
  }))
}

export function useConfirmTwoFactor() {
  return useWrite<string, { backupCodes: string[] }>([twoFactor, '/api/sessions'], (code) => ({
    path: `${twoFactor}/confirm`,
    method: 'POST',
    body: { code },
  }))
}

export function useRenewBackupCodes() {
  return useWrite<string, { backupCodes: string[] }>([twoFactor], (password) => ({
    path: `${twoFactor}/backup-codes`,
    method: 'POST',
    body: { password },
  }))
}

export function useDisableTwoFactor() {
  return useWrite<string, undefined>([twoFactor], (password) => ({
    path: `${twoFactor}/disable`,
    method: 'POST',
    body: { password },
  }))
}
