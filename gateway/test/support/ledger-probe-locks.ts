/** Every writer locks accounts by id, whatever order they are asked for or lie in. */
import assert from 'node:assert/strict'
import * as store from '../../src/ledger/store.ts'
import type { DatabaseClient } from '../../src/platform/database.ts'
import { uuidv7 } from '../../src/platform/ids.ts'
import { usageRecord } from './ledger-history.ts'
import { blocked, goodwill, type Lab, NODE, post } from './ledger-lab.ts'

const CROSSINGS = 30

/** Two accounts of which the one with the higher id lies first on the disk, so that only ORDER BY puts them in order. */
async function crossedAccounts({ admin }: Lab, code: string): Promise<[low: bigint, high: bigint]> {
  const { rows } = await admin.query<{ top: string }>('SELECT max(id) + 1000 AS top FROM ledger.account')
  const high = BigInt(rows[0]?.top ?? 0)
  for (const id of [high, high - 1n]) {
    await admin.query(
      `INSERT INTO ledger.account (id, key, code, class, normal_side, floored, owner) OVERRIDING SYSTEM VALUE
       SELECT $1::bigint, code || ':o' || $1::bigint, code, class, normal_side, floored, 'o' || $1::bigint FROM ledger.account_code WHERE code = $2`,
      [id, code],
    )
  }
  return [high - 1n, high]
}

async function richCrossedAccounts(lab: Lab): Promise<[low: bigint, high: bigint]> {
  const crossed = await crossedAccounts(lab, 'buyer_cash')
  const gift = await goodwill(lab.admin)
  // One after the other in one journal, so that both rows are rewritten in the order in which they lie.
  await post(lab.admin, [
    [gift, 200n],
    [crossed[1], -100n],
    [crossed[0], -100n],
  ])
  return crossed
}

/** While `work` waits for the lower account (or other row), it must not have locked the higher one yet. */
async function takesLowFirst(
  lab: Lab,
  [low, high]: readonly [unknown, unknown],
  work: (client: DatabaseClient) => Promise<unknown>,
  table = 'account',
): Promise<void> {
  const [blocker, worker, prober] = await lab.others()
  // Else the index would give them in order by itself.
  await worker.query('SET enable_indexscan = off; SET enable_indexonlyscan = off; DISCARD PLANS')
  await blocker.query('BEGIN')
  await blocker.query(`SELECT FROM ledger.${table} WHERE id = $1 FOR UPDATE`, [low])
  const working = work(worker)
  working.catch(() => undefined)
  try {
    await blocked(lab, worker, working)
    const free = await prober.query(`SELECT FROM ledger.${table} WHERE id = $1 FOR UPDATE SKIP LOCKED`, [
      high,
    ])
    assert.equal(free.rowCount, 1, 'the higher id was locked before the lower one')
  } finally {
    await blocker.query('ROLLBACK')
    await working.catch(() => undefined)
  }
}

const operationsOf = (payers: readonly bigint[]) =>
  payers.map((payer) => ({ id: uuidv7(), payer, amountNanos: 5n }))

async function heldOn(lab: Lab, payers: readonly bigint[]): Promise<string[]> {
  const operations = operationsOf(payers)
  await store.holdBatch(lab.admin, operations, NODE)
  return operations.map(({ id }) => id)
}

type Work = (client: DatabaseClient) => Promise<unknown>

/** What locks several accounts; each prepares what it needs on both, then says what to run. */
const writers: ((lab: Lab, both: readonly bigint[]) => Promise<Work>)[] = [
  async (_, both) => (client) => store.holdBatch(client, operationsOf(both), NODE),
  async (lab, both) => {
    const ids = await heldOn(lab, both)
    return (client) => settleAll(lab, client, ids)
  },
  async (lab, both) => {
    const voids = (await heldOn(lab, both)).map((id) => ({ id, reason: 'x' }))
    return (client) => store.voidBatch(client, voids)
  },
  async (lab, both) => {
    const ids = await heldOn(lab, both)
    return (client) => writeOff(lab, client, ids)
  },
  async (lab, both) => {
    await heldOn(lab, both)
    return (client) => store.releaseDead(client, { ...NODE, nodeEpoch: 8 })
  },
  async (_, [high, low]) =>
    (client) =>
      post(client, [
        [high as bigint, 1n],
        [low as bigint, -1n],
      ]),
]

