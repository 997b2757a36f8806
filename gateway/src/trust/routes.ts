/** Cases against listings: one's own for sellers, everybody's for operators. Paths relative to `/api`. */
import { type Request, type RequestHandler, Router } from 'express'
import { cursorId, pageOf } from '../audit/page.ts'
import { userOf } from '../http/principal.ts'
import { validate } from '../http/validate.ts'
import { GatewayError } from '../platform/errors.ts'
import { formatId, parseId } from '../platform/ids.ts'
import type { Cases } from './cases.ts'
import { disputeBody, listCasesQuery, resolveBody } from './schema.ts'
import type { CaseRow } from './trust-store.ts'

export function createTrustRoutes({
  cases,
  authenticate,
}: {
  cases: Cases
  authenticate: RequestHandler
}): Router {
  const router = Router()
  router.get('/trust/cases', authenticate, async (request, response) => {
    const { limit, cursor, state, listing } = validate(listCasesQuery, request.query)
    const beforeId = cursorId('cas-', cursor)
    const rows = await cases.list(
      {
        limit: limit + 1,
        ...(beforeId ? { beforeId } : {}),
        ...(state ? { state } : {}),
        ...(listing ? { listingId: listingNamed(listing) } : {}),
      },
      userOf(response),
    )
    response.json(pageOf(rows, limit, showCase))
  })
  router.get('/trust/cases/:id', authenticate, async (request, response) => {
    response.json(showCase(await cases.get(idOf(request), userOf(response))))
  })
  router.post('/trust/cases/:id/dispute', authenticate, async (request, response) => {
    const { reason } = validate(disputeBody, request.body ?? {})
    response.json(showCase(await cases.dispute(idOf(request), reason, userOf(response))))
  })
  router.post('/trust/cases/:id/resolve', authenticate, async (request, response) => {
    const resolution = validate(resolveBody, request.body ?? {})
    response.json(showCase(await cases.resolve(idOf(request), resolution, userOf(response))))
  })
  return router
}

function showCase(row: CaseRow) {
  const reserved = row.reserves.filter(({ state }) => state === 'held')
  return {
    id: formatId('cas-', row.id),
    listingId: formatId('lst-', row.listingId),
    model: row.model,
    kind: row.kind,
    state: row.state,
    quarantined: row.quarantined,
    evidence: row.evidence,
    reservedNanos: reserved.reduce((sum, { amountNanos }) => sum + amountNanos, 0n).toString(),
    openedAt: row.openedAt.toISOString(),
    disputedAt: row.disputedAt?.toISOString() ?? null,
    dispute: row.dispute,
    resolvedAt: row.resolvedAt?.toISOString() ?? null,
    note: row.note,
  }
}

function idOf(request: Request): string {
  const id = parseId('cas-', String(request.params.id))
  if (id) return id
  throw new GatewayError('not_found', 'There is no such case. GET /api/trust/cases lists yours.')
}

function listingNamed(named: string): string {
  const id = parseId('lst-', named)
  if (id) return id
  throw new GatewayError('invalid_value', 'listing: use an id such as lst-….', { param: 'listing' })
}
