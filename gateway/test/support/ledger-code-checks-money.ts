/** What the ledger's front, its store and the pricing must do, small enough to be run against each mutant of them. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { PriceSnapshot, TokenPrices } from '../../src/catalog/price.ts'
import type * as LedgerModule from '../../src/ledger/ledger.ts'
import type * as StoreModule from '../../src/ledger/store.ts'
import type * as UsageRecordModule from '../../src/ledger/usage-record.ts'
import type * as PriceModule from '../../src/metering/price-usage.ts'
import { noUsage } from '../../src/providers/usage.ts'
import type * as ChargeModule from '../../src/settlement/charge.ts'
import { codeOf, hastyClock, scriptedPool, sqlError, stillClock } from './ledger-code-checks.ts'
import type { Load } from './ledger-code-lab.ts'
import { usageRecord } from './ledger-history.ts'
import type { Lab } from './ledger-lab.ts'
import { playOnce } from './ledger-player.ts'
import { createLedgerScene } from './ledger-scene.ts'
import { runSchedule, schedule } from './ledger-schedules.ts'
import { stories } from './ledger-stories.ts'

type Answer = (values: unknown[]) => unknown[]

async function ledgerOf(
  load: Load,
  answers: Record<string, Answer>,
  more: Partial<LedgerModule.LedgerDeps> = {},
) {
  const { createLedger } = await load<typeof LedgerModule>('ledger/ledger.ts')
  const { pool, asked } = scriptedPool((name, values) => answers[name]?.(values) ?? [{ count: 0 }])
  const logged: string[] = []
  const query = (config: unknown, values: unknown[]) =>
    pool.query((typeof config === 'string' ? { name: config, values } : config) as never)
  const log = (_: unknown, message: string) => void logged.push(message)
  const ledger = createLedger({
    pool: { query } as never,
    logger: { warn: log, error: log } as never,
    clock: stillClock,
    nodeId: 'n',
    nodeEpoch: 3,
    ...more,
  })
  return { ledger, asked, logged }
}

const settlement = (id: string) => ({
  ...{ id, costNanos: 9n, sellerAccount: 1n, sellerNanos: 8n, feeAccount: 2n, feeNanos: 1n },
  record: usageRecord(),
})

/** What the store answers reaches the caller as what it means; what cannot be booked is parked and thrown. */
async function front(load: Load): Promise<void> {
  const outcome =
    (name: string): Answer =>
    ([ids]) =>
      (ids as string[]).map((id) => ({
        outcome: id === 'odd' ? name : 'voided',
        available: '5',
        shortfall: '2',
      }))
  const { ledger, asked, logged } = await ledgerOf(load, {
    'ledger-hold': ([ids]) =>
      (ids as string[]).map((id) => ({ outcome: id === 'odd' ? 'mismatch' : 'held', available: '5' })),
    'ledger-settle': ([ids]) =>
      (ids as string[]).map((id) => ({
        outcome: id === 'odd' ? 'mismatch' : 'settled',
        available: '5',
        shortfall: '2',
      })),
    'ledger-void': outcome('settled'),
    'ledger-open-accounts': ([codes]) => (codes as string[]).map(() => ({ id: '77' })),
    'ledger-balance': () => [],
  })
  const hold = (id: string) => ledger.hold({ id, payer: 1n, amountNanos: 2n })
  assert.deepEqual(await hold('a'), { status: 'held', availableNanos: 5n })
  assert.equal(await codeOf(hold('odd')), 'internal_error')
  assert.deepEqual(asked[0]?.values.slice(4), ['n', 3])
  assert.deepEqual(await ledger.settle(settlement('a')), { availableNanos: 5n, shortfallNanos: 2n })
  assert(logged.includes('a request cost more than its payer had; the rest is owed'))
  assert.equal(await codeOf(ledger.settle(settlement('odd'))), 'internal_error')
  const parked = asked.find(({ name }) => name.includes('ledger.park'))
  assert.deepEqual(parked?.values.slice(0, 2), ['settle', 'odd'])
  assert.equal(await codeOf(ledger.void('a', 'x')), 'done')
  assert.equal(await codeOf(ledger.void('odd', 'x')), 'internal_error')
  await ledger.renew(Array.from({ length: 1_001 }, (_, index) => `r${index}`))
  const renewed = asked
    .filter(({ name }) => name === 'ledger-renew')
    .flatMap(({ values }) => values[0] as string[])
  assert.equal(new Set(renewed).size, 1_001)
  for (const _ of [1, 2]) assert.equal(await ledger.accountId({ code: 'bank' }), 77n)
  assert.equal(asked.filter(({ name }) => name === 'ledger-open-accounts').length, 1)
  assert.deepEqual(await ledger.balanceOf('nobody'), { balanceNanos: 0n, availableNanos: 0n, heldNanos: 0n })
  await ledger.close()
  for (const late of [hold('b'), ledger.void('b', 'x')]) assert.equal(await codeOf(late), 'shutting_down')
}

