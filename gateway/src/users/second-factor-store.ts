import type { Transaction } from './store.ts'

export interface SecondFactorRow {
  userId: string
  sealedSecret: Uint8Array
  enabledAt: Date | null
  lastPeriod: bigint
  backupHashes: Uint8Array[]
  failures: number
  lockedUntil: Date | null
}

export async function findSecondFactor(
  client: Transaction,
  userId: string,
): Promise<SecondFactorRow | undefined> {
  return (await client.secondFactor.findUnique({ where: { userId } })) ?? undefined
}

/** As `findSecondFactor`; two who try codes at once go one after the other. */
export async function lockSecondFactor(
  client: Transaction,
  userId: string,
): Promise<SecondFactorRow | undefined> {
  await client.$executeRaw`SELECT 1 FROM second_factor WHERE "userId" = ${userId}::uuid FOR UPDATE`
  return findSecondFactor(client, userId)
}

/** A new secret that waits for its first code; false when a factor is on already. */
export async function beginSecondFactor(
  client: Transaction,
  { userId, sealedSecret, nowMs }: { userId: string; sealedSecret: Uint8Array<ArrayBuffer>; nowMs: number },
): Promise<boolean> {
  const { count } = await client.secondFactor.deleteMany({ where: { userId, enabledAt: null } })
  if (count === 0 && (await findSecondFactor(client, userId))) return false
  await client.secondFactor.create({ data: { userId, sealedSecret, createdAt: new Date(nowMs) } })
  return true
}

type Changes = Partial<{
  enabledAt: Date
  lastPeriod: bigint
  backupHashes: Uint8Array<ArrayBuffer>[]
  failures: number
  lockedUntil: Date | null
  sealedSecret: Uint8Array<ArrayBuffer>
}>

export async function changeSecondFactor(
  client: Transaction,
  userId: string,
  changes: Changes,
): Promise<void> {
  await client.secondFactor.update({ where: { userId }, data: changes })
}

/** True when there was one. */
export async function deleteSecondFactor(client: Transaction, userId: string): Promise<boolean> {
  return (await client.secondFactor.deleteMany({ where: { userId } })).count > 0
}

export async function listSealedSecrets(
  client: Transaction,
  page: { afterId: string; limit: number },
): Promise<Pick<SecondFactorRow, 'userId' | 'sealedSecret'>[]> {
  return client.secondFactor.findMany({
    where: { userId: { gt: page.afterId } },
    orderBy: { userId: 'asc' },
    take: page.limit,
    select: { userId: true, sealedSecret: true },
  })
}
