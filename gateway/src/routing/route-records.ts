/**
 * Keeps what requests were decided from and what came of it, for a week. Written behind the answers, in batches; while the
 * database is away a few thousand wait, and the ones beyond are counted and forgotten: an explanation is not money.
 */
import { promisify } from 'node:util'
import { deflate, inflateSync } from 'node:zlib'
import type { Database } from '../platform/database.ts'
import type { Logger } from '../platform/logger.ts'
import { pause } from '../platform/pause.ts'
import type { Choice, RouteRequest } from './choice.ts'
import { type DensePool, densify, type Pool } from './pool.ts'
import type { RouteAttempt, RouteRecord } from './route-log.ts'
import { findDecision, findPools, forgetRoutes, insertRoutes, type PoolRow } from './route-store.ts'

const MAX_WAITING = 5_000
/** Pools hold up to a few megabytes each while they wait. */
const MAX_WAITING_POOLS = 64
const BATCH_MAX = 500
const GATHER_MS = 250
const RETRY_MS = 2_000
/** Written pools that need not be written again; an id is 22 characters. */
const MAX_KNOWN_POOLS = 10_000
const KEPT_DAYS = 7
const FORGET_EVERY_MS = 3_600_000
const FORGET_BATCH = 5_000

/** A stored decision with the pool that it was made from. */
export interface StoredDecision {
  model: string
  dense: DensePool
  request: RouteRequest
  choice: Choice
}

export interface StoredRoute {
  organisationId: string
  seed: string
  atMs: number
  monotonicMs: number
  decisions: StoredDecision[]
  attempts: readonly RouteAttempt[]
  error?: string
}

interface StoredBody {
  seed: string
  atMs: number
  monotonicMs: number
  decisions: { model: string; pool: string; request: RouteRequest; choice: Choice }[]
  attempts: readonly RouteAttempt[]
  error?: string
}

export interface RouteRecords {
  add(record: RouteRecord): void
  /** What is kept of a request; `undefined` when nothing is. */
  find(requestId: string): Promise<StoredRoute | undefined>
  /** Resolves when everything added so far is written or given up. */
  idle(): Promise<void>
  forgotten(): number
  close(): Promise<void>
}

const deflated = promisify(deflate)

export function createRouteRecords({
  database,
  logger,
}: {
  database: Pick<Database, 'pool'>
  logger: Pick<Logger, 'warn'>
}): RouteRecords {
  let waiting: RouteRecord[] = []
  const waitingPools = new Set<DensePool>()
  const known = new Set<string>()
  let writing: Promise<void> | undefined
  let forgotten = 0
  const closing = new AbortController()

  function add(record: RouteRecord): void {
    const pools = record.plan.decisions.map(({ dense }) => dense).filter((dense) => !waitingPools.has(dense))
    if (waiting.length >= MAX_WAITING || waitingPools.size + pools.length > MAX_WAITING_POOLS) {
      forgotten += 1
      return
    }
    for (const dense of pools) waitingPools.add(dense)
    waiting.push(record)
    writing ??= write()
  }

  async function write(): Promise<void> {
    while (waiting.length > 0) {
      await pause(GATHER_MS, closing.signal)
      const batch = waiting.slice(0, BATCH_MAX)
      try {
        await insertRoutes(database, {
          pools: await newPools(batch, known),
          decisions: batch.map(decisionRow),
        })
        remember(batch)
      } catch (error) {
        logger.warn({ err: error, routes: waiting.length }, 'route explanations wait for the database')
        if (closing.signal.aborted) break
        await pause(RETRY_MS, closing.signal)
        continue
      }
      waiting = waiting.slice(batch.length)
      waitingPools.clear()
      for (const { plan } of waiting) for (const { dense } of plan.decisions) waitingPools.add(dense)
    }
    writing = undefined
  }

  function remember(batch: readonly RouteRecord[]): void {
    if (known.size > MAX_KNOWN_POOLS) known.clear()
    for (const { plan } of batch) for (const { dense } of plan.decisions) known.add(dense.id)
  }

  async function forget(): Promise<void> {
    try {
      while ((await forgetRoutes(database, { days: KEPT_DAYS, limit: FORGET_BATCH })) >= FORGET_BATCH) {
        await pause(GATHER_MS, closing.signal)
        if (closing.signal.aborted) return
      }
    } catch (error) {
      logger.warn({ err: error }, 'old route explanations were not forgotten')
    }
  }

  const forgetting = setInterval(() => void forget(), FORGET_EVERY_MS)
  forgetting.unref()

  return {
    add,
    find: (requestId) => findRoute(database, requestId),
    async idle() {
      while (writing) await writing
    },
    forgotten: () => forgotten,
    async close() {
      clearInterval(forgetting)
      closing.abort()
      await writing
    },
  }
}

/** The pools of `batch` that are not known to be written. */
async function newPools(batch: readonly RouteRecord[], known: ReadonlySet<string>): Promise<PoolRow[]> {
  const pools = new Map<string, DensePool>()
  for (const { plan } of batch)
    for (const { dense } of plan.decisions) if (!known.has(dense.id)) pools.set(dense.id, dense)
  return Promise.all(
    [...pools].map(async ([id, { pool }]) => ({
      id,
      model: pool.model,
      body: await deflated(JSON.stringify(pool)),
    })),
  )
}

function decisionRow({ plan, atMs, monotonicMs, attempts, error }: RouteRecord) {
  const body: StoredBody = {
    seed: plan.requestId,
    atMs,
    monotonicMs,
    decisions: plan.decisions.map(({ model, dense, request, choice }) => ({
      model,
      pool: dense.id,
      request,
      choice,
    })),
    attempts,
    ...(error === undefined ? {} : { error }),
  }
  return {
    requestId: plan.requestId,
    organisationId: plan.buyer,
    model: plan.model,
    decidedAt: new Date(atMs),
    body: JSON.stringify(body),
  }
}

async function findRoute(
  database: Pick<Database, 'pool'>,
  requestId: string,
): Promise<StoredRoute | undefined> {
  const row = await findDecision(database, requestId)
  if (!row) return undefined
  const { decisions, ...body } = row.body as StoredBody
  const pools = await findPools(
    database,
    decisions.map(({ pool }) => pool),
  )
  const byId = new Map(pools.map(({ id, body: packed }) => [id, unpacked(packed)]))
  return {
    ...body,
    organisationId: row.organisationId,
    decisions: decisions.flatMap(({ pool, ...decision }) => {
      const dense = byId.get(pool)
      return dense ? [{ ...decision, dense }] : []
    }),
  }
}

function unpacked(body: Buffer): DensePool {
  return densify(JSON.parse(inflateSync(body).toString('utf8')) as Pool)
}
