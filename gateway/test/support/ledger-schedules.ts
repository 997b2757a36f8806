/**
 * Two gateways on one database, whose statements are let through one by one in an order that fast-check chooses, and
 * meet what a network does to them: lost before they are sent, answered by an error, executed with the answer lost, or
 * executed long after the caller was told that it timed out.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { createLedger, type Ledger } from '../../src/ledger/ledger.ts'
import type { LedgerPool } from '../../src/ledger/store.ts'
import { uuidv7 } from '../../src/platform/ids.ts'
import { usageRecord } from './ledger-history.ts'
import type { LedgerScene } from './ledger-scene.ts'

const NODES = 2
const FAULTS = [
  'fine',
  'lost before',
  'deadlock',
  'conflict',
  'answer lost',
  'answer late',
  'executed late',
] as const
type Fault = (typeof FAULTS)[number]

interface RequestPlan {
  buyer: number
  amount: bigint
  cost: bigint
  /** Who asks, once or twice, also both gateways at once. */
  holders: number[]
  settlers: number[]
  voiders: number[]
}

export interface Schedule {
  buyers: bigint[]
  requests: RequestPlan[]
  /** Both gateways may be asked to give the same credit. */
  credits: { buyer: number; key: string; amount: bigint; givers: number[] }[]
  /** What each gateway's statements meet, in turn; then all is fine. */
  faults: Fault[][]
  /** How much time passes between two looks at the clock, so that patience may end. */
  hasteMs: number
  order: fc.Scheduler
}

const nodes = (minLength: number) => fc.array(fc.nat(NODES - 1), { minLength, maxLength: 3 })
const buyer = fc.nat(1)

export const schedule: fc.Arbitrary<Schedule> = fc.record({
  buyers: fc
    .tuple(fc.bigInt({ min: 0n, max: 300n }), fc.bigInt({ min: 0n, max: 60n }))
    .map((both) => [...both]),
  requests: fc.array(
    fc.record({
      buyer,
      amount: fc.bigInt({ min: 0n, max: 60n }),
      cost: fc.bigInt({ min: 0n, max: 90n }),
      holders: nodes(1),
      settlers: nodes(0),
      voiders: fc.oneof(
        { weight: 3, arbitrary: fc.constant<number[]>([]) },
        { weight: 1, arbitrary: nodes(1) },
      ),
    }),
    { minLength: 1, maxLength: 8 },
  ),
  credits: fc.array(
    fc.record({ buyer, key: fc.constantFrom('a', 'b'), amount: fc.constantFrom(20n, 45n), givers: nodes(1) }),
    { maxLength: 3 },
  ),
  faults: fc.array(fc.array(fc.constantFrom(...FAULTS), { maxLength: 12 }), {
    minLength: NODES,
    maxLength: NODES,
  }),
  hasteMs: fc.constantFrom(0, 0, 150, 700),
  order: fc.scheduler(),
})

const failure = (message: string, more: object = {}) => Object.assign(new Error(message), more)
const ERRORS: Record<Exclude<Fault, 'fine'>, Error> = {
  'lost before': failure('connect ECONNREFUSED', { code: 'ECONNREFUSED' }),
  deadlock: failure('deadlock detected', { code: '40P01', severity: 'ERROR' }),
  conflict: failure('could not serialize access', { code: '40001', severity: 'ERROR' }),
  'answer lost': failure('read ECONNRESET', { code: 'ECONNRESET' }),
  'answer late': failure('Query read timeout'),
  'executed late': failure('Query read timeout'),
}

interface Unreliable {
  pool: LedgerPool
  /** Resolves when what was still under way on the server has been executed. */
  settled(): Promise<void>
}

function unreliable(real: LedgerPool, node: number, { faults, order }: Schedule): Unreliable {
  const left = [...(faults[node] ?? [])]
  const underway: Promise<unknown>[] = []
  const query = async (config: { name?: string }, values?: unknown[]) => {
    const fault = left.shift() ?? 'fine'
    const execute = () => real.query(config as never, values as never)
    await order.schedule(Promise.resolve(), `node ${node}: ${config.name}, ${fault}`)
    if (fault === 'fine') return execute()
    if (fault === 'executed late') {
      const late = order.schedule(Promise.resolve(), `node ${node}: ${config.name} after all`).then(execute)
      // What the server refuses then, nobody hears.
      underway.push(late.catch(() => undefined))
    }
    if (fault === 'answer lost' || fault === 'answer late') {
      await execute()
      await order.schedule(Promise.resolve(), `node ${node}: the answer to ${config.name} is lost`)
    }
    throw ERRORS[fault]
  }
  return {
    pool: { query } as unknown as LedgerPool,
    async settled() {
      await Promise.allSettled(underway)
    },
  }
}

