import { formatId } from '../platform/ids.ts'
import type { AuditEventShown } from './api.ts'
import type { AuditRow } from './audit.ts'

export function showEvent(row: AuditRow): AuditEventShown {
  return {
    id: formatId('aud-', row.id),
    at: row.at.toISOString(),
    actor: { type: row.actorType as AuditEventShown['actor']['type'], id: row.actorId },
    action: row.action,
    subject: row.subject,
    detail: row.detail,
  }
}