export async function lockOrder(lab: Lab): Promise<void> {
  const low = await lab.account('buyer_cash', 100n)
  for (const writer of writers) {
    const { work, crossed } = await prepared(lab, writer)
    await takesLowFirst(lab, crossed, work)
    // Nothing of an earlier writer is left for `releaseDead`.
    await store.releaseDead(lab.admin, { ...NODE, nodeEpoch: 8 })
  }
  await budgetLockOrder(lab, low)
  await openingOrder(lab)
}

/** Rows move when they are written; tries until the higher id still lies first. */
async function prepared(lab: Lab, writer: (typeof writers)[number]) {
  for (let attempt = 0; attempt < CROSSINGS; attempt += 1) {
    const crossed = await richCrossedAccounts(lab)
    const work = await writer(lab, crossed.toReversed())
    if (await liesCrossed(lab, crossed)) return { work, crossed }
    await store.releaseDead(lab.admin, { ...NODE, nodeEpoch: 8 })
  }
  return assert.fail('the accounts never lay in the wrong order')
}

async function liesCrossed({ admin }: Lab, [low, high]: readonly [bigint, bigint]): Promise<boolean> {
  const seen: string[] = []
  for (const way of ['enable_seqscan = off', 'enable_bitmapscan = off']) {
    await admin.query(
      `BEGIN; SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off; SET LOCAL ${way}`,
    )
    const { rows } = await admin.query<{ id: string }>(
      'SELECT id FROM ledger.account WHERE id = ANY ($1::bigint[])',
      [[low, high]],
    )
    await admin.query('ROLLBACK')
    seen.push(rows[0]?.id ?? '')
  }
  return seen.every((first) => first === `${high}`)
}

async function budgetLockOrder(lab: Lab, payer: bigint): Promise<void> {
  const [low, high] = [uuidv7(), uuidv7()].sort() as [string, string]
  for (const id of [high, low]) await store.setBudget(lab.admin, id, { limitNanos: 100n, period: 'none' })
  const operations = [high, low].map((budgetId) => ({ id: uuidv7(), payer, amountNanos: 1n, budgetId }))
  await takesLowFirst(lab, [low, high], (client) => store.holdBatch(client, operations, NODE), 'budget')
}

/** Whoever waits for an account that somebody else is opening has not opened those that come after it. */
async function openingOrder(lab: Lab): Promise<void> {
  const [blocker, worker, prober] = await lab.others()
  const stem = uuidv7()
  const owned = (name: string) => ({ code: 'seller_pending', owner: `${stem}-${name}` })
  await blocker.query('BEGIN')
  await store.openAccounts(blocker, [owned('a')])
  const working = store.openAccounts(worker, ['d', 'a', 'c', 'b'].map(owned))
  working.catch(() => undefined)
  try {
    await blocked(lab, worker, working)
    // Before the worker gives up.
    await prober.query(`SET lock_timeout = '1s'`)
    await store.openAccounts(prober, ['b', 'c', 'd'].map(owned))
  } finally {
    await blocker.query('ROLLBACK')
    await working.catch(() => undefined)
  }
}

function settleAll(lab: Lab, client: DatabaseClient, ids: readonly string[]) {
  const { accounts } = lab.stage
  return store.settleBatch(
    client,
    ids.map((id) => ({
      id,
      costNanos: 2n,
      sellerAccount: accounts.get('pending 0')?.id as bigint,
      sellerNanos: 1n,
      feeAccount: accounts.get('fee')?.id as bigint,
      feeNanos: 1n,
      record: usageRecord(),
    })),
  )
}

function writeOff(lab: Lab, client: DatabaseClient, ids: readonly string[]) {
  const seller = lab.stage.accounts.get('pending 0')?.id
  return client.query('SELECT ledger.write_off_batch($1, $2, $3, $4, $5, $6)', [
    ids,
    ids.map(() => uuidv7()),
    ids.map(() => seller),
    ids.map(() => 3n),
    ids.map(() => 'x'),
    lab.stage.accounts.get('loss')?.id,
  ])
}