/** Time that passes by itself, so that nobody waits in earnest. */
function hasty(hasteMs: number) {
  let nowMs = 0
  return {
    nowMs: () => Date.now(),
    monotonicMs: () => {
      nowMs += hasteMs
      return nowMs
    },
  }
}

type Answer<Value> = { value: Value } | { code: string }

const answerOf = <Value>(work: Promise<Value>): Promise<Answer<Value>> =>
  work.then(
    (value) => ({ value }),
    (error: { code?: string }) => ({ code: error.code ?? String(error) }),
  )

interface Told {
  id: string
  plan: RequestPlan
  held: Answer<{ status: string }>[]
  settled: Answer<unknown>[]
  voided: Answer<unknown>[]
}

/** Runs the schedule; throws when what callers were told is not what the books say. */
export async function runSchedule(
  scene: LedgerScene,
  given: Schedule,
  open: typeof createLedger = createLedger,
): Promise<void> {
  const real = scene.testDatabase.database.ledgerPool
  const lines = Array.from({ length: NODES }, (_, node) => unreliable(real, node, given))
  const buyers = await Promise.all(given.buyers.map((nanos) => scene.buyer(nanos)))
  const accounts = await scene.settlement(uuidv7(), 0n)
  const ledgers = lines.map(({ pool }, node) =>
    open({
      pool,
      logger: { warn: () => undefined, error: () => undefined },
      clock: hasty(given.hasteMs),
      nodeId: `schedule-${node}`,
      nodeEpoch: 1,
      settlePatienceMs: 3_000,
    }),
  )
  const at = (node: number) => ledgers[node] as Ledger
  const payerOf = (plan: RequestPlan) => (buyers[plan.buyer] as (typeof buyers)[number]).payer
  const all = Promise.all([
    ...given.requests.map((plan) => request(at, plan, payerOf(plan), accounts)),
    ...given.credits.map((credit) =>
      give(at, credit, (buyers[credit.buyer] as (typeof buyers)[number]).organisationId),
    ),
  ])
  await given.order.waitFor(all)
  const ended = Promise.all(ledgers.map((ledger) => ledger.close())).then(() =>
    Promise.all(lines.map((line) => line.settled())),
  )
  await given.order.waitFor(ended)
  const told = await all
  await compare(
    scene,
    told.filter((one) => 'plan' in one),
  )
  await compareCredits(
    scene,
    told.filter((one) => 'sourceId' in one),
  )
}

async function request(
  at: (node: number) => Ledger,
  plan: RequestPlan,
  payer: bigint,
  accounts: Awaited<ReturnType<LedgerScene['settlement']>>,
): Promise<Told> {
  const id = uuidv7()
  const hold = (node: number) => answerOf(at(node).hold({ id, payer, amountNanos: plan.amount }))
  const held = await Promise.all(plan.holders.map(hold))
  const told: Told = { id, plan, held, settled: [], voided: [] }
  // Nobody serves a request whose hold was not granted.
  if (!held.some((answer) => 'value' in answer && answer.value.status === 'held')) return told
  const settlement = {
    ...accounts,
    id,
    costNanos: plan.cost,
    sellerNanos: plan.cost,
    feeNanos: 0n,
    record: usageRecord(),
  }
  const settle = (node: number) => answerOf(at(node).settle(settlement))
  const giveBack = (node: number) => answerOf(at(node).void(id, 'schedule'))
  const [settled, voided] = await Promise.all([
    Promise.all(plan.settlers.map(settle)),
    Promise.all(plan.voiders.map(giveBack)),
  ])
  return { ...told, settled, voided }
}

interface Given {
  sourceId: string
  amount: bigint
  outcomes: Answer<string>[]
}

async function give(
  at: (node: number) => Ledger,
  { key, amount, givers }: Schedule['credits'][number],
  organisationId: string,
): Promise<Given> {
  const credit = { organisationId, amountNanos: amount, reason: 'schedule', idempotencyKey: key }
  const outcomes = await Promise.all(givers.map((node) => answerOf(at(node).creditPlayMoney(credit))))
  return { sourceId: `${organisationId}:${key}`, amount, outcomes }
}

const refusals = (answers: readonly Answer<unknown>[]) =>
  answers.flatMap((answer) => ('code' in answer && answer.code !== 'unavailable' ? [answer.code] : []))

const ok = (answer: Answer<unknown>) => 'value' in answer