/** A hold that nobody knows of is given back; months are made once a day; a poison operation is parked. */
async function upkeep(load: Load): Promise<void> {
  const away = await ledgerOf(
    load,
    {
      'ledger-hold': () => {
        throw new Error('Query read timeout')
      },
      'ledger-void': ([ids]) => (ids as string[]).map(() => ({ outcome: 'unknown' })),
    },
    { clock: hastyClock() },
  )
  assert.equal(await codeOf(away.ledger.hold({ id: 'a', payer: 1n, amountNanos: 2n })), 'unavailable')
  await away.ledger.close()
  const voided = away.asked.find(({ name }) => name === 'ledger-void')
  assert.deepEqual(voided?.values, [['a'], ['in doubt']])

  let nowMs = 0
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs }
  const { ledger, asked } = await ledgerOf(load, {}, { clock })
  const made = () => asked.filter(({ name }) => name.includes('ensure_partitions')).length
  const seen: number[] = []
  for (const atMs of [0, 1, 86_399_999, 86_400_000, 86_400_001]) {
    nowMs = atMs
    await ledger.expireHolds()
    seen.push(made())
  }
  assert.deepEqual(seen, [1, 1, 1, 2, 2])
  assert.equal(asked.filter(({ name }) => name.includes('expire_holds')).length, 5)

  const poison = await ledgerOf(load, {
    'ledger-settle': () => {
      throw sqlError('22P05')
    },
  })
  assert.equal(await codeOf(poison.ledger.settle(settlement('p'))), 'internal_error')
  const parked = poison.asked.filter(({ name }) => name.includes('ledger.park'))
  assert.deepEqual(
    parked.map(({ values }) => [values[0], values[1], values[3]]),
    [['settle', 'p', '22P05']],
  )
  assert.equal(JSON.parse(parked[0]?.values[2] as string).operation.costNanos, '9')
}

/** The same stories through a mutated store, and what it reads. */
async function store(load: Load, lab: Lab): Promise<void> {
  const mutated = await load<typeof StoreModule>('ledger/store.ts')
  for (const story of stories) await playOnce({ ...lab.stage, store: mutated }, story)
  const { pool } = scriptedPool((name) =>
    name === 'ledger-balance'
      ? [{ balance: '10', held: '3' }]
      : [{ limit_nanos: '9', period: 'day', spent: '2', held: '1', resets_at: null }],
  )
  assert.deepEqual(await mutated.readBalance(pool, 'x'), {
    balanceNanos: 10n,
    heldNanos: 3n,
    availableNanos: 7n,
  })
  const budget = { limitNanos: 9n, period: 'day', spentNanos: 2n, heldNanos: 1n, resetsAt: null }
  assert.deepEqual(await mutated.readBudget(pool, 'x'), budget)
  const empty = scriptedPool(() => [])
  assert.equal(await mutated.readBalance(empty.pool, 'x'), undefined)
  assert.equal(await mutated.readBudget(empty.pool, 'x'), undefined)
}

