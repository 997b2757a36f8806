import { Router } from 'express'
import { cursorId, pageOf } from '../audit/page.ts'
import { type Door, serveOperation } from '../http/serve-operation.ts'
import { GatewayError } from '../platform/errors.ts'
import { parseId } from '../platform/ids.ts'
import type { IssuedLink } from './links.ts'
import { showUser } from './show-user.ts'
import type { Users } from './users.ts'
import {
  createUser,
  creditUser,
  getUser,
  type InvitationShown,
  inviteAgain,
  listUsers,
  removeUser,
  resetTwoFactor,
  updateUser,
  withdrawInvitation,
} from './users-api.ts'
import { showBalance } from './wallets.ts'

/** Users as operators manage them. Paths relative to `/api`. */
export function createAccountRoutes({ users, door }: { users: Users; door: Door }): Router {
  const { accounts, wallets } = users
  const router = Router()

  serveOperation(router, door, listUsers, async ({ query }) => {
    const { limit, cursor, q, state, role } = query
    const beforeId = cursorId('usr-', cursor)
    const rows = await accounts.list({
      limit: limit + 1,
      ...(beforeId ? { beforeId } : {}),
      ...(q ? { search: q } : {}),
      ...(state ? { state } : {}),
      ...(role ? { role } : {}),
    })
    return pageOf(rows, limit, showUser)
  })
  serveOperation(router, door, createUser, async ({ body, user: actor }) => {
    const { user, password, invitation } = await accounts.create(body, actor)
    return {
      ...showUser(user),
      ...(password === undefined ? {} : { password }),
      ...(invitation ? { invitation: showInvitation(invitation, users.mailWay) } : {}),
    }
  })
  serveOperation(router, door, getUser, async ({ params }) => {
    const user = await accounts.get(userId(params.id))
    const [balance, sent, removal] = await Promise.all([
      wallets.balanceOf(user.organisationId),
      users.invitations.current(user.id),
      user.closedAt ? null : accounts.removalOf(user),
    ])
    const invitation = sent
      ? { sentAt: sent.createdAt.toISOString(), expiresAt: sent.expiresAt.toISOString() }
      : null
    return { ...showUser(user), balance: showBalance(balance), invitation, removal }
  })
  serveOperation(router, door, updateUser, async ({ params, body, user: actor }) => {
    const id = userId(params.id)
    if (body.password !== undefined) refuseOwn(id, actor, 'Change your own password under Account.')
    const { user, password } = await accounts.update(id, body, actor)
    return { ...showUser(user), ...(password === undefined ? {} : { password }) }
  })
  serveOperation(router, door, removeUser, async ({ params, user: actor }) => {
    const id = userId(params.id)
    return { id: String(params.id), outcome: await accounts.remove(id, actor) }
  })

  serveOperation(router, door, creditUser, async ({ params, body, request, response, user: actor }) => {
    const idempotencyKey = keyOf(request.headers['idempotency-key'])
    const { amountNanos, reason } = body
    const { organisationId } = await accounts.get(userId(params.id))
    const credit = { organisationId, amountNanos, reason, idempotencyKey }
    const { repeated, balance } = await wallets.credit(credit, actor)
    if (!repeated) response.status(201)
    return {
      userId: String(params.id),
      amountNanos: amountNanos.toString(),
      reason,
      balance: showBalance(balance),
    }
  })
  serveHelp(router, users, door)
  return router
}

/** What an operator does for who cannot get in. */
function serveHelp(router: Router, users: Users, door: Door): void {
  const { accounts, invitations, secondFactor } = users
  serveOperation(router, door, inviteAgain, async ({ params, user: actor }) => {
    const { invitation } = await invitations.sendAgain(userId(params.id), actor)
    return showInvitation(invitation, users.mailWay)
  })
  serveOperation(router, door, withdrawInvitation, async ({ params, user: actor }) => {
    await invitations.withdraw(userId(params.id), actor)
    return undefined
  })
  serveOperation(router, door, resetTwoFactor, async ({ params, user: actor }) => {
    const user = await accounts.get(userId(params.id))
    refuseOwn(user.id, actor, 'Turn your own two-factor sign-in off under Account.')
    if (await secondFactor.remove(user.id, actor)) await users.tellTwoFactor(user, false)
    return undefined
  })
}

/** A stolen token must not open more than it does: what asks for one's password has no way round. */
function refuseOwn(id: string, actor: { userId: string }, message: string): void {
  if (id === actor.userId) throw new GatewayError('forbidden', message)
}

/** The link itself only where no mail server will carry it. */
function showInvitation({ url, expiresAt }: IssuedLink, way: Users['mailWay']): InvitationShown {
  return {
    expiresAt: expiresAt.toISOString(),
    mail: way === 'kept' ? 'kept' : 'queued',
    ...(way === 'smtp' ? {} : { link: url }),
  }
}

function userId(id: unknown): string {
  const uuid = parseId('usr-', String(id))
  if (!uuid) throw new GatewayError('not_found', 'There is no such user. GET /api/users lists them.')
  return uuid
}

const IDEMPOTENCY_KEY_MAX_CHARACTERS = 255

function keyOf(header: string | string[] | undefined): string {
  if (typeof header === 'string' && /^[\x20-\x7e]{1,255}$/.test(header)) return header
  throw new GatewayError(
    'invalid_request',
    `Send an Idempotency-Key header of 1 to ${IDEMPOTENCY_KEY_MAX_CHARACTERS} printable characters, a new one for each credit, so that a repeated request credits once.`,
    { param: 'Idempotency-Key' },
  )
}
