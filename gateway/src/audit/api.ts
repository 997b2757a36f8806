/** The audit record under `/api`. */
import { z } from 'zod'
import { operation, pageAnswer, timeShown } from '../http/operation.ts'
import { pageQuery, queryText } from './page.ts'

export const auditEvent = z
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

const instant = z.iso.datetime({ offset: true }).transform((text) => new Date(text))

export const listAudit = operation({
  method: 'get',
  path: '/api/audit',
  summary: 'Who did what, the newest first',
  description: 'Everything is kept; nothing here can be changed or deleted.',
  access: 'operator',
  query: pageQuery.extend({
    actor: queryText(64).optional().meta({ description: 'An id, `usr-…` or `key-…`, or `system`.' }),
    action: queryText(100)
      .optional()
      .meta({ description: 'A whole action, `key.revoked`, or the thing before the point: `key`.' }),
    subject: queryText(200).optional().meta({ description: 'The id of what it happened to.' }),
    from: instant.optional(),
    to: instant.optional(),
  }),
  answer: pageAnswer(auditEvent),
})