/** Each column of a usage record has its own place, and a price keeps its integers. */
async function records(load: Load): Promise<void> {
  const { usageRecordsJson } = await load<typeof UsageRecordModule>('ledger/usage-record.ts')
  const usage = {
    ...{ uncachedInput: 1, cacheRead: 2, cacheWrite5m: 3, cacheWrite1h: 4 },
    ...{ audioInput: 5, output: 6, audioOutput: 7, reasoning: 8 },
  }
  const price = { base: 9_007_199_254_740_993n }
  const proof = { keyFingerprint: 'f', requestHash: 'q', responseHash: 's' }
  const record = { ...usageRecord('buyer', 'seller'), usage, price, proof, billed: 'nothing' as const }
  const [first, second] = JSON.parse(usageRecordsJson([record, { ...record, model: 'other' }]))
  assert.deepEqual(first, {
    ...{ organisation: 'buyer', key: record.keyId, listing: record.listingId, seller: 'seller' },
    ...{ model: record.model, provider: record.provider, input: 1, cache_read: 2, write_5m: 3, write_1h: 4 },
    ...{
      audio_input: 5,
      output: 6,
      audio_output: 7,
      reasoning: 8,
      source: 'reported',
      stream: true,
      finish: 'stop',
    },
    ...{ started: '2026-11-22T10:00:00.000Z', duration: 812.5, ttft: 120.25, billed: 'nothing' },
    ...{ fingerprint: 'f', request_hash: 'q', response_hash: 's', price: { base: '9007199254740993' } },
  })
  assert.deepEqual(second, { ...first, model: 'other' })
}

const flat = (picos: bigint): TokenPrices => ({
  ...{ uncachedInput: picos, cacheRead: picos, cacheWrite5m: picos, cacheWrite1h: picos },
  ...{ audioInput: picos, output: picos, audioOutput: picos },
})
const priceOf = (more: Partial<PriceSnapshot> = {}): PriceSnapshot => ({
  table: { base: flat(1_000n), tiers: [] },
  nanosPerRequest: 0n,
  multiplierPpm: 1_000_000n,
  feeBps: 500n,
  ...more,
})
const usage = (more: Partial<typeof noUsage>) => ({ ...noUsage, ...more })

/** Hand-computed prices: rounded once, up, on the sum; the fee takes the rest. */
async function prices(load: Load): Promise<void> {
  const { priceUsage, splitCost } = await load<typeof PriceModule>('metering/price-usage.ts')
  assert.equal(priceUsage(usage({ uncachedInput: 7 }), priceOf()), 7n)
  assert.equal(priceUsage(usage({}), priceOf()), 0n)
  // Three tokens at 600 pico are 1.8 nano: 2, not the 3 of each rounded alone, nor the 1 of rounding down.
  const thin = priceOf({ table: { base: flat(600n), tiers: [] } })
  assert.equal(priceUsage(usage({ uncachedInput: 1, cacheRead: 1, output: 1 }), thin), 2n)
  assert.equal(priceUsage(usage({ uncachedInput: 1 }), thin), 1n)
  assert.equal(
    priceUsage(
      usage({ cacheRead: 3, cacheWrite5m: 1, cacheWrite1h: 1, audioInput: 1, audioOutput: 4 }),
      priceOf(),
    ),
    10n,
  )
  // Reasoning is part of output.
  assert.equal(priceUsage(usage({ output: 5, reasoning: 5 }), priceOf()), 5n)
  assert.equal(
    priceUsage(usage({ output: 5 }), priceOf({ nanosPerRequest: 3n, multiplierPpm: 1_500_000n })),
    12n,
  )
  assert.equal(priceUsage(usage({ output: 1 }), priceOf({ multiplierPpm: 1_000_001n })), 2n)
  const tiers = [
    { aboveInputTokens: 10, prices: flat(2_000n) },
    { aboveInputTokens: 20, prices: flat(3_000n) },
  ]
  const tiered = priceOf({ table: { base: flat(1_000n), tiers } })
  const costs = [10, 11, 20, 21].map((uncachedInput) => priceUsage(usage({ uncachedInput }), tiered))
  assert.deepEqual(costs, [10n, 22n, 40n, 63n])
  assert.throws(() => priceUsage(usage({ output: -1 }), priceOf()))
  assert.throws(() => priceUsage(usage({ output: 1.5 }), priceOf()))
  assert.throws(() => priceUsage(usage({ output: 1 }), priceOf({ multiplierPpm: 49_999n })))
  assert.deepEqual(splitCost(101n, 500n), { sellerNanos: 95n, feeNanos: 6n })
  assert.deepEqual(splitCost(100n, 0n), { sellerNanos: 100n, feeNanos: 0n })
  assert.deepEqual(splitCost(1n, 10_000n), { sellerNanos: 0n, feeNanos: 1n })
  for (const bps of [-1n, 10_001n]) assert.throws(() => splitCost(1n, bps))
  assert.throws(() => splitCost(-1n, 1n))
}

