/** Requests booked in a ledger of their own, with everything that a receipt says, and receipts over them. */
import { randomBytes } from 'node:crypto'
import { systemClock } from '../../src/platform/clock.ts'
import { uuidv7 } from '../../src/platform/ids.ts'
import { createMetrics, type Metrics } from '../../src/platform/metrics.ts'
import { createSigner, type Signer } from '../../src/platform/signing.ts'
import { createReceipts, type Receipts, type ReceiptsDeps } from '../../src/settlement/receipts.ts'
import { usageRecord } from './ledger-history.ts'
import { type Buyer, createLedgerScene, type LedgerScene } from './ledger-scene.ts'

export interface ReceiptScene {
  scene: LedgerScene
  buyer: Buyer
  signer: Signer
  metrics: Metrics
  /** Lines of the log, level first. */
  logged: string[]
  /** Another gateway's receipts on the same database; closed with the scene. */
  open(deps?: Partial<ReceiptsDeps>): Receipts
  /** A request that is held and not yet booked; `book` settles it. */
  ask(options?: AskOptions): Promise<{ id: string; book(): Promise<void> }>
  /** The id (UUID) of a booked request. */
  request(options?: AskOptions): Promise<string>
  /** How many receipts there are. */
  count(): Promise<number>
  close(): Promise<void>
}

interface AskOptions {
  id?: string
  costNanos?: bigint
  keyId?: string
  price?: object
  finishReason?: string
}

export const PRICE = {
  table: {
    base: {
      uncachedInput: 150_000n,
      cacheRead: 75_000n,
      cacheWrite5m: 150_000n,
      cacheWrite1h: 150_000n,
      audioInput: 150_000n,
      output: 600_000n,
      audioOutput: 600_000n,
    },
    tiers: [],
  },
  nanosPerRequest: 0n,
  multiplierPpm: 1_000_000n,
  feeBps: 500n,
}
/** What `usageRecord`'s 11 + 5 tokens of prompt and 7 of answer come to at `PRICE`. */
export const COST = 6_225n

export const { keyId: KEY_ID, listingId: LISTING_ID } = usageRecord()
export const PROOF = {
  keyFingerprint: '0123456789abcdef0123456789abcdef',
  requestHash: 'aa'.repeat(32),
  responseHash: 'bb'.repeat(32),
}

export async function createReceiptScene(): Promise<ReceiptScene> {
  const scene = await createLedgerScene()
  const buyer = await scene.buyer(10n ** 12n)
  const signer = createSigner({ seed: randomBytes(32) })
  const metrics = createMetrics()
  const logged: string[] = []
  const note = (level: string) => (_: unknown, message?: string) => void logged.push(`${level} ${message}`)
  const logger = { info: note('info'), warn: note('warn'), error: note('error') } as ReceiptsDeps['logger']
  const opened: Receipts[] = []

  async function ask({ id = uuidv7(), costNanos = COST, keyId, price, finishReason }: AskOptions = {}) {
    await scene.ledger.hold({ id, payer: buyer.payer, amountNanos: 10_000n })
    const book = async () => {
      const operation = await scene.settlement(id, costNanos, 0n)
      const record = {
        ...usageRecord(buyer.organisationId),
        price: price ?? PRICE,
        proof: PROOF,
        ...(costNanos === 0n ? { billed: 'nothing' as const } : {}),
        ...(keyId === undefined ? {} : { keyId }),
        ...(finishReason === undefined ? {} : { finishReason }),
      }
      await scene.ledger.settle({ ...operation, record })
    }
    return { id, book }
  }

  return {
    scene,
    buyer,
    signer,
    metrics,
    logged,
    ask,
    open(deps = {}) {
      const receipts = createReceipts({
        pool: scene.testDatabase.database.pool,
        signer,
        issuer: { issuer: 'https://gateway.example.org', mode: 'play' },
        logger,
        clock: systemClock,
        graceMs: 0,
        ...deps,
      })
      opened.push(receipts)
      return receipts
    },
    async request(options) {
      const { id, book } = await ask(options)
      await book()
      return id
    },
    async count() {
      const { rows } = await scene.admin.query<{ count: string }>('SELECT count(*) FROM ledger.receipt')
      return Number(rows[0]?.count)
    },
    async close() {
      await Promise.all(opened.map((receipts) => receipts.close()))
      await scene.close()
    },
  }
}
