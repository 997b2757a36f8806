import { Router } from 'express'
import { type Door, serveOperation } from '../http/serve-operation.ts'
import { formatId } from '../platform/ids.ts'
import { type AuditEventShown, listAudit } from './api.ts'
import type { Audit, AuditRow } from './audit.ts'
import { cursorId, pageOf } from './page.ts'

/** `GET /audit` for operators: the newest events first. */
export function createAuditRoutes({ audit, door }: { audit: Audit; door: Door }): Router {
  const router = Router()
  serveOperation(router, door, listAudit, async ({ query }) => {
    const { limit, cursor, action, subject } = query
    const beforeId = cursorId('aud-', cursor)
    const rows = await audit.list({
      limit: limit + 1,
      ...(beforeId ? { beforeId } : {}),
      ...(action ? { action } : {}),
      ...(subject ? { subject } : {}),
    })
    return pageOf(rows, limit, showEvent)
  })
  return router
}

function showEvent(row: AuditRow): AuditEventShown {
  return {
    id: formatId('aud-', row.id),
    at: row.at.toISOString(),
    actor: { type: row.actorType as AuditEventShown['actor']['type'], id: row.actorId },
    action: row.action,
    subject: row.subject,
    detail: row.detail,
  }
}
