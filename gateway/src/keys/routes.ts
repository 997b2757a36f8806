import { type Request, type RequestHandler, type Response, Router } from 'express'
import { cursorId, pageOf } from '../audit/page.ts'
import { userOf } from '../http/principal.ts'
import { validate } from '../http/validate.ts'
import { GatewayError } from '../platform/errors.ts'
import { parseId } from '../platform/ids.ts'
import type { KeyRecord, Keys } from './keys.ts'
import { createKeyBody, listKeysQuery, organisationQuery, rotateKeyBody, updateKeyBody } from './schema.ts'
import { showKey } from './show-key.ts'

/** API keys of one's own organisation, and of any for operators (`?organisation=org-…`). Paths relative to `/api`. */
export function createKeyRoutes({
  keys,
  authenticate,
}: {
  keys: Keys
  authenticate: RequestHandler
}): Router {
  const router = Router()
  const withBudget = async (key: KeyRecord) => showKey(key, await keys.budgetOf(key.id))

  router.post('/keys', authenticate, async (request, response) => {
    const user = userOf(response)
    const { organisation } = validate(organisationQuery, request.query)
    const organisationId = ownOrNamed(response, organisation) ?? user.organisationId
    const draft = validate(createKeyBody, request.body ?? {})
    const { key, token } = await keys.mint({ ...draft, organisationId, createdByUserId: user.userId }, user)
    answerWithToken(response.status(201), await withBudget(key), token)
  })
  router.get('/keys', authenticate, async (request, response) => {
    const { limit, cursor, organisation } = validate(listKeysQuery, request.query)
    const organisationId = ownOrNamed(response, organisation) ?? userOf(response).organisationId
    const beforeId = cursorId('key-', cursor)
    const rows = await keys.list({ limit: limit + 1, organisationId, ...(beforeId ? { beforeId } : {}) })
    const budgets = new Map<string, Awaited<ReturnType<Keys['budgetOf']>>>()
    // One after the other: a page in the console takes one of the ledger's connections, not all.
    for (const { id } of rows.slice(0, limit)) budgets.set(id, await keys.budgetOf(id))
    response.json(pageOf(rows, limit, (key) => showKey(key, budgets.get(key.id))))
  })
  router.get('/keys/:id', authenticate, async (request, response) => {
    response.json(await withBudget(await reachableKey(keys, request, response)))
  })
  router.patch('/keys/:id', authenticate, async (request, response) => {
    const key = await reachableKey(keys, request, response)
    const changes = validate(updateKeyBody, request.body ?? {})
    response.json(await withBudget(await keys.update(key, changes, userOf(response))))
  })
  router.post('/keys/:id/rotate', authenticate, async (request, response) => {
    const key = await reachableKey(keys, request, response)
    const { graceS } = validate(rotateKeyBody, request.body ?? {})
    const rotated = await keys.rotate(key, graceS, userOf(response))
    answerWithToken(response, await withBudget(rotated.key), rotated.token)
  })
  router.delete('/keys/:id', authenticate, async (request, response) => {
    const key = await reachableKey(keys, request, response)
    response.json(await withBudget(await keys.revoke(key, userOf(response))))
  })
  return router
}

function answerWithToken(response: Response, shown: object, token: string): void {
  response.setHeader('cache-control', 'no-store')
  response.json({ ...shown, key: token })
}

/** The key of the path, if this user may reach it. */
function reachableKey(keys: Keys, request: Request, response: Response): Promise<KeyRecord> {
  const user = userOf(response)
  const id = parseId('key-', String(request.params.id))
  if (!id) throw new GatewayError('not_found', 'There is no such key. GET /api/keys lists yours.')
  return keys.get(id, user.roles.includes('operator') ? undefined : user.organisationId)
}

/** The organisation a query names, for operators and for its own users. */
function ownOrNamed(response: Response, named: string | undefined): string | undefined {
  if (named === undefined) return undefined
  const user = userOf(response)
  const id = parseId('org-', named)
  if (id && (user.roles.includes('operator') || id === user.organisationId)) return id
  throw new GatewayError('forbidden', 'You can manage the keys of your own organisation only.', {
    param: 'organisation',
  })
}
