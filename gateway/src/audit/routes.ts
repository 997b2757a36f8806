import { Router } from 'express'
import { type Door, serveOperation } from '../http/serve-operation.ts'
import { listAudit } from './api.ts'
import type { Audit } from './audit.ts'
import { cursorId, pageOf } from './page.ts'
import { showEvent } from './show-event.ts'

/** `GET /audit` for operators: the newest events first. */
export function createAuditRoutes({ audit, door }: { audit: Audit; door: Door }): Router {
  const router = Router()
  serveOperation(router, door, listAudit, async ({ query }) => {
    const { limit, cursor, actor, action, subject, from, to } = query
    const beforeId = cursorId('aud-', cursor)
    const rows = await audit.list({
      limit: limit + 1,
      ...(beforeId ? { beforeId } : {}),
      ...(actor ? { actor } : {}),
      ...(action ? { action } : {}),
      ...(subject ? { subject } : {}),
      ...(from ? { from } : {}),
      ...(to ? { to } : {}),
    })
    return pageOf(rows, limit, showEvent)
  })
  return router
}
