/** Spending alerts and what they look at. Private to this folder. */
import type { Prisma } from '../generated/prisma/client.ts'
import type { Database } from '../platform/database.ts'

export type Transaction = Prisma.TransactionClient
export type AlertRow = Prisma.SpendingAlertGetPayload<object>

export function inTransaction<Result>(
  { prisma }: Pick<Database, 'prisma'>,
  work: (transaction: Transaction) => Promise<Result>,
): Promise<Result> {
  return prisma.$transaction(work)
}

export function listAlertRows(
  client: Pick<Transaction, 'spendingAlert'>,
  organisationId: string,
): Promise<AlertRow[]> {
  return client.spendingAlert.findMany({ where: { organisationId }, orderBy: { id: 'asc' } })
}

export async function findAlertRow(
  client: Pick<Transaction, 'spendingAlert'>,
  where: { id: string; organisationId: string },
): Promise<AlertRow | undefined> {
  return (await client.spendingAlert.findFirst({ where })) ?? undefined
}

export async function insertAlert(client: Pick<Transaction, 'spendingAlert'>, row: AlertRow): Promise<void> {
  await client.spendingAlert.create({ data: row })
}

export function updateAlert(
  client: Pick<Transaction, 'spendingAlert'>,
  id: string,
  data: Prisma.SpendingAlertUpdateInput,
): Promise<AlertRow> {
  return client.spendingAlert.update({ where: { id }, data })
}

export async function deleteAlertRow(client: Pick<Transaction, 'spendingAlert'>, id: string): Promise<void> {
  await client.spendingAlert.deleteMany({ where: { id } })
}

/** Takes alerts that something was booked for, locked until the transaction ends; other nodes take others. */
export function takeDue(client: Transaction, limit: number): Promise<AlertRow[]> {
  return client.$queryRaw<AlertRow[]>`
    UPDATE spending_alert SET due = false WHERE id IN (
      SELECT id FROM spending_alert WHERE due ORDER BY id LIMIT ${limit} FOR UPDATE SKIP LOCKED)
    RETURNING *`
}

/** What an organisation, or one of its keys, has spent since `from`, as far as it is counted. */
export async function spentSince(
  client: Pick<Transaction, '$queryRaw'>,
  { organisationId, keyId, from }: { organisationId: string; keyId: string | null; from: Date },
): Promise<bigint> {
  const [row] = await client.$queryRaw<{ spent: bigint | null }[]>`
    SELECT sum("costNanos")::bigint AS spent FROM usage_hour
    WHERE "organisationId" = ${organisationId}::uuid AND hour >= ${from}
      AND (${keyId}::uuid IS NULL OR "keyId" = ${keyId}::uuid)`
  return row?.spent ?? 0n
}

/** Where a person can be written to; `undefined` for one whose account is closed. */
export async function findAddress(
  client: Pick<Transaction, 'user'>,
  userId: string,
): Promise<{ email: string; name: string } | undefined> {
  const user = await client.user.findUnique({
    where: { id: userId },
    select: { email: true, name: true, closedAt: true },
  })
  return user && user.closedAt === null ? user : undefined
}

export async function findKeyName(
  client: Pick<Transaction, 'apiKey'>,
  { id, organisationId }: { id: string; organisationId: string },
): Promise<string | undefined> {
  const key = await client.apiKey.findFirst({ where: { id, organisationId }, select: { name: true } })
  return key?.name
}