async function compare(scene: LedgerScene, told: readonly Told[]): Promise<void> {
  assert.deepEqual(await scene.ledger.checkInvariants(), [])
  const { rows } = await scene.admin.query<{
    id: string
    state: string
    settled: string | null
    entries: string
  }>(
    `SELECT h.id, h.state, h.settled_amount AS settled,
       (SELECT count(*) FROM ledger.entry e WHERE e.journal_id = h.id) AS entries
     FROM ledger.hold h WHERE h.id = ANY ($1)`,
    [told.map(({ id }) => id)],
  )
  const stored = new Map(rows.map((row) => [row.id, row]))
  for (const { id, plan, held, settled, voided } of told) {
    const row = stored.get(id)
    const what = JSON.stringify({ row, held, settled, voided }, (_, value) =>
      typeof value === 'bigint' ? `${value}` : value,
    )
    const statuses = new Set(held.flatMap((answer) => ('value' in answer ? [answer.value.status] : [])))
    // An outage is nobody's fault; everything else that is refused has its reason in the books.
    assert.deepEqual(refusals(held), [], `a hold that means nothing: ${what}`)
    if (refusals(settled).length > 0) assert.equal(row?.state, 'voided', what)
    if (refusals(voided).length > 0) assert.equal(row?.state, 'settled', what)
    assert(statuses.size <= 1, `one request, two answers: ${what}`)
    if (statuses.size === 1) assert(row, `an answered hold is lost: ${what}`)
    if (statuses.has('insufficient')) assert.equal(row?.state, 'rejected', what)
    if (settled.some(ok)) assert.equal(row?.state, 'settled', `a settlement is lost: ${what}`)
    if (row?.state === 'settled') {
      assert.equal(row.settled, `${plan.cost}`, what)
      assert(plan.settlers.length > 0, `nobody asked for it: ${what}`)
      assert(!voided.some(ok), `voided and settled: ${what}`)
    } else {
      assert.equal(row?.entries ?? '0', '0', what)
      if (voided.some(ok)) assert.equal(row?.state, 'voided', `a void is lost: ${what}`)
    }
  }
  await compareBalances(scene)
}

/** What sellers earned is what was settled, and what is held is held for somebody. */
async function compareBalances(scene: LedgerScene): Promise<void> {
  const { rows } = await scene.admin.query<{ settled: string; earned: string; open: string; held: string }>(
    `SELECT (SELECT coalesce(sum(settled_amount), 0) FROM ledger.hold) AS settled,
       (SELECT coalesce(sum(credits - debits), 0) FROM ledger.account WHERE code = 'seller_pending') AS earned,
       (SELECT coalesce(sum(amount), 0) FROM ledger.hold WHERE state = 'open') AS open,
       (SELECT coalesce(sum(held), 0) FROM ledger.account) AS held`,
  )
  assert.equal(rows[0]?.earned, rows[0]?.settled)
  assert.equal(rows[0]?.held, rows[0]?.open)
}

/** Each key is booked once, for the amount that whoever was told `booked` had asked for. */
async function compareCredits(scene: LedgerScene, given: readonly Given[]): Promise<void> {
  for (const sourceId of new Set(given.map((one) => one.sourceId))) {
    const same = given.filter((one) => one.sourceId === sourceId)
    const { rows } = await scene.admin.query<{ amount: string }>(
      `SELECT sum(e.amount) AS amount FROM ledger.journal j JOIN ledger.entry e ON e.journal_id = j.id
       WHERE j.source = 'play_credit' AND j.source_id = $1 AND e.amount > 0 GROUP BY j.id`,
      [sourceId],
    )
    const outcomes = same.flatMap((one) => one.outcomes.map((answer) => ({ answer, amount: one.amount })))
    const what = `${sourceId}: ${JSON.stringify(same, (_, value) => (typeof value === 'bigint' ? `${value}` : value))}`
    assert(rows.length <= 1, `given twice, ${what}`)
    assert.deepEqual(refusals(outcomes.map(({ answer }) => answer)), [], what)
    const saying = (word: string) =>
      outcomes
        .filter(({ answer }) => 'value' in answer && answer.value === word)
        .map(({ amount }) => `${amount}`)
    const booked = rows.map(({ amount }) => amount)
    assert(saying('booked').length <= 1, `booked twice, ${what}`)
    for (const amount of [...saying('booked'), ...saying('repeated')])
      assert.deepEqual([amount], booked, what)
    for (const amount of saying('mismatch')) assert.notDeepEqual([amount], booked, what)
  }
}
