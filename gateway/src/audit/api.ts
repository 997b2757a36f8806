/** The audit record under `/api`. */
import { z } from 'zod'
import { operation, pageAnswer, timeShown } from '../http/operation.ts'
import { pageQuery, queryText } from './page.ts'

const auditEvent = z
  .strictObject({
    id: z.string(),
    at: timeShown,
    actor: z.strictObject({ type: z.enum(['user', 'key', 'system']), id: z.string().nullable() }),
    action: z.string().meta({ description: 'The thing, a point, what happened to it: `key.revoked`.' }),
    subject: z.string(),
    detail: z.unknown(),
  })
  .meta({ id: 'AuditEvent' })

export type AuditEventShown = z.output<typeof auditEvent>

export const listAudit = operation({
  method: 'get',
  path: '/api/audit',
  summary: 'Who did what, the newest first',
  access: 'operator',
  query: pageQuery.extend({ action: queryText(100).optional(), subject: queryText(200).optional() }),
  answer: pageAnswer(auditEvent),
})
