/** What runs here: for whoever has to find out why something does not. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Clock } from '../platform/clock.ts'
import type { Config } from '../platform/config.ts'
import type { Database } from '../platform/database.ts'
import type { JobBoard, JobSeen } from '../platform/job-board.ts'
import type { NodeIdentity } from '../platform/node-identity.ts'
import type { ShownSetting } from '../platform/show-settings.ts'
import type { Settlement } from '../settlement/settlement.ts'
import type { Spool } from '../settlement/spool.ts'
import type { System } from './api.ts'
import { readWaiting } from './overview-store.ts'
import { type DatabaseFacts, readDatabaseFacts } from './system-store.ts'

const RESOLUTION_MS = 20
const NANOS_PER_MS = 1e6

export interface SystemDeps {
  config: Pick<Config, 'mode' | 'databaseUrl'>
  version: string
  node: NodeIdentity
  database: Database
  spool: Pick<Spool, 'healthy' | 'unfinished' | 'failures'>
  settlement: Pick<Settlement, 'unbooked' | 'liveHolds'>
  jobs: Pick<JobBoard, 'seen'>
  settings: readonly ShownSetting[]
  clock: Clock
}

export interface SystemReader {
  read(): Promise<System>
  close(): void
}

export function createSystem(deps: SystemDeps): SystemReader {
  const { database, clock } = deps
  const startedMs = clock.nowMs()
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delay.enable()
  return {
    async read() {
      const facts = await readDatabaseFacts(database)
      const { unsignedReceipts } = await readWaiting(database)
      return {
        ...showProcess(deps, startedMs),
        eventLoopDelayMs: {
          // The monitor counts its own pause with it.
          mean: lateBy(delay.mean),
          p99: lateBy(delay.percentile(99)),
          max: lateBy(delay.max),
        },
        database: showDatabase(deps, facts),
        spool: {
          healthy: deps.spool.healthy(),
          unfinished: deps.spool.unfinished(),
          failures: deps.spool.failures(),
        },
        queues: showQueues(deps, { unsignedReceipts, ...facts }),
        jobs: deps.jobs.seen().map(showJob),
        settings: [...deps.settings],
      }
    },
    close: () => delay.disable(),
  }
}

function showProcess({ config, version, node, clock }: SystemDeps, startedMs: number) {
  return {
    version,
    mode: config.mode,
    nodeVersion: process.version,
    nodeId: node.nodeId,
    nodeEpoch: node.epoch,
    startedAt: new Date(startedMs).toISOString(),
    uptimeSeconds: Math.max(0, Math.round((clock.nowMs() - startedMs) / 1000)),
    memoryBytes: process.memoryUsage.rss(),
  }
}

function lateBy(nanos: number): number {
  if (!Number.isFinite(nanos)) return 0
  return Math.max(0, Math.round((nanos / NANOS_PER_MS - RESOLUTION_MS) * 10) / 10)
}

function showDatabase({ config, database }: SystemDeps, facts: DatabaseFacts): System['database'] {
  const pools = [
    { name: 'general', pool: database.pool },
    { name: 'ledger', pool: database.ledgerPool },
  ]
  return {
    kind: config.databaseUrl === undefined ? 'embedded' : 'external',
    version: facts.version,
    sizeBytes: Number(facts.sizeBytes),
    connections: pools.map(({ name, pool }) => ({
      name,
      open: pool.totalCount,
      idle: pool.idleCount,
      waiting: pool.waitingCount,
    })),
    migrations: facts.migrations.map(({ name, appliedAt }) => ({ name, appliedAt: appliedAt.toISOString() })),
  }
}

function showQueues(
  { settlement, spool }: SystemDeps,
  { unsignedReceipts, mailsQueued }: { unsignedReceipts: number; mailsQueued: number },
): System['queues'] {
  return [
    { name: 'Running requests', waiting: settlement.liveHolds(), about: 'Holds that this process renews.' },
    {
      name: 'Bills to book',
      waiting: settlement.unbooked(),
      about: 'In the spool, and not in the ledger yet.',
    },
    { name: 'Spool', waiting: spool.unfinished(), about: 'Requests that are not done.' },
    { name: 'Receipts to sign', waiting: unsignedReceipts, about: 'Booked, and not signed yet.' },
    {
      name: 'Mails to send',
      waiting: mailsQueued,
      about: 'In the outbox; the next attempt comes by itself.',
    },
  ]
}

function showJob(job: JobSeen): System['jobs'][number] {
  const { name, everyMs, runs, running, lastResult = null, lastDurationMs } = job
  return {
    name,
    everyMs,
    runs,
    running,
    lastBeganAt: timeOf(job.lastBeganMs),
    lastDurationMs: lastDurationMs === undefined ? null : Math.round(lastDurationMs * 10) / 10,
    lastResult,
    lastFailedAt: timeOf(job.lastFailedMs),
  }
}

function timeOf(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString()
}
