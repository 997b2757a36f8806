/** Cases against listings: one's own for sellers, everybody's for operators. */
import { Router } from 'express'
import { cursorId, pageOf } from '../audit/page.ts'
import { type Door, serveOperation } from '../http/serve-operation.ts'
import { GatewayError } from '../platform/errors.ts'
import { formatId, parseId } from '../platform/ids.ts'
import { disputeCase, getCase, listCases, resolveCase, type TrustCase } from './api.ts'
import type { Cases } from './cases.ts'
import type { CaseRow } from './trust-store.ts'

export function createTrustRoutes({ cases, door }: { cases: Cases; door: Door }): Router {
  const router = Router()
  serveOperation(router, door, listCases, async ({ query: { limit, cursor, state, listing }, user }) => {
    const beforeId = cursorId('cas-', cursor)
    const rows = await cases.list(
      {
        limit: limit + 1,
        ...(beforeId ? { beforeId } : {}),
        ...(state ? { state } : {}),
        ...(listing ? { listingId: listingNamed(listing) } : {}),
      },
      user,
    )
    return pageOf(rows, limit, showCase)
  })
  serveOperation(router, door, getCase, async ({ params, user }) =>
    showCase(await cases.get(idOf(params), user)),
  )
  serveOperation(router, door, disputeCase, async ({ params, body, user }) =>
    showCase(await cases.dispute(idOf(params), body.reason, user)),
  )
  serveOperation(router, door, resolveCase, async ({ params, body, user }) =>
    showCase(await cases.resolve(idOf(params), body, user)),
  )
  return router
}

function showCase(row: CaseRow): TrustCase {
  const reserved = row.reserves.filter(({ state }) => state === 'held')
  return {
    id: formatId('cas-', row.id),
    listingId: formatId('lst-', row.listingId),
    model: row.model,
    kind: row.kind,
    state: row.state as TrustCase['state'],
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

function idOf({ id: named }: Record<string, string>): string {
  const id = parseId('cas-', String(named))
  if (id) return id
  throw new GatewayError('not_found', 'There is no such case. GET /api/trust/cases lists yours.')
}

function listingNamed(named: string): string {
  const id = parseId('lst-', named)
  if (id) return id
  throw new GatewayError('invalid_value', 'listing: use an id such as lst-….', { param: 'listing' })
}
