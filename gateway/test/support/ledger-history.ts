/**
 * Random histories of a ledger, played against the SQL functions and against the model at once. A history runs in one
 * transaction that is rolled back, so histories do not see each other and functions may be replaced for the time of one.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { AccountRef } from '../../src/ledger/accounts.ts'
import { requestSettled } from '../../src/ledger/postings.ts'
import * as store from '../../src/ledger/store.ts'
import type { UsageRecord } from '../../src/ledger/usage-record.ts'
import type { DatabaseClient } from '../../src/platform/database.ts'
import { uuidv7 } from '../../src/platform/ids.ts'
import * as modelled from './ledger-model.ts'

const SLOTS = 10
const NODE = { nodeId: 'node-a', nodeEpoch: 7 }

type Asked = { index: number; twisted: boolean }

type Step =
  | { kind: 'credit'; buyer: number; key: string; amount: bigint }
  | { kind: 'hold' | 'settle'; asked: Asked[] }
  | { kind: 'void' | 'expire' | 'renew'; indexes: number[] }
  | { kind: 'budget'; budget: number; limit: bigint | undefined }
  | { kind: 'release' }

export interface History {
  slots: modelled.Slot[]
  steps: Step[]
}

const amount = (max: bigint) => fc.bigInt({ min: 0n, max })
const pick = fc.nat(SLOTS - 1)
const asked = fc.array(
  fc.record({ index: pick, twisted: fc.integer({ min: 0, max: 9 }).map((n) => n === 0) }),
  {
    minLength: 1,
    maxLength: 5,
  },
)
const picks = fc.array(pick, { minLength: 1, maxLength: 4 })

const slot: fc.Arbitrary<modelled.Slot> = fc
  .record({
    buyer: fc.nat(1),
    amount: amount(60n),
    budget: fc.option(fc.nat(1), { nil: undefined }),
    // Half of them within the hold, the others up to six times of it, some free.
    permille: fc.oneof(fc.nat(1000), fc.integer({ min: 1000, max: 6000 }), fc.constant(0)),
    feeBps: fc.nat(10_000),
    seller: fc.nat(1),
  })
  .map(({ permille, feeBps, ...rest }) => {
    const cost = (rest.amount * BigInt(permille) + 999n) / 1000n
    return { ...rest, cost, fee: cost - (cost * BigInt(10_000 - feeBps)) / 10_000n }
  })

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('credit' as const),
      buyer: fc.nat(1),
      key: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
      amount: fc.bigInt({ min: 1n, max: 150n }),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('hold' as const), asked }) },
  { weight: 7, arbitrary: fc.record({ kind: fc.constant('settle' as const), asked }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('void' as const), indexes: picks }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('expire' as const), indexes: picks }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('renew' as const), indexes: picks }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('budget' as const),
      budget: fc.nat(1),
      limit: fc.option(amount(120n), { nil: undefined }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'release' as const }) },
)

/** What chance seldom brings about, told on purpose: buyer 0 starts with 100. */
export const stories: History[] = [
  {
    // Over budget, then within it; a void gives it back; an expired hold is settled and a repetition changes nothing.
    slots: [40n, 40n, 15n, 20n].map((held) => ({
      buyer: 0,
      amount: held,
      budget: 0,
      cost: held - 5n,
      seller: 1,
      fee: 3n,
    })),
    steps: [
      { kind: 'budget', budget: 0, limit: 90n },
      { kind: 'hold', asked: [0, 0, 1, 2].map((index) => ({ index, twisted: false })) },
      { kind: 'void', indexes: [0, 0] },
      { kind: 'hold', asked: [0, 2, 3].map((index) => ({ index, twisted: false })) },
      { kind: 'expire', indexes: [1] },
      { kind: 'settle', asked: [1, 3, 1].map((index) => ({ index, twisted: false })) },
      { kind: 'settle', asked: [{ index: 1, twisted: true }] },
    ],
  },
  {
    // Two overruns share what is free, the rest is owed, and the next credit pays that first.
    slots: [30n, 30n, 80n].map((held) => ({
      buyer: 0,
      amount: held,
      budget: undefined,
      cost: held * 3n,
      seller: 0,
      fee: held,
    })),
    steps: [
      { kind: 'hold', asked: [0, 1, 2].map((index) => ({ index, twisted: false })) },
      { kind: 'settle', asked: [0, 1].map((index) => ({ index, twisted: false })) },
      { kind: 'credit', buyer: 0, key: 'a', amount: 50n },
      { kind: 'credit', buyer: 0, key: 'b', amount: 50n },
      { kind: 'credit', buyer: 0, key: 'b', amount: 51n },
    ],
  },
]

export const history: fc.Arbitrary<History> = fc.record({
  slots: fc.array(slot, { minLength: SLOTS, maxLength: SLOTS }),
  steps: fc.array(step, { minLength: 1, maxLength: 14 }),
})

