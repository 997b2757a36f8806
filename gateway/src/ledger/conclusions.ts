/** What ends or prolongs holds shares one queue: settlements, voids and renewals of a moment go out together. */
import type {
  HoldState,
  Settled,
  SettleOperation,
  SettleRefusal,
  WriteOff,
  WrittenOff,
} from './operations.ts'
import { type LedgerPool, renewBatch, settleBatch, voidBatch, writeOffBatch } from './store.ts'

export type Conclusion =
  | { kind: 'settle'; operation: SettleOperation }
  | { kind: 'void'; id: string; reason: string }
  | { kind: 'write_off'; operation: WriteOff }
  | { kind: 'renew'; ids: readonly string[] }

/** The answer to each kind. */
export type Concluded = Settled | SettleRefusal | HoldState | WrittenOff | undefined

/**
 * Runs a batch, each kind in a statement of its own, and returns the answers in the order of the batch. Safe to repeat
 * when it fails between two kinds: each is idempotent.
 */
export async function runConclusions(pool: LedgerPool, batch: readonly Conclusion[]): Promise<Concluded[]> {
  const settles = batch.filter((one) => one.kind === 'settle')
  if (settles.length === batch.length) {
    return settleBatch(
      pool,
      settles.map(({ operation }) => operation),
    )
  }
  const answers = new Map<Conclusion, Concluded>()
  const voids = batch.filter((one) => one.kind === 'void')
  const writeOffs = batch.filter((one) => one.kind === 'write_off')
  const renewals = batch.flatMap((one) => (one.kind === 'renew' ? one.ids : []))
  if (settles.length > 0) {
    const settled = await settleBatch(
      pool,
      settles.map(({ operation }) => operation),
    )
    for (const [index, one] of settles.entries()) answers.set(one, settled[index])
  }
  if (voids.length > 0) {
    const states = await voidBatch(pool, voids)
    for (const [index, one] of voids.entries()) answers.set(one, states[index])
  }
  if (writeOffs.length > 0) {
    const written = await writeOffBatch(
      pool,
      writeOffs.map(({ operation }) => operation),
    )
    for (const [index, one] of writeOffs.entries()) answers.set(one, written[index])
  }
  if (renewals.length > 0) await renewBatch(pool, renewals)
  return batch.map((one) => answers.get(one))
}

/** What names a conclusion to whoever looks at it later. */
export function conclusionId(conclusion: Conclusion): string {
  switch (conclusion.kind) {
    case 'settle':
    case 'write_off':
      return conclusion.operation.id
    case 'void':
      return conclusion.id
    case 'renew':
      return `${conclusion.ids.length} holds`
  }
}
