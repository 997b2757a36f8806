import type { Prisma } from '../generated/prisma/client.ts'
import type { Database } from '../platform/database.ts'

/** What a mail row needs of a Prisma client: the open client, or the client of a running transaction. */
export type MailTransaction = Pick<Prisma.TransactionClient, 'mail' | '$queryRaw' | '$executeRaw'>

export interface MailRow {
  id: string
  kind: string
  recipient: string
  subject: string
  text: string
  link: string | null
  linkExpiresAt: Date | null
  state: string
  attempts: number
  lastError: string | null
  createdAt: Date
  sentAt: Date | null
  nextAttemptAt: Date
}

const PRUNE_MAX = 1_000
const WIPED = 'The link in it was used, replaced or over before it could be sent.'

export async function insertMail(client: MailTransaction, row: MailRow): Promise<void> {
  await client.mail.create({ data: row })
}

/** Takes up to `limit` mails that are due, and puts them off until `until`, so that no other node takes them too. */
export async function takeDue(
  client: MailTransaction,
  { nowMs, untilMs, limit }: { nowMs: number; untilMs: number; limit: number },
): Promise<MailRow[]> {
  return client.$queryRaw<MailRow[]>`
    UPDATE mail SET "attempts" = "attempts" + 1, "nextAttemptAt" = ${new Date(untilMs)}
    WHERE "id" IN (
      SELECT "id" FROM mail WHERE "state" = 'queued' AND "nextAttemptAt" <= ${new Date(nowMs)}
      ORDER BY "nextAttemptAt" LIMIT ${limit} FOR UPDATE SKIP LOCKED)
    RETURNING *`
}

/** Ends the wait of a mail; what is sent loses its link. */
export async function conclude(
  client: MailTransaction,
  id: string,
  end:
    | { state: 'sent'; nowMs: number }
    | { state: 'failed'; error: string }
    | { state: 'queued'; error: string; againMs: number },
): Promise<void> {
  const data: Prisma.MailUpdateManyMutationInput =
    end.state === 'sent'
      ? { state: 'sent', sentAt: new Date(end.nowMs), link: null, lastError: null }
      : end.state === 'failed'
        ? { state: 'failed', lastError: end.error, link: null }
        : { lastError: end.error, nextAttemptAt: new Date(end.againMs) }
  await client.mail.updateMany({ where: { id, state: 'queued' }, data })
}

/** Makes the mail a mere text: its link is gone, and if it was still waiting it is not sent. */
export async function wipeLink(client: MailTransaction, id: string): Promise<void> {
  await client.mail.updateMany({
    where: { id, state: 'queued', link: { not: null } },
    data: { state: 'failed', lastError: WIPED },
  })
  await client.mail.updateMany({ where: { id }, data: { link: null } })
}

/** As `wipeLink`, for all whose link is over. */
export async function wipeExpired(client: MailTransaction, nowMs: number): Promise<void> {
  const where = { link: { not: null }, linkExpiresAt: { lte: new Date(nowMs) } }
  await client.mail.updateMany({
    where: { ...where, state: 'queued' },
    data: { state: 'failed', lastError: WIPED },
  })
  await client.mail.updateMany({ where, data: { link: null } })
}

/** Deletes up to a thousand mails from before `beforeId`; true when there may be more. */
export async function prune(client: MailTransaction, beforeId: string): Promise<boolean> {
  const deleted = await client.$executeRaw`
    DELETE FROM mail WHERE "id" IN (
      SELECT "id" FROM mail WHERE "id" < ${beforeId}::uuid ORDER BY "id" LIMIT ${PRUNE_MAX})`
  return deleted === PRUNE_MAX
}

export async function countQueued(client: MailTransaction, atMost: number): Promise<number> {
  const [row] = await client.$queryRaw<{ count: bigint }[]>`
    SELECT count(*) AS count FROM (SELECT 1 FROM mail WHERE "state" = 'queued' LIMIT ${atMost}) AS waiting`
  return Number(row?.count ?? 0)
}

export interface MailFilter {
  limit: number
  beforeId?: string
  state?: string
  recipient?: string
}

/** The newest first. */
export async function listMails(
  { prisma }: Database,
  { limit, beforeId, state, recipient }: MailFilter,
): Promise<MailRow[]> {
  return prisma.mail.findMany({
    where: {
      ...(beforeId ? { id: { lt: beforeId } } : {}),
      ...(state ? { state } : {}),
      ...(recipient ? { recipient } : {}),
    },
    orderBy: { id: 'desc' },
    take: limit,
  })
}

export async function findMail({ prisma }: Database, id: string): Promise<MailRow | undefined> {
  return (await prisma.mail.findUnique({ where: { id } })) ?? undefined
}

/** Makes a waiting mail due now; false when no such mail waits. */
export async function requeue(client: MailTransaction, id: string, nowMs: number): Promise<boolean> {
  const { count } = await client.mail.updateMany({
    where: { id, state: 'queued' },
    data: { nextAttemptAt: new Date(nowMs) },
  })
  return count > 0
}