/** Plays `history` on the functions as they are, or with `replaced` (SQL run first); throws where books and model part. */
export async function play(client: DatabaseClient, { slots, steps }: History, replaced = ''): Promise<void> {
  await client.query('BEGIN')
  try {
    if (replaced !== '') await client.query(replaced)
    const scene = await setUp(client, slots)
    for (const one of [{ kind: 'credit', buyer: 0, key: 'start', amount: 100n } satisfies Step, ...steps]) {
      await playStep(scene, one)
      await compare(scene)
    }
  } finally {
    await client.query('ROLLBACK')
  }
}

interface Scene {
  client: DatabaseClient
  model: modelled.Model
  slots: modelled.Slot[]
  ids: string[]
  buyers: AccountRef[]
  sellers: AccountRef[]
  budgets: string[]
  account(ref: AccountRef): bigint
}

const fee: AccountRef = { code: 'platform_fee', owner: '3' }
const goodwill: AccountRef = { code: 'goodwill_expense' }
const receivable = (buyer: AccountRef): AccountRef => ({ ...buyer, code: 'receivable_buyer' })

async function setUp(client: DatabaseClient, slots: modelled.Slot[]): Promise<Scene> {
  const named = (code: 'buyer_cash' | 'seller_pending') =>
    [0, 1].map((): AccountRef => ({ code, owner: uuidv7() }))
  const [buyers, sellers] = [named('buyer_cash'), named('seller_pending')]
  const accounts = new Map<AccountRef, bigint>()
  for (const ref of [...buyers, ...sellers, fee, goodwill]) {
    accounts.set(ref, await store.openAccount(client, ref.code, ref.owner))
  }
  return {
    client,
    model: modelled.emptyModel(),
    slots,
    ids: slots.map(() => uuidv7()),
    buyers,
    sellers,
    budgets: [uuidv7(), uuidv7()],
    account: (ref) => accounts.get(ref) as bigint,
  }
}

async function playStep(scene: Scene, one: Step): Promise<void> {
  const { client, model, budgets } = scene
  switch (one.kind) {
    case 'credit':
      assert.equal(await creditSql(scene, one), modelled.credit(model, one.key, one.buyer, one.amount))
      break
    case 'hold': {
      const asked = terms(scene, one.asked)
      const answers = await store.holdBatch(client, holdOperations(scene, asked), NODE)
      assert.deepEqual(answers, modelled.hold(model, asked))
      break
    }
    case 'settle': {
      const asked = terms(scene, one.asked)
      const answers = await store.settleBatch(client, settleOperations(scene, asked))
      assert.deepEqual(answers, modelled.settle(model, asked))
      break
    }
    case 'void': {
      const voids = one.indexes.map((index) => ({ id: scene.ids[index] as string, reason: 'test' }))
      assert.deepEqual(await store.voidBatch(client, voids), modelled.release(model, one.indexes, 'voided'))
      break
    }
    case 'expire': {
      await expire(scene, one.indexes)
      modelled.release(model, one.indexes, 'expired')
      break
    }
    case 'renew':
      await store.renewBatch(
        client,
        one.indexes.map((index) => scene.ids[index] as string),
      )
      break
    case 'budget': {
      const budget = one.limit === undefined ? null : { limitNanos: one.limit, period: 'none' as const }
      await store.setBudget(client, budgets[one.budget] as string, budget)
      modelled.setBudget(model, one.budget, one.limit)
      break
    }
    case 'release': {
      const open = [...model.holds].filter(([, { state }]) => state === 'open').map(([index]) => index)
      assert.equal(await store.releaseDead(client, { ...NODE, nodeEpoch: NODE.nodeEpoch + 1 }), open.length)
      modelled.release(model, open, 'expired')
    }
  }
}

/** The terms a step asks for: the slot's, or others, which a repetition must not get away with. */
function terms({ slots }: Scene, asked: readonly Asked[]): { index: number; slot: modelled.Slot }[] {
  return asked.map(({ index, twisted }) => {
    const given = slots[index] as modelled.Slot
    return { index, slot: twisted ? { ...given, amount: given.amount + 1n, cost: given.cost + 1n } : given }
  })
}

async function creditSql(scene: Scene, { buyer, key, amount: amountNanos }: Step & { kind: 'credit' }) {
  const { client } = scene
  const to = scene.buyers[buyer] as AccountRef
  const posting: store.Posting = {
    id: uuidv7(),
    code: 'play_credit',
    source: 'play_credit',
    sourceId: `${to.owner}:${key}`,
    entries: [
      { account: scene.account(goodwill), amountNanos },
      { account: scene.account(to), amountNanos: -amountNanos },
    ],
    memo: undefined,
    reversesId: undefined,
    recoverDebt: true,
  }
  await client.query('SAVEPOINT credit')
  try {
    return (await store.post(client, posting)).fresh ? 'booked' : 'repeated'
  } catch (error) {
    if ((error as { code?: string }).code !== 'BL001') throw error
    await client.query('ROLLBACK TO SAVEPOINT credit')
    return 'mismatch'
  }
}

