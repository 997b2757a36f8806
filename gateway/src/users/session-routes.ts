import { Router } from 'express'
import { type Door, serveOperation } from '../http/serve-operation.ts'
import { GatewayError } from '../platform/errors.ts'
import { formatId, parseId } from '../platform/ids.ts'
import {
  beginTwoFactor,
  changePassword,
  confirmTwoFactor,
  disableTwoFactor,
  endOtherSessions,
  endSession,
  getMe,
  getTwoFactor,
  listSessions,
  renewBackupCodes,
  updateMe,
} from './account-api.ts'
import { showSession, showUser } from './show-user.ts'
import type { Users } from './users.ts'
import { visitorOf } from './visitor.ts'

/** What people do with their own account. Paths relative to `/api`. */
export function createSessionRoutes({ users, door }: { users: Users; door: Door }): Router {
  const { sessions, accounts, mode } = users
  const router = Router()

  serveOperation(router, door, getMe, async ({ user: { userId, sessionId } }) => {
    const user = await accounts.get(userId)
    return { ...showUser(user), mode, sessionId: formatId('ses-', sessionId) }
  })
  serveOperation(router, door, updateMe, async ({ user: principal, body }) => {
    const { user } = await accounts.update(principal.userId, body, principal)
    return { ...showUser(user), mode }
  })
  serveOperation(router, door, changePassword, async ({ user, body, request }) => {
    await sessions.changePassword(user, body, visitorOf(request))
    return undefined
  })

  serveOperation(router, door, listSessions, async ({ user: { userId, sessionId } }) => {
    const own = await sessions.list(userId)
    return { data: own.map((session) => showSession(session, sessionId)) }
  })
  serveOperation(router, door, endSession, async ({ user, params }) => {
    const id = parseId('ses-', String(params.id))
    if (!id) throw new GatewayError('not_found', 'You have no such session. GET /api/sessions lists yours.')
    await sessions.end(user, id)
    return undefined
  })
  serveOperation(router, door, endOtherSessions, async ({ user }) => {
    await sessions.endOthers(user)
    return undefined
  })
  serveSecondFactor(router, users, door)
  return router
}

/** Turning it on needs the password and a code; turning it off, or new backup codes, the password. */
function serveSecondFactor(router: Router, users: Users, door: Door): void {
  const { sessions, accounts, secondFactor } = users
  serveOperation(router, door, getTwoFactor, async ({ user }) => {
    const { enabledAt, backupCodesLeft } = await secondFactor.stateOf(user.userId)
    return { enabledAt: enabledAt?.toISOString() ?? null, backupCodesLeft }
  })
  serveOperation(router, door, beginTwoFactor, async ({ user, body, request }) => {
    await sessions.requirePassword(user, body.password, visitorOf(request))
    return secondFactor.begin(await accounts.get(user.userId))
  })
  serveOperation(router, door, confirmTwoFactor, async ({ user, body }) => {
    const backupCodes = await secondFactor.confirm(user, body.code)
    // The database has ended them; this node is told.
    await sessions.endOthers(user)
    await users.tellTwoFactor(await accounts.get(user.userId), true)
    return { backupCodes }
  })
  serveOperation(router, door, renewBackupCodes, async ({ user, body, request }) => {
    await sessions.requirePassword(user, body.password, visitorOf(request))
    return { backupCodes: await secondFactor.renewBackupCodes(user) }
  })
  serveOperation(router, door, disableTwoFactor, async ({ user, body, request }) => {
    await sessions.requirePassword(user, body.password, visitorOf(request))
    if (await secondFactor.remove(user.userId, user))
      await users.tellTwoFactor(await accounts.get(user.userId), false)
    return undefined
  })
}
