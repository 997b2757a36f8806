/** Random histories of a ledger, and some told on purpose because chance seldom brings them about. */
import fc from 'fast-check'
import type { UsageRecord } from '../../src/ledger/usage-record.ts'
import { uuidv7 } from '../../src/platform/ids.ts'
import type { Period, Slot } from './ledger-model.ts'

const SLOTS = 8
const MOST_STEPS = 14

/** The same again, with other figures, or with something that does not fit together. */
export type Twist = 'none' | 'more' | 'broken' | 'other'
export interface AskedSlot {
  index: number
  twist: Twist
}

export type Step =
  | { kind: 'credit'; buyer: number; key: string; amount: bigint }
  | { kind: 'hold'; asked: AskedSlot[]; node: number }
  | { kind: 'settle'; asked: AskedSlot[] }
  | { kind: 'void' | 'fall due' | 'expire' | 'renew'; indexes: number[] }
  | { kind: 'sweep'; limit: number }
  | { kind: 'release'; node: number }
  | { kind: 'write off'; asked: { index: number; nanos: bigint }[] }
  | { kind: 'budget'; budget: number; limit: bigint | undefined; period: Period }
  | { kind: 'next window'; budget: number }
  /** A seller's money one stage further: earned, payable, on its way, paid. */
  | { kind: 'move'; stage: number; seller: number; key: string; amount: bigint }
  /** What a seller has to give back pays itself from what becomes payable. */
  | { kind: 'claim'; seller: number; key: string; amount: bigint }
  | { kind: 'forgive'; key: string; amount: bigint }
  | { kind: 'reverse'; target: ReversalTarget; twist: Twist; recover: boolean }

/** A journal by its key, or the request of a slot. */
export type ReversalTarget = { journal: string } | { request: number }

export interface History {
  slots: Slot[]
  steps: Step[]
  /** Looked at after every step, not only at the end. */
  closely: boolean
}

const one = <const Kind extends Step['kind']>(kind: Kind) => fc.constant(kind)
const amount = (max: bigint) => fc.bigInt({ min: 0n, max })
const index = fc.nat(SLOTS - 1)
const pair = fc.nat(1)
const key = fc.constantFrom('a', 'b', 'c')
const indexes = fc.array(index, { minLength: 1, maxLength: 4 })
const twists: Twist[] = ['more', 'broken', 'other']
const twist = fc.nat(14).map((n): Twist => twists[n] ?? 'none')
const asked = fc.array(fc.record({ index, twist }), { minLength: 1, maxLength: 5 })
const journalKey = fc.oneof(
  fc.tuple(pair, key).map(([buyer, name]) => `credit ${buyer} ${name}`),
  fc.tuple(fc.nat(2), pair, key).map(([stage, seller, name]) => `move ${stage} ${seller} ${name}`),
)

const slot: fc.Arbitrary<Slot> = fc
  .record({
    buyer: pair,
    amount: amount(60n),
    budget: fc.option(pair, { nil: undefined }),
    // Half of them within the hold, the others up to six times of it, some free.
    permille: fc.oneof(fc.nat(1000), fc.integer({ min: 1000, max: 6000 }), fc.constant(0)),
    feeBps: fc.nat(10_000),
    seller: pair,
  })
  .map(({ permille, feeBps, ...rest }) => {
    const cost = (rest.amount * BigInt(permille) + 999n) / 1000n
    return { ...rest, cost, fee: cost - (cost * BigInt(10_000 - feeBps)) / 10_000n }
  })

const credit = fc.record({ kind: one('credit'), buyer: pair, key, amount: fc.bigInt({ min: 1n, max: 150n }) })
const hold = fc.record({ kind: one('hold'), asked, node: fc.nat(2) })
const settle = fc.record({ kind: one('settle'), asked })
const writeOff = fc.record({
  kind: one('write off'),
  asked: fc.array(fc.record({ index, nanos: amount(40n) }), { minLength: 1, maxLength: 3 }),
})
const budget = fc.record({
  kind: one('budget'),
  budget: pair,
  limit: fc.option(amount(120n), { nil: undefined }),
  period: fc.constantFrom<Period[]>('none', 'day', 'week', 'month'),
})
const move = fc.record({ kind: one('move'), stage: fc.nat(2), seller: pair, key, amount: amount(60n) })
const reverse = fc.record({
  kind: one('reverse'),
  target: fc.oneof(
    journalKey.map((journal) => ({ journal })),
    index.map((request) => ({ request })),
  ),
  twist,
  recover: fc.boolean(),
})

const lives = [
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('void' as const, 'renew' as const), indexes }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('fall due' as const, 'expire' as const), indexes }),
  },
  { weight: 1, arbitrary: fc.record({ kind: one('sweep'), limit: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: one('release'), node: pair }) },
  { weight: 2, arbitrary: writeOff },
]
const budgets = [
  { weight: 2, arbitrary: budget },
  { weight: 1, arbitrary: fc.record({ kind: one('next window'), budget: pair }) },
]
const journals = [
  { weight: 3, arbitrary: move },
  { weight: 2, arbitrary: reverse },
  { weight: 1, arbitrary: fc.record({ kind: one('claim'), seller: pair, key, amount: amount(40n) }) },
  { weight: 1, arbitrary: fc.record({ kind: one('forgive'), key, amount: amount(40n) }) },
]

const historyOf = (...steps: { weight: number; arbitrary: fc.Arbitrary<Step> }[]): fc.Arbitrary<History> =>
  fc.record({
    slots: fc.array(slot, { minLength: SLOTS, maxLength: SLOTS }),
    steps: fc.array(fc.oneof(...steps), { minLength: 1, maxLength: MOST_STEPS }),
    closely: fc.nat(9).map((n) => n === 0),
  })

/** Mostly requests. */
export const requestHistory = historyOf(
  { weight: 2, arbitrary: credit },
  { weight: 6, arbitrary: hold },
  { weight: 7, arbitrary: settle },
  ...lives,
  ...budgets,
)

/** Requests between everything else that moves money. */
export const journalHistory = historyOf(
  { weight: 4, arbitrary: credit },
  { weight: 5, arbitrary: hold },
  { weight: 6, arbitrary: settle },
  ...lives,
  ...journals,
  ...journals,
)

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
