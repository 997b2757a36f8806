import type { Prisma, PrismaClient } from '../generated/prisma/client.ts'

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

/** The newest events first; ids follow time, so the last id of a page begins the next. */
export async function listEvents(
  client: AuditTransaction,
  filter: { limit: number; beforeId?: string; action?: string; subject?: string },
): Promise<AuditRow[]> {
  return client.auditEvent.findMany({
    where: {
      ...(filter.beforeId ? { id: { lt: filter.beforeId } } : {}),
      ...(filter.action ? { action: filter.action } : {}),
      ...(filter.subject ? { subject: filter.subject } : {}),
    },
    orderBy: { id: 'desc' },
    take: filter.limit,
  })
}