function holdOperations(scene: Scene, asked: readonly { index: number; slot: modelled.Slot }[]) {
  return asked.map(({ index, slot: given }) => ({
    id: scene.ids[index] as string,
    payer: scene.account(scene.buyers[given.buyer] as AccountRef),
    amountNanos: given.amount,
    ...(given.budget === undefined ? {} : { budgetId: scene.budgets[given.budget] as string }),
  }))
}

function settleOperations(scene: Scene, asked: readonly { index: number; slot: modelled.Slot }[]) {
  const feeAccount = scene.account(fee)
  return asked.map(({ index, slot: given }) => ({
    id: scene.ids[index] as string,
    costNanos: given.cost,
    sellerAccount: scene.account(scene.sellers[given.seller] as AccountRef),
    sellerNanos: given.cost - given.fee,
    feeAccount,
    feeNanos: given.fee,
    record: usageRecord(scene.buyers[given.buyer]?.owner, scene.sellers[given.seller]?.owner),
  }))
}

/** A record of a small answer. */
export function usageRecord(organisationId = uuidv7(), sellerOrganisationId = uuidv7()): UsageRecord {
  return {
    organisationId,
    keyId: '018f0000-0000-7000-8000-000000000001',
    listingId: '018f0000-0000-7000-8000-000000000002',
    sellerOrganisationId,
    model: 'openai/gpt-4o-mini',
    provider: 'openai',
    usage: {
      uncachedInput: 11,
      cacheRead: 5,
      cacheWrite5m: 0,
      cacheWrite1h: 0,
      audioInput: 0,
      output: 7,
      audioOutput: 0,
      reasoning: 2,
    },
    usageSource: 'reported',
    price: { table: { base: { output: 600_000n }, tiers: [] }, multiplierPpm: 1_000_000n, feeBps: 500n },
    stream: true,
    finishReason: 'stop',
    startedAt: new Date('2026-11-22T10:00:00Z'),
    durationMs: 812.5,
    ttftMs: 120.25,
  }
}

/** Time cannot be turned in the database, so the holds' is. */
async function expire({ client, ids }: Scene, indexes: readonly number[]): Promise<void> {
  await client.query(
    `UPDATE ledger.hold SET expires_at = now() - interval '1 second' WHERE state = 'open' AND id = ANY ($1)`,
    [indexes.map((index) => ids[index])],
  )
  await store.expireHolds(client, 100)
}

async function compare(scene: Scene): Promise<void> {
  const { client, model, buyers, sellers, budgets } = scene
  const { rows: violations } = await client.query('SELECT * FROM ledger.check_invariants()')
  assert.deepEqual(violations, [])
  for (const [index, ref] of buyers.entries()) {
    assert.deepEqual(await balance(client, ref), [model.cash[index], model.held[index]])
    assert.deepEqual(await balance(client, receivable(ref)), [model.owed[index], 0n])
  }
  for (const [index, ref] of sellers.entries())
    assert.deepEqual(await balance(client, ref), [model.earned[index], 0n])
  assert.deepEqual(await balance(client, fee), [model.fees, 0n])
  assert.deepEqual(await balance(client, goodwill), [model.given, 0n])
  for (const [index, id] of budgets.entries()) {
    const known = model.budgets[index]
    const seen = await store.readBudget(client, id)
    const expected = known?.limit === undefined ? undefined : [known.limit, known.spent, known.held]
    assert.deepEqual(seen && [seen.limitNanos, seen.spentNanos, seen.heldNanos], expected)
  }
  await compareHolds(scene)
}

async function compareHolds({ client, model, ids, buyers, sellers }: Scene): Promise<void> {
  const { rows } = await client.query<{ id: string; state: string; entries: Record<string, string> | null }>(
    `SELECT h.id, h.state, (
       SELECT json_object_agg(a.key, e.amount::text) FROM ledger.entry e JOIN ledger.account a ON a.id = e.account_id
       WHERE e.journal_id = h.id
     ) AS entries FROM ledger.hold h`,
  )
  const booked = new Map(rows.map(({ id, state, entries }) => [id, { state, entries: entries ?? {} }]))
  assert.equal(booked.size, model.holds.size)
  for (const [index, { slot: given, state, shortfall }] of model.holds) {
    const payer = buyers[given.buyer] as AccountRef
    const entries = requestSettled({
      payer,
      receivable: receivable(payer),
      seller: sellers[given.seller] as AccountRef,
      fee,
      costNanos: given.cost,
      shortfallNanos: shortfall,
      sellerNanos: given.cost - given.fee,
      feeNanos: given.fee,
    }).map(({ account, amountNanos }) => [`${account.code}:${account.owner}`, amountNanos.toString()])
    assert.deepEqual(booked.get(ids[index] as string), {
      state,
      entries: state === 'settled' ? Object.fromEntries(entries) : {},
    })
  }
}

async function balance(client: DatabaseClient, { code, owner }: AccountRef): Promise<[bigint, bigint]> {
  const seen = await store.readBalance(client, owner === undefined ? code : `${code}:${owner}`)
  return [seen?.balanceNanos ?? 0n, seen?.heldNanos ?? 0n]
}
