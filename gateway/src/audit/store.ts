import type { Prisma, PrismaClient } from '../generated/prisma/client.ts'
import type { Database } from '../platform/database.ts'
import { firstIdAt } from '../platform/ids.ts'

/** What an audit row needs of a Prisma client: the open client, or the client of a running transaction. */
export type AuditTransaction = Pick<PrismaClient, 'auditEvent'>

export interface AuditRow {
  id: string
  at: Date
  actorType: string
  actorId: string | null
  action: string
  subject: string
  detail: unknown
}

export async function insertEvent(client: AuditTransaction, row: AuditRow): Promise<void> {
  await client.auditEvent.create({ data: { ...row, detail: row.detail as Prisma.InputJsonValue } })
}

export interface AuditFilter {
  limit: number
  beforeId?: string
  /** An id as the outside knows it, or `system`. */
  actor?: string
  action?: string
  subject?: string
  from?: Date
  to?: Date
}

/** The newest events first; ids follow time, so the last id of a page begins the next, and times are bounds of ids. */
export async function listEvents(
  { pool }: Pick<Database, 'pool'>,
  { limit, beforeId, actor, action, subject, from, to }: AuditFilter,
): Promise<AuditRow[]> {
  const values: unknown[] = []
  const where: string[] = []
  const only = (condition: string, value: unknown) => {
    values.push(value)
    where.push(condition.replace('?', `$${values.length}`))
  }
  if (beforeId) only('id < ?', beforeId)
  if (to) only('id < ?', firstIdAt(to.getTime()))
  if (from) only('id >= ?', firstIdAt(from.getTime()))
  if (actor === 'system') where.push('"actorId" IS NULL')
  else if (actor) only('"actorId" = ?', actor)
  if (action) only(action.includes('.') ? 'action = ?' : `split_part(action, '.', 1) = ?`, action)
  if (subject) only('subject = ?', subject)
  values.push(limit)
  const { rows } = await pool.query<AuditRow>(
    `SELECT id, at, "actorType", "actorId", action, subject, detail FROM audit_event
     ${where.length > 0 ? `WHERE ${where.join(' AND ')}` : ''} ORDER BY id DESC LIMIT $${values.length}`,
    values,
  )
  return rows
}
