/** Builds everything that has to do with money, in the order in which it may start, and keeps it in order. */
import { join } from 'node:path'
import { createLedgerHealth } from './ledger/health.ts'
import { createLedger } from './ledger/ledger.ts'
import { missingProtections } from './ledger/protections.ts'
import { createLedgerSealer } from './ledger/sealer.ts'
import type { Clock } from './platform/clock.ts'
import type { Config } from './platform/config.ts'
import type { Database } from './platform/database.ts'
import type { Secrets } from './platform/given-secrets.ts'
import { installationId } from './platform/installation-id.ts'
import type { JobBoard } from './platform/job-board.ts'
import type { Logger } from './platform/logger.ts'
import type { Metrics } from './platform/metrics.ts'
import type { NodeIdentity } from './platform/node-identity.ts'
import { createSigner } from './platform/signing.ts'
import { createReceipts } from './settlement/receipts.ts'
import { recoverSpool } from './settlement/recover.ts'
import { createSettlement, type Settlement } from './settlement/settlement.ts'
import { openSpool } from './settlement/spool.ts'

// What the spool has is tried again for as long as it takes, so one attempt need not be patient.
const SPOOLED_PATIENCE_MS = 5_000
const EXPIRE_EVERY_MS = 15_000
const SEAL_EVERY_MS = 5_000
const LOOK_EVERY_MS = 60_000

export interface BooksGround {
  config: Config
  secrets: Secrets
  database: Database
  node: NodeIdentity
  metrics: Metrics
  logger: Logger
  clock: Clock
  jobs: JobBoard
}

type Closers = (() => Promise<unknown> | unknown)[]

/** Opens the ledger, brings what an earlier life left to an end, and starts what runs beside requests. */
export async function openBooks(ground: BooksGround, closers: Closers) {
  const { config, secrets, database, node, metrics, logger, clock } = ground
  const signer = createSigner({ seed: secrets.signingKey })
  const sealer = createLedgerSealer({
    pool: database.pool,
    logger,
    clock,
    signer,
    anchorFile: config.anchorFile,
  })
  // Before anything is booked: what is booked from now on belongs to this cluster.
  await sealer.prepare()
  closers.push(() => sealer.close())
  const durability = config.settlementDurability
  const ledger = createLedger({
    pool: database.ledgerPool,
    logger,
    metrics,
    clock,
    nodeId: node.nodeId,
    nodeEpoch: node.epoch,
    ...(durability === 'spool' ? { settlePatienceMs: SPOOLED_PATIENCE_MS } : {}),
  })
  closers.push(() => ledger.close())
  const spool = await openRecoveredSpool(ground, ledger)
  closers.push(() => spool.close())
  const receipts = createReceipts({
    pool: database.pool,
    signer,
    issuer: { issuer: config.publicUrl ?? 'bourse', mode: config.mode },
    metrics,
    logger,
    clock,
  })
  closers.push(() => receipts.close())
  const settlement = createSettlement({
    ledger,
    spool,
    durability,
    metrics,
    logger,
    clock,
    nodeEpoch: node.epoch,
    onBooked: receipts.booked,
  })
  closers.push(() => settlement.close())
  const health = createLedgerHealth({ pool: database.ledgerPool, clock, logger, metrics })
  gaugeSettlement(metrics, settlement)
  const released = await ledger.releaseDeadNode()
  if (released > 0) logger.warn({ released }, 'holds of a killed process were released')
  for (const protection of await missingProtections(database.pool)) {
    logger.warn({ protection }, 'a protection of the books is missing')
  }
  closers.push(startJanitors({ ledger, settlement, sealer, health, logger, jobs: ground.jobs }))
  return { ledger, spool, receipts, settlement, health }
}

/** A spool of its own for each database, so that the bills of one are never booked in another. */
async function openRecoveredSpool(
  { config, database, metrics, logger }: BooksGround,
  ledger: ReturnType<typeof createLedger>,
) {
  const directory = join(config.dataDir, 'spool', await installationId(database))
  await recoverSpool({ directory, ledger, logger })
  const spool = openSpool({ directory, logger })
  metrics.counter(
    'gateway_spool_failures_total',
    'Times the disk did not take a record of the spool; new requests are refused while it does not.',
    () => spool.failures(),
  )
  return spool
}

function gaugeSettlement(metrics: Metrics, settlement: Settlement): void {
  metrics.gauge('gateway_open_holds', 'Holds of running requests that this process renews.', () =>
    settlement.liveHolds(),
  )
  metrics.gauge(
    'gateway_unbooked_requests',
    'Answers whose bill is in the spool and not yet in the ledger.',
    () => settlement.unbooked(),
  )
}

/** What must happen now and then without anybody asking. Returns how to stop it. */
function startJanitors({
  ledger,
  settlement,
  sealer,
  health,
  logger,
  jobs,
}: {
  ledger: ReturnType<typeof createLedger>
  settlement: Settlement
  sealer: ReturnType<typeof createLedgerSealer>
  health: ReturnType<typeof createLedgerHealth>
  logger: Logger
  jobs: JobBoard
}): () => void {
  const every = (name: string, everyMs: number, work: () => Promise<unknown>, failed: string) => {
    const seen = jobs.watch({ name, everyMs }, work)
    const timer = setInterval(() => seen().catch((error) => logger.error({ err: error }, failed)), everyMs)
    timer.unref()
    return timer
  }
  const timers = [
    every(
      'Expire holds',
      EXPIRE_EVERY_MS,
      async () => {
        // After an outage the holds of what still runs are renewed first.
        await settlement.renew()
        // Also those of an earlier life of ours: its last batch may have been committed after we looked at the start.
        await Promise.all([ledger.expireHolds(), ledger.releaseDeadNode()])
      },
      'holds could not be expired',
    ),
    every('Seal the ledger', SEAL_EVERY_MS, () => sealer.sealNow(), 'the ledger could not be sealed'),
    every('Look at the ledger', LOOK_EVERY_MS, () => health.check(), 'the ledger could not be looked at'),
  ]
  return () => {
    for (const timer of timers) clearInterval(timer)
  }
}
