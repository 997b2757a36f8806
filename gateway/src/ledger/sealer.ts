/** Seals what was booked, block by block, after the fact: nothing on a request's path waits for it. */
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import type { Signer } from '../platform/signing.ts'
import { type AnchoredHead, appendAnchor, lastAnchor } from './seal-anchor.ts'
import { digestBlock } from './seal-block.ts'
import { isoMicros } from './seal-format.ts'
import { appendSeal, asOnlySealer, beginEpoch, nextBlock, readHead, type SealPool } from './seal-store.ts'

export interface LedgerSealer {
  /**
   * Notices that the books have come to another database cluster, where transactions are counted anew. To be awaited
   * once, before anything is booked.
   */
  prepare(): Promise<void>
  /** Seals what is complete, at most 20 blocks at a time, and anchors the head. Returns the number of new blocks. */
  sealNow(): Promise<number>
  /** Seals and anchors what is complete; to be called when the ledger is closed and the pool is not. */
  close(): Promise<void>
}

export interface LedgerSealerDeps {
  pool: SealPool
  logger: Pick<Logger, 'error' | 'warn'>
  clock: Clock
  /** Signs the anchors. */
  signer?: Signer
  /** Outside the database, best on another machine's disk. Without it a chain that was made anew goes unnoticed. */
  anchorFile?: string
  /** At most one anchor in this time, a minute unless told. */
  anchorEveryMs?: number
  /** Journals in a block, 5,000 unless told. */
  blockJournals?: number
}

const BLOCK_JOURNALS = 5_000
const BLOCKS_AT_ONCE = 20
const ANCHOR_EVERY_MS = 60_000

export function createLedgerSealer(deps: LedgerSealerDeps): LedgerSealer {
  const anchorHead = createAnchorer(deps)
  let running: Promise<number> | undefined
  return {
    async prepare() {
      const client = await deps.pool.connect()
      try {
        await beginEpoch(client)
      } finally {
        client.release()
      }
    },
    sealNow() {
      running ??= sealBlocks(deps)
        .then(async (sealed) => {
          await anchorHead({ now: false })
          return sealed
        })
        .finally(() => {
          running = undefined
        })
      return running
    },
    async close() {
      await running?.catch(() => undefined)
      await sealBlocks(deps)
      await anchorHead({ now: true })
    },
  }
}

async function sealBlocks({ pool, blockJournals = BLOCK_JOURNALS }: LedgerSealerDeps): Promise<number> {
  let sealed = 0
  while (sealed < BLOCKS_AT_ONCE) {
    const appended = await asOnlySealer(pool, async (client) => {
      const block = await nextBlock(client, blockJournals)
      return block !== undefined && appendSeal(client, block, await digestBlock(client, block))
    })
    if (!appended) break
    sealed += 1
  }
  return sealed
}

/** Writes the head down when it has moved and the last anchor is old enough, or at once. */
function createAnchorer(deps: LedgerSealerDeps): (when: { now: boolean }) => Promise<void> {
  const { anchorFile, anchorEveryMs = ANCHOR_EVERY_MS, clock, signer } = deps
  let anchoredMs = Number.NEGATIVE_INFINITY
  return async ({ now }) => {
    if (anchorFile === undefined) return
    const nowMs = clock.monotonicMs()
    if (!now && nowMs - anchoredMs < anchorEveryMs) return
    anchoredMs = nowMs
    const head = await headOf(deps)
    if (head && continues(head, deps, anchorFile)) await appendAnchor(anchorFile, head, signer)
  }
}

async function headOf({ pool }: LedgerSealerDeps): Promise<AnchoredHead | undefined> {
  const client = await pool.connect()
  try {
    const head = await readHead(client)
    return (
      head && {
        chain: head.chain,
        seq: head.seq,
        hash: head.hash.toString('hex'),
        count: String(BigInt(head.journals) + BigInt(head.freeRequests)),
        sealed_at: isoMicros(head.sealedAt),
      }
    )
  } finally {
    client.release()
  }
}

/** Whether the head goes on from the last anchor. One that contradicts it is told to the operator, never written. */
function continues(head: AnchoredHead, { logger }: LedgerSealerDeps, anchorFile: string): boolean {
  const last = lastAnchor(anchorFile)
  if (last === undefined) return true
  if (last.chain === head.chain && last.seq === head.seq && last.hash === head.hash) return false
  if (last.chain === head.chain && BigInt(head.seq) > BigInt(last.seq)) return true
  logger.error(
    {
      anchorFile,
      anchored: { chain: last.chain, seq: last.seq },
      head: { chain: head.chain, seq: head.seq },
    },
    'the head of the seal is not after the last anchor: run `npm run audit -- --anchor FILE`, and after restoring a backup begin another anchor file',
  )
  return false
}
