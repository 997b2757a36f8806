import { formatId } from '../platform/ids.ts'
import type { SessionRecord } from './session-store.ts'
import type { UserRecord } from './store.ts'

/** A user as `/api` shows him. */
export function showUser(user: UserRecord) {
  return {
    id: formatId('usr-', user.id),
    email: user.email,
    name: user.name,
    roles: user.roles,
    operator: user.roles.includes('operator'),
    organisationId: formatId('org-', user.organisationId),
    state: user.state,
    twoFactor: user.twoFactor,
    createdAt: user.createdAt.toISOString(),
    closedAt: user.closedAt?.toISOString() ?? null,
  }
}

/** A session as its user sees it; `currentId` is the one that asks. */
export function showSession(session: SessionRecord, currentId: string) {
  return {
    id: formatId('ses-', session.id),
    createdAt: session.createdAt.toISOString(),
    lastUsedAt: session.updatedAt.toISOString(),
    expiresAt: session.expiresAt.toISOString(),
    ipAddress: session.ipAddress || null,
    userAgent: session.userAgent || null,
    current: session.id === currentId,
  }
}