/** The most that may be asked for never costs more than what was set aside. */
async function bounds(load: Load): Promise<void> {
  const { worstCase, affordableOutput } = await load<typeof PriceModule>('metering/price-usage.ts')
  const dear = { ...flat(1_000n), cacheWrite1h: 2_000n, output: 4_000n, audioOutput: 5_000n }
  const tiers = [{ aboveInputTokens: 100, prices: flat(9_000n) }]
  const price = priceOf({ table: { base: dear, tiers }, nanosPerRequest: 7n, multiplierPpm: 1_100_000n })
  // (10 × 2 + 10 × 5 + 7) × 1.1 = 84.7, and beyond the tier (101 × 9 + 10 × 9 + 7) × 1.1 = 1106.6.
  assert.equal(worstCase({ inputTokens: 10, maxOutputTokens: 10, price }), 85n)
  assert.equal(worstCase({ inputTokens: 100, maxOutputTokens: 10, price }), 283n)
  assert.equal(worstCase({ inputTokens: 101, maxOutputTokens: 10, price }), 1_107n)
  for (const budgetNanos of [30n, 85n, 84n, 90n, 1_000n]) {
    const maxOutputTokens = affordableOutput({ inputTokens: 10, budgetNanos, price })
    const cost = (tokens: number) => worstCase({ inputTokens: 10, maxOutputTokens: tokens, price })
    assert(cost(maxOutputTokens) <= budgetNanos, `${maxOutputTokens} tokens cost more than ${budgetNanos}`)
    assert(cost(maxOutputTokens + 1) > budgetNanos, `more than ${maxOutputTokens} tokens fit ${budgetNanos}`)
  }
  assert.equal(affordableOutput({ inputTokens: 10, budgetNanos: 29n, price }), 0)
  const free = priceOf({ table: { base: flat(0n), tiers: [] } })
  assert.equal(affordableOutput({ inputTokens: 10, budgetNanos: 1n, price: free }), Number.MAX_SAFE_INTEGER)
}

/** Whole answers are billed whole, broken ones never above the hold, empty ones not at all, none above the limit. */
async function charges(load: Load): Promise<void> {
  const { chargeOf } = await load<typeof ChargeModule>('settlement/charge.ts')
  const charged = (more: Partial<ChargeModule.Served>, heldNanos: bigint) => {
    const offer = { price: priceOf(), backing: 'key' }
    const served = { offer, usage: usage({ output: 100 }), billed: 'whole', ...more }
    const { costNanos, sellerNanos, feeNanos, billed } = chargeOf(served as ChargeModule.Served, heldNanos)
    assert.equal(sellerNanos + feeNanos, costNanos)
    return `${costNanos} ${sellerNanos} ${billed}`
  }
  assert.equal(charged({}, 100n), '100 95 whole')
  assert.equal(charged({}, 40n), '100 95 whole')
  const own = { price: priceOf(), backing: 'endpoint' }
  assert.equal(charged({ offer: own as never }, 40n), '40 38 delivered')
  assert.equal(charged({ billed: 'delivered' }, 40n), '40 38 delivered')
  assert.equal(charged({ billed: 'delivered' }, 140n), '100 95 delivered')
  assert.equal(charged({ billed: 'nothing' }, 140n), '0 0 nothing')
  assert.equal(charged({ maxCostNanos: 60n }, 140n), '60 57 delivered')
  assert.equal(charged({ maxCostNanos: 100n }, 140n), '100 95 whole')
  assert.equal(charged({ maxCostNanos: 60n, billed: 'delivered' }, 40n), '40 38 delivered')
}

// The same every day: a mutant that survives must survive again.
const SCHEDULES = { numRuns: 25, seed: 20_261_122, endOnFailure: true }

/** Two gateways on a network that loses questions and answers. */
async function schedules(load: Load): Promise<void> {
  const { createLedger } = await load<typeof LedgerModule>('ledger/ledger.ts')
  const scene = await createLedgerScene()
  try {
    await fc.assert(
      fc.asyncProperty(schedule, (one) => runSchedule(scene, one, createLedger)),
      SCHEDULES,
    )
  } finally {
    await scene.close()
  }
}

export const moneyChecks = { front, upkeep, store, records, prices, bounds, charges, schedules }
