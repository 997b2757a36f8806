import type { UsageFacts } from '../ledger/usage-facts.ts'
import type { Logger } from '../platform/logger.ts'
import type { Signer } from '../platform/signing.ts'
import { type SignedReceipt, signingInput } from './receipt.ts'
import { type ReceiptPool, readFacts, storeReceipts } from './receipt-store.ts'

export interface SigningDeps {
  pool: ReceiptPool
  signer: Signer
  /** The text of a receipt; throws for what a receipt cannot say. */
  write: (facts: UsageFacts) => string
  logger: Pick<Logger, 'info' | 'warn' | 'error'>
}

// Signatures are made on libuv's four threads, which files and name resolution need too: two for each thread keep the
// threads awake, and whoever comes between waits for two signatures, 80 µs.
const LANES = 8

/** Reads what was booked for these requests, signs and keeps it; returns how many receipts were new. Safe to repeat. */
export async function signBooked(deps: SigningDeps, ids: readonly string[]): Promise<number> {
  return signFacts(deps, await readFacts(deps.pool, ids))
}

/** As `signBooked`, for what has been read already. A record that no receipt can say is logged and left out. */
export async function signFacts(deps: SigningDeps, facts: readonly UsageFacts[]): Promise<number> {
  const { signer, write, logger } = deps
  const ids: string[] = []
  const payloads: string[] = []
  for (const each of facts) {
    try {
      payloads.push(write(each))
      ids.push(each.id)
    } catch (error) {
      logger.error({ err: error, usageRecord: each.id }, 'a usage record has no receipt: it cannot be said')
    }
  }
  if (ids.length === 0) return 0
  const receipts = await signAll(signer, payloads)
  return storeReceipts(deps.pool, { kid: signer.kid, x: signer.publicJwk.x, ids, receipts })
}

async function signAll(signer: Signer, payloads: readonly string[]): Promise<SignedReceipt[]> {
  const { kid } = signer
  const receipts: SignedReceipt[] = new Array(payloads.length)
  let next = 0
  async function lane(): Promise<void> {
    while (next < payloads.length) {
      const index = next
      next += 1
      const payload = payloads[index] as string
      const signature = await signer.sign(Buffer.from(signingInput(kid, payload), 'latin1'))
      receipts[index] = { kid, payload, signature }
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  return receipts
}
