/** What only shows when two want the same at once: the second sees what the first did, and some never wait. */
import assert from 'node:assert/strict'
import * as store from '../../src/ledger/store.ts'
import type { DatabaseClient } from '../../src/platform/database.ts'
import { uuidv7 } from '../../src/platform/ids.ts'
import { blocked, goodwill, hold, type Lab, post, settle } from './ledger-lab.ts'

/** Runs `first` without committing, then `second` beside it, which must wait; commits, and returns what `second` says. */
async function inTurn<Answer>(
  lab: Lab,
  first: (client: DatabaseClient) => Promise<unknown>,
  second: (client: DatabaseClient) => Promise<Answer>,
): Promise<Answer> {
  const [one, other] = await lab.others()
  await one.query('BEGIN')
  await first(one)
  const answer = second(other)
  answer.catch(() => undefined)
  try {
    await blocked(lab, other, answer)
  } finally {
    await one.query('COMMIT')
  }
  return answer
}

/** Two who want the same money, hold, account, journal or month: the second sees what the first did. */
export async function races(lab: Lab): Promise<void> {
  const payer = await lab.account('buyer_cash', 100n)
  const poor = await inTurn(
    lab,
    (client) => hold(client, payer, 80n),
    (client) => hold(client, payer, 80n),
  )
  assert.deepEqual(poor.outcome, { status: 'insufficient', availableNanos: 20n, heldNanos: 80n })
  await budgetRace(lab)
  await settleRaces(lab)
  await journalRaces(lab)

  const owner = uuidv7()
  const open = async (client: DatabaseClient) => {
    const { rows } = await client.query(`SELECT ledger.open_account('seller_pending', $1) AS id`, [owner])
    return rows[0].id
  }
  const opened = await inTurn(lab, open, open)
  assert.equal(opened, await open(lab.admin))

  const made = await inTurn(
    lab,
    (client) => store.ensurePartitions(client, 6),
    (client) => store.ensurePartitions(client, 6),
  )
  assert.equal(made, 0)
}

async function budgetRace(lab: Lab): Promise<void> {
  const [one, other] = [await lab.account('buyer_cash', 100n), await lab.account('buyer_cash', 100n)]
  const budget = uuidv7()
  await store.setBudget(lab.admin, budget, { limitNanos: 100n, period: 'none' })
  const { outcome } = await inTurn(
    lab,
    (client) => hold(client, one, 80n, budget),
    (client) => hold(client, other, 80n, budget),
  )
  assert.deepEqual(outcome, {
    status: 'budget_exceeded',
    limitNanos: 100n,
    spentNanos: 0n,
    heldNanos: 80n,
    resetsAt: null,
  })
}

async function settleRaces(lab: Lab): Promise<void> {
  const payer = await lab.account('buyer_cash', 100n)
  const ids: string[] = []
  for (const nanos of [10n, 10n, 10n]) ids.push((await hold(lab.admin, payer, nanos)).id)
  const [first, second, last] = ids as [string, string, string]
  const settled = await inTurn(
    lab,
    (client) => settle(lab, client, first, 60n),
    (client) => settle(lab, client, second, 60n),
  )
  assert.deepEqual(settled, { availableNanos: 0n, shortfallNanos: 30n })
  const voidOf = (id: string) => (client: DatabaseClient) => store.voidBatch(client, [{ id, reason: 'x' }])
  const refused = await inTurn(lab, voidOf(last), (client) => settle(lab, client, last, 5n))
  assert.equal(refused, 'voided')
  const late = await hold(lab.admin, payer, 0n)
  const charged = await inTurn(lab, (client) => settle(lab, client, late.id, 5n), voidOf(late.id))
  assert.deepEqual(charged, ['settled'])
}

async function journalRaces(lab: Lab): Promise<void> {
  const [gift, bad] = [await goodwill(lab.admin), lab.stage.accounts.get('forgiven')?.id as bigint]
  const payer = await lab.account('buyer_cash', 10n)
  const sourceId = uuidv7()
  const give = (client: DatabaseClient) =>
    post(
      client,
      [
        [gift, 5n],
        [payer, -5n],
      ],
      { sourceId },
    )
  const repeated = await inTurn(lab, give, give)
  assert.equal(repeated.fresh, false)

  // Part of a debt is forgiven while a credit is about to pay all of it.
  const { id } = await hold(lab.admin, payer, 0n)
  await settle(lab, lab.admin, id, 50n)
  const { rows } = await lab.admin.query<{ id: string }>(
    `SELECT d.id FROM ledger.account d JOIN ledger.account c ON c.owner = d.owner AND d.code = 'receivable_buyer' WHERE c.id = $1`,
    [payer],
  )
  const debt = BigInt(rows[0]?.id ?? 0)
  await inTurn(
    lab,
    (client) =>
      post(client, [
        [bad, 30n],
        [debt, -30n],
      ]),
    (client) =>
      post(
        client,
        [
          [gift, 35n],
          [payer, -35n],
        ],
        { recoverDebt: true },
      ),
  )
  const { rows: left } = await lab.admin.query(
    'SELECT debits - credits AS owed FROM ledger.account WHERE id = $1',
    [debt],
  )
  assert.deepEqual(left, [{ owed: '0' }])
}

/** Renewing and expiring wait for nobody: whoever has the lock is ending these holds. */
export async function neverWaits(lab: Lab): Promise<void> {
  const [busy, idle] = [await lab.account('buyer_cash', 10n), await lab.account('buyer_cash', 10n)]
  const held = [
    await hold(lab.admin, busy, 1n),
    await hold(lab.admin, idle, 1n),
    await hold(lab.admin, busy, 1n),
  ]
  const ids = held.map(({ id }) => id)
  const [worker, blocker] = await lab.others()
  await blocker.query('BEGIN')
  await blocker.query('SELECT FROM ledger.hold WHERE id = $1 FOR UPDATE', [ids[0]])
  try {
    assert.equal(await store.renewBatch(worker, ids), 2)
    await blocker.query('ROLLBACK; BEGIN')
    await lab.admin.query(`UPDATE ledger.hold SET expires_at = now() - interval '1 s' WHERE id = ANY ($1)`, [
      ids,
    ])
    await blocker.query('SELECT FROM ledger.account WHERE id = $1 FOR UPDATE', [busy])
    assert.equal(await store.expireHolds(worker, 10), 1)
  } finally {
    await blocker.query('ROLLBACK')
  }
  assert.equal(await store.expireHolds(worker, 10), 2)
}
