import { Router } from 'express'
import { cursorId, pageOf } from '../audit/page.ts'
import type { Principal } from '../http/principal.ts'
import { type Door, serveOperation } from '../http/serve-operation.ts'
import { GatewayError } from '../platform/errors.ts'
import { parseId } from '../platform/ids.ts'
import { createKey, getKey, listKeys, revokeKey, rotateKey, updateKey } from './api.ts'
import type { KeyRecord, Keys } from './keys.ts'
import { showKey } from './show-key.ts'

type User = Extract<Principal, { kind: 'user' }>

/** API keys of one's own organisation, and of any for operators (`?organisation=org-…`). */
export function createKeyRoutes({ keys, door }: { keys: Keys; door: Door }): Router {
  const router = Router()
  const withBudget = async (key: KeyRecord) => showKey(key, await keys.budgetOf(key.id))

  serveOperation(router, door, createKey, async ({ query, body, user }) => {
    const organisationId = ownOrNamed(user, query.organisation) ?? user.organisationId
    const { key, token } = await keys.mint({ ...body, organisationId, createdByUserId: user.userId }, user)
    return { ...(await withBudget(key)), key: token }
  })
  serveOperation(router, door, listKeys, async ({ query: { limit, cursor, organisation }, user }) => {
    const organisationId = ownOrNamed(user, organisation) ?? user.organisationId
    const beforeId = cursorId('key-', cursor)
    const rows = await keys.list({ limit: limit + 1, organisationId, ...(beforeId ? { beforeId } : {}) })
    const budgets = new Map<string, Awaited<ReturnType<Keys['budgetOf']>>>()
    // One after the other: a page in the console takes one of the ledger's connections, not all.
    for (const { id } of rows.slice(0, limit)) budgets.set(id, await keys.budgetOf(id))
    return pageOf(rows, limit, (key) => showKey(key, budgets.get(key.id)))
  })
  serveOperation(router, door, getKey, async ({ params, user }) =>
    withBudget(await reachableKey(keys, params.id, user)),
  )
  serveOperation(router, door, updateKey, async ({ params, body, user }) =>
    withBudget(await keys.update(await reachableKey(keys, params.id, user), body, user)),
  )
  serveOperation(router, door, rotateKey, async ({ params, body, user }) => {
    const { key, token } = await keys.rotate(await reachableKey(keys, params.id, user), body.graceS, user)
    return { ...(await withBudget(key)), key: token }
  })
  serveOperation(router, door, revokeKey, async ({ params, user }) =>
    withBudget(await keys.revoke(await reachableKey(keys, params.id, user), user)),
  )
  return router
}

/** The key of the path, if this user may reach it. */
function reachableKey(keys: Keys, named: string | undefined, user: User): Promise<KeyRecord> {
  const id = parseId('key-', String(named))
  if (!id) throw new GatewayError('not_found', 'There is no such key. GET /api/keys lists yours.')
  return keys.get(id, user.roles.includes('operator') ? undefined : user.organisationId)
}

/** The organisation a query names, for operators and for its own users. */
function ownOrNamed(user: User, named: string | undefined): string | undefined {
  if (named === undefined) return undefined
  const id = parseId('org-', named)
  if (id && (user.roles.includes('operator') || id === user.organisationId)) return id
  throw new GatewayError('forbidden', 'You can manage the keys of your own organisation only.', {
    param: 'organisation',
  })
}
