/** A ledger whose functions may be replaced by wrong ones, and connections to watch what they do. */
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import * as store from '../../src/ledger/store.ts'
import { connectClient, type DatabaseClient } from '../../src/platform/database.ts'
import { uuidv7 } from '../../src/platform/ids.ts'
import { createTestDatabase } from './database.ts'
import { usageRecord } from './ledger-history.ts'
import { type Stage, setStage } from './ledger-player.ts'

/** One place of a function's definition, and what a careless hand would make of it. */
export interface SqlMutant {
  of: string
  /** What goes wrong then, as a sentence. */
  fault: string
  from: string
  to: string
  /** The probe that notices. */
  by: string
}

export interface Lab {
  /** The superuser's connection. */
  admin: DatabaseClient
  stage: Stage
  /** Other connections of the superuser, the same ones each time. */
  others(): Promise<[DatabaseClient, DatabaseClient, DatabaseClient]>
  /** An account of a new owner; with money if it is a buyer's. */
  account(code: string, nanos?: bigint): Promise<bigint>
  /** Runs `look` with the function changed; the original is back when it returns. */
  withMutant<Seen>(mutant: Pick<SqlMutant, 'of' | 'from' | 'to'>, look: () => Promise<Seen>): Promise<Seen>
  close(): Promise<void>
}

export async function createLab(): Promise<Lab> {
  const testDatabase = await createTestDatabase()
  const clients: DatabaseClient[] = []
  const connect = async () => {
    const client = await connectClient(testDatabase.adminUrl)
    // A mutant that waits for what never comes must not stop the whole list.
    await client.query(`SET lock_timeout = '5s'; SET statement_timeout = '30s'`)
    clients.push(client)
    return client
  }
  const admin = await connect()
  const others = [await connect(), await connect(), await connect()] as const
  const stage = await setStage(await connect())
  const definition = async (name: string) => {
    const { rows } = await admin.query<{ sql: string }>('SELECT pg_get_functiondef($1::regproc) AS sql', [
      `ledger.${name}`,
    ])
    return rows[0]?.sql ?? ''
  }
  return {
    admin,
    stage,
    async others() {
      // Plans that were made under other settings would hide what a probe looks for.
      for (const other of others)
        await other.query(
          `RESET enable_indexscan; RESET enable_indexonlyscan; SET lock_timeout = '5s'; DISCARD PLANS`,
        )
      return [...others]
    },
    account: (code, nanos = 0n) => openAccount(admin, code, nanos),
    async withMutant({ of, from, to }, look) {
      const original = await definition(of)
      assert.equal(original.split(from).length, 2, `${from} must stand once in ${of}`)
      try {
        await admin.query(original.replace(from, () => to))
        return await look()
      } finally {
        await admin.query(original)
      }
    },
    async close() {
      for (const client of clients) await client.end()
      await testDatabase.drop()
    },
  }
}

async function openAccount(client: DatabaseClient, code: string, nanos: bigint): Promise<bigint> {
  const id = await store.openAccount(client, code, uuidv7())
  if (nanos > 0n)
    await post(client, [
      [await goodwill(client), nanos],
      [id, -nanos],
    ])
  return id
}

export const goodwill = (client: DatabaseClient) => store.openAccount(client, 'goodwill_expense', undefined)

/** A journal of its own source unless told. */
export function post(
  client: DatabaseClient,
  legs: readonly (readonly [account: bigint, nanos: bigint])[],
  more: Partial<store.Posting> = {},
) {
  return store.post(client, {
    id: uuidv7(),
    code: 'test',
    source: 'test',
    sourceId: uuidv7(),
    entries: legs.map(([account, amountNanos]) => ({ account, amountNanos })),
    memo: undefined,
    reversesId: undefined,
    recoverDebt: false,
    ...more,
  })
}

/** The SQLSTATE of what a function refuses by itself. */
export const INVALID = '22023'

/** The one row of a query. */
export async function row(lab: Lab, sql: string, values: unknown[] = []): Promise<Record<string, unknown>> {
  const { rows } = await lab.admin.query(sql, values)
  assert.equal(rows.length, 1)
  return rows[0]
}

export const NODE = { nodeId: 'node-a', nodeEpoch: 7 }

export async function hold(client: DatabaseClient, payer: bigint, amountNanos: bigint, budgetId?: string) {
  const id = uuidv7()
  const [outcome] = await store.holdBatch(
    client,
    [{ id, payer, amountNanos, ...(budgetId ? { budgetId } : {}) }],
    NODE,
  )
  return { id, outcome }
}

/** Settles at that cost, all of it the seller's. */
export async function settle(lab: Lab, client: DatabaseClient, id: string, costNanos: bigint) {
  const { accounts } = lab.stage
  const [settled] = await store.settleBatch(client, [
    {
      id,
      costNanos,
      sellerAccount: accounts.get('pending 0')?.id as bigint,
      sellerNanos: costNanos,
      feeAccount: accounts.get('fee')?.id as bigint,
      feeNanos: 0n,
      record: usageRecord(),
    },
  ])
  return settled
}

/** The SQLSTATE that `run` fails with, or `done`; what it did is undone. */
export async function attempt(
  client: DatabaseClient,
  run: string | (() => Promise<unknown>),
): Promise<string> {
  await client.query('BEGIN')
  try {
    await (typeof run === 'string' ? client.query(run) : run())
    return 'done'
  } catch (error) {
    const { code } = error as { code?: string }
    if (code === undefined) throw error
    return code
  } finally {
    await client.query('ROLLBACK')
  }
}

/** What `look` sees is undone afterwards. */
export async function undone(client: DatabaseClient, look: () => Promise<void>): Promise<void> {
  await client.query('BEGIN')
  try {
    await look()
  } finally {
    await client.query('ROLLBACK')
  }
}

const WAIT_MS = 4_000
const POLL_MS = 5

/** Resolves when `worker` waits for a lock; fails when `work` ended without. */
export async function blocked(lab: Lab, worker: DatabaseClient, work: Promise<unknown>): Promise<void> {
  const { processID } = worker as unknown as { processID: number }
  let ended = false
  const end = () => {
    ended = true
  }
  work.then(end, end)
  for (const deadlineMs = Date.now() + WAIT_MS; Date.now() < deadlineMs; await delay(POLL_MS)) {
    const { rows } = await lab.admin.query<{ waits: boolean }>(
      'SELECT cardinality(pg_blocking_pids($1)) > 0 AS waits',
      [processID],
    )
    if (rows[0]?.waits) return
    assert(!ended, 'it should have waited for a lock')
  }
  assert.fail('it waits for something else than a lock')
}
