/** The operator's decisions on grounds. Private to this folder. */
import type { Transaction } from './store.ts'

export interface GroundRow {
  provider: string
  ground: string
  accepted: boolean
}

export function readGrounds(
  client: Pick<Transaction, 'acceptedGround'>,
  provider?: string,
): Promise<GroundRow[]> {
  return client.acceptedGround.findMany({
    where: provider === undefined ? {} : { provider },
    select: { provider: true, ground: true, accepted: true },
  })
}

export async function writeGround(client: Transaction, row: GroundRow): Promise<void> {
  const { provider, ground, accepted } = row
  await client.acceptedGround.upsert({
    where: { provider_ground: { provider, ground } },
    create: row,
    update: { accepted },
  })
}
