/** Top-ups that people asked for. Private to this folder. */
import type { Transaction } from './payout-store.ts'

export interface TopupRow {
  id: string
  amountNanos: bigint
  createdAt: Date
}

/** One top-up of an organisation at a time, so that two cannot both fit under the day's bound. */
export async function lockWallet(transaction: Transaction, organisationId: string): Promise<void> {
  await transaction.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended('topup:' || ${organisationId}::text, 0))`
}

export async function findTopup(
  transaction: Transaction,
  { organisationId, idempotencyKey }: { organisationId: string; idempotencyKey: string },
): Promise<TopupRow | undefined> {
  const where = { organisationId_idempotencyKey: { organisationId, idempotencyKey } }
  return (await transaction.topup.findUnique({ where })) ?? undefined
}

export async function toppedUpSince(
  transaction: Transaction,
  { organisationId, since }: { organisationId: string; since: Date },
): Promise<bigint> {
  const { _sum } = await transaction.topup.aggregate({
    where: { organisationId, createdAt: { gt: since } },
    _sum: { amountNanos: true },
  })
  return _sum.amountNanos ?? 0n
}

export function insertTopup(
  transaction: Transaction,
  row: TopupRow & { organisationId: string; userId: string; idempotencyKey: string },
): Promise<TopupRow> {
  return transaction.topup.create({ data: row })
}
