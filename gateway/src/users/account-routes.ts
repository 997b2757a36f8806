import { type RequestHandler, Router } from 'express'
import { cursorId, pageOf } from '../audit/page.ts'
import { requireRole, userOf } from '../http/principal.ts'
import { validate } from '../http/validate.ts'
import { GatewayError } from '../platform/errors.ts'
import { parseId } from '../platform/ids.ts'
import { createUserBody, creditBody, listUsersQuery, updateUserBody } from './schema.ts'
import { showUser } from './show-user.ts'
import type { Users } from './users.ts'
import { showBalance } from './wallets.ts'

/** Users as operators manage them. Paths relative to `/api`. */
export function createAccountRoutes({
  users,
  authenticate,
}: {
  users: Users
  authenticate: RequestHandler
}): Router {
  const { accounts, wallets } = users
  const router = Router()
  const operator = requireRole('operator')

  router.get('/users', authenticate, operator, async (request, response) => {
    const { limit, cursor, q } = validate(listUsersQuery, request.query)
    const beforeId = cursorId('usr-', cursor)
    const rows = await accounts.list({
      limit: limit + 1,
      ...(beforeId ? { beforeId } : {}),
      ...(q ? { search: q } : {}),
    })
    response.json(pageOf(rows, limit, showUser))
  })
  router.post('/users', authenticate, operator, async (request, response) => {
    const draft = validate(createUserBody, request.body ?? {})
    const { user, password } = await accounts.create(draft, userOf(response))
    response.setHeader('cache-control', 'no-store')
    response.status(201).json({ ...showUser(user), ...(password === undefined ? {} : { password }) })
  })
  router.get('/users/:id', authenticate, operator, async (request, response) => {
    const user = await accounts.get(userId(request.params.id))
    response.json({ ...showUser(user), balance: showBalance(await wallets.balanceOf(user.organisationId)) })
  })
  router.patch('/users/:id', authenticate, operator, async (request, response) => {
    const changes = validate(updateUserBody, request.body ?? {})
    const { user, password } = await accounts.update(userId(request.params.id), changes, userOf(response))
    response.setHeader('cache-control', 'no-store')
    response.json({ ...showUser(user), ...(password === undefined ? {} : { password }) })
  })
  router.delete('/users/:id', authenticate, operator, async (request, response) => {
    const id = userId(request.params.id)
    response.json({ id: request.params.id, outcome: await accounts.remove(id, userOf(response)) })
  })

  router.post('/users/:id/credits', authenticate, operator, async (request, response) => {
    const idempotencyKey = keyOf(request.headers['idempotency-key'])
    const { amountNanos, reason } = validate(creditBody, request.body ?? {})
    const user = await accounts.get(userId(request.params.id))
    const credit = { organisationId: user.organisationId, amountNanos, reason, idempotencyKey }
    const { repeated, balance } = await wallets.credit(credit, userOf(response))
    const shown = {
      userId: request.params.id,
      amountNanos: amountNanos.toString(),
      reason,
      balance: showBalance(balance),
    }
    response.status(repeated ? 200 : 201).json(shown)
  })
  return router
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
