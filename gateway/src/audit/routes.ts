import { type RequestHandler, Router } from 'express'
import { requireRole } from '../http/principal.ts'
import { validate } from '../http/validate.ts'
import { formatId } from '../platform/ids.ts'
import type { Audit, AuditRow } from './audit.ts'
import { cursorId, pageOf, pageQuery, queryText } from './page.ts'

const auditQuery = pageQuery.extend({
  action: queryText(100).optional(),
  subject: queryText(200).optional(),
})

/** `GET /audit` for operators: the newest events first. */
export function createAuditRoutes({
  audit,
  authenticate,
}: {
  audit: Audit
  authenticate: RequestHandler
}): Router {
  const router = Router()
  router.get('/audit', authenticate, requireRole('operator'), async (request, response) => {
    const { limit, cursor, action, subject } = validate(auditQuery, request.query)
    const beforeId = cursorId('aud-', cursor)
    const rows = await audit.list({
      limit: limit + 1,
      ...(beforeId ? { beforeId } : {}),
      ...(action ? { action } : {}),
      ...(subject ? { subject } : {}),
    })
    response.json(pageOf(rows, limit, showEvent))
  })
  return router
}

function showEvent(row: AuditRow) {
  return {
    id: formatId('aud-', row.id),
    at: row.at.toISOString(),
    actor: { type: row.actorType, id: row.actorId },
    action: row.action,
    subject: row.subject,
    detail: row.detail,
  }
}
