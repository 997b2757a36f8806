/** A small book with every kind of row in it: paid and free requests, an overrun, a write-off, a reversal, credits. */

import { setTimeout as delay } from 'node:timers/promises'
import { type AuditOptions, type AuditReport, auditLedger } from '../../src/ledger/audit.ts'
import { createLedgerSealer, type LedgerSealer, type LedgerSealerDeps } from '../../src/ledger/sealer.ts'
import { systemClock } from '../../src/platform/clock.ts'
import type { DatabaseClient } from '../../src/platform/database.ts'
import { uuidv7 } from '../../src/platform/ids.ts'
import { createLogger } from '../../src/platform/logger.ts'
import { readMigrations } from '../../src/platform/migrate.ts'
import { createSigner, type Signer } from '../../src/platform/signing.ts'
import { createReceiptWriter, signingInput } from '../../src/settlement/receipt.ts'
import { signBooked } from '../../src/settlement/receipt-signing.ts'
import { usageRecord } from './ledger-history.ts'
import { createLedgerScene, type LedgerScene } from './ledger-scene.ts'
import { migrationsDir } from './postgres.ts'

export interface SealedBook extends LedgerScene {
  signer: Signer
  /** A request of the buyer that cost this much; returns its id. */
  request(costNanos: bigint): Promise<string>
  sealer(deps?: Partial<LedgerSealerDeps>): LedgerSealer
  /** Seals until nothing is left: other databases' transactions on the same server hold the horizon back. */
  sealAll(sealer?: LedgerSealer): Promise<number>
}

const picos = {
  uncachedInput: 150_000n,
  cacheRead: 75_000n,
  cacheWrite5m: 0n,
  cacheWrite1h: 0n,
  audioInput: 0n,
  output: 600_000n,
  audioOutput: 0n,
}
const price = {
  table: { base: picos, tiers: [] },
  nanosPerRequest: 0n,
  multiplierPpm: 1_000_000n,
  feeBps: 500n,
}

const PATIENCE_MS = 15_000
const POLL_MS = 20

export async function createBook(): Promise<SealedBook> {
  const scene = await createLedgerScene()
  const { ledger } = scene
  const { organisationId, payer } = await scene.buyer(1_000_000n)
  const sellerOrganisationId = uuidv7()
  const seller = await ledger.accountId({ code: 'seller_pending', owner: sellerOrganisationId })
  const fee = await ledger.accountId({ code: 'platform_fee', owner: '0' })
  const request = async (costNanos: bigint) => {
    const id = uuidv7()
    await ledger.hold({ id, payer, amountNanos: 1_000n })
    const feeNanos = costNanos / 20n
    await ledger.settle({
      id,
      costNanos,
      sellerAccount: seller,
      sellerNanos: costNanos - feeNanos,
      feeAccount: fee,
      feeNanos,
      record: {
        ...usageRecord(organisationId, sellerOrganisationId),
        price,
        proof: { keyFingerprint: 'ab12cd34', requestHash: '11'.repeat(32), responseHash: '22'.repeat(32) },
      },
    })
    return id
  }
  const sealer = (deps: Partial<LedgerSealerDeps> = {}) =>
    createLedgerSealer({
      pool: scene.testDatabase.database.pool,
      logger: createLogger({ level: 'silent' }),
      clock: systemClock,
      ...deps,
    })
  return {
    ...scene,
    signer: createSigner({ seed: Buffer.alloc(32, 7) }),
    request,
    sealer,
    sealAll: (one = sealer()) => sealAll(one, scene.admin),
  }
}

/** Adds one of everything, and a receipt for each request. */
export async function fillBook(book: SealedBook): Promise<void> {
  const ids: string[] = []
  for (const cost of [700n, 300n, 0n, 90n, 40n, 12n, 5_000_000n]) ids.push(await book.request(cost))
  const broken = uuidv7()
  const { payer } = await book.buyer(5_000n)
  await book.ledger.hold({ id: broken, payer, amountNanos: 100n })
  await book.ledger.writeOff({
    id: broken,
    sellerOrganisationId: uuidv7(),
    sellerNanos: 33n,
    memo: 'cut off',
  })
  const owner = uuidv7()
  const entries = [
    { account: { code: 'equity' as const }, amountNanos: 77n },
    { account: { code: 'buyer_promo' as const, owner }, amountNanos: -77n },
  ]
  const grant = { code: 'promo_grant', source: 'promo', sourceId: 'spring', memo: 'spring' }
  await book.ledger.post({ ...grant, entries })
  const receipts = {
    pool: book.testDatabase.database.pool,
    signer: book.signer,
    logger: createLogger({ level: 'silent' }),
  }
  await signBooked({ ...receipts, write: createReceiptWriter({ issuer: 'bourse', mode: 'play' }) }, ids)
}

const migrations = readMigrations(migrationsDir).map(({ sql }) => sql)

/** The audit of a book, over this connection and so inside the transaction it may be in. */
export function auditBook(client: DatabaseClient, options: Partial<AuditOptions> = {}): Promise<AuditReport> {
  return auditLedger({
    client,
    migrations,
    receiptForm: { writer: createReceiptWriter, signingInput },
    ...options,
  })
}

/** Every finding as one line: check, table, row, column, what is wrong. */
export function findingsOf({ checks }: AuditReport): string[] {
  return checks.flatMap(({ id: check, findings }) =>
    findings.map(({ table = '', id = '', column = '', detail }) =>
      [check, table, id, column, detail].join(' | '),
    ),
  )
}

async function sealAll(sealer: LedgerSealer, admin: DatabaseClient): Promise<number> {
  const deadline = performance.now() + PATIENCE_MS
  const late = () => performance.now() > deadline
  while (!late() && (await isHeldBack(admin))) await delay(POLL_MS)
  let sealed = 0
  while (!late()) {
    sealed += await sealer.sealNow()
    if (!(await isUnsealed(admin))) return sealed
  }
  throw new Error('the books could not be sealed in time')
}

/** Whether some transaction, of any database on the server, is older than what was booked last. */
async function isHeldBack(admin: DatabaseClient): Promise<boolean> {
  const { rows } = await admin.query<{ held: boolean }>(
    `SELECT EXISTS (
       SELECT FROM (SELECT epoch, xid FROM ledger.journal UNION ALL SELECT epoch, xid FROM ledger.usage_record) b
       WHERE epoch = (SELECT max(epoch) FROM ledger.seal_epoch) AND xid >= pg_snapshot_xmin(pg_current_snapshot())
     ) AS held`,
  )
  return rows[0]?.held ?? true
}

async function isUnsealed(admin: DatabaseClient): Promise<boolean> {
  const { rows } = await admin.query<{ unsealed: boolean }>(
    `WITH head AS (SELECT epoch, to_xid FROM ledger.seal ORDER BY seq DESC LIMIT 1),
       booked AS (SELECT epoch, xid FROM ledger.journal UNION ALL SELECT epoch, xid FROM ledger.usage_record)
     SELECT EXISTS (
       SELECT FROM booked b WHERE NOT EXISTS (SELECT FROM head h WHERE (b.epoch, b.xid) <= (h.epoch, h.to_xid))
     ) AS unsealed`,
  )
  return rows[0]?.unsealed ?? true
}
