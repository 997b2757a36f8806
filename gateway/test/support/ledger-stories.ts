/** Histories told on purpose, because chance seldom brings them about. Buyer 0 starts with 100. */
import type { AskedSlot, History, Step } from './ledger-history.ts'
import type { Slot } from './ledger-model.ts'

const asked = (...indexes: number[]): AskedSlot[] => indexes.map((index) => ({ index, twist: 'none' }))
const hold = (...indexes: number[]): Step => ({ kind: 'hold', asked: asked(...indexes), node: 0 })
const settle = (...indexes: number[]): Step => ({ kind: 'settle', asked: asked(...indexes) })
const expire = (...indexes: number[]): Step => ({ kind: 'expire', indexes })
const credit = (buyer: number, key: string, amount: bigint): Step => ({ kind: 'credit', buyer, key, amount })
const move = (stage: number, seller: number, amount: bigint): Step & { kind: 'move' } => ({
  kind: 'move',
  stage,
  seller,
  key: 'a',
  amount,
})
const reverse = (request: number, twist: AskedSlot['twist'] = 'none'): Step => ({
  kind: 'reverse',
  target: { request },
  twist,
  recover: false,
})
const slots = (given: Partial<Slot>, ...amounts: bigint[]): Slot[] =>
  amounts.map((amount) => ({
    buyer: 0,
    budget: undefined,
    seller: 0,
    fee: amount === 0n ? 0n : 1n,
    cost: amount,
    amount,
    ...given,
  }))

const told: { slots: Slot[]; steps: Step[] }[] = [
  {
    // Over budget, then within it; a void gives it back; an expired hold is settled and a repetition changes nothing.
    slots: slots({ budget: 0, cost: 30n, fee: 3n, seller: 1 }, 40n, 40n, 15n, 20n),
    steps: [
      { kind: 'budget', budget: 0, limit: 90n, period: 'none' },
      hold(0, 0, 1, 2),
      { kind: 'void', indexes: [0, 0] },
      hold(0, 2, 3),
      expire(1),
      settle(1, 3, 1),
      { kind: 'settle', asked: [{ index: 1, twist: 'more' }] },
    ],
  },
  {
    // Two overruns share what is free, the rest is owed, and the next credits pay that first.
    slots: slots({ cost: 90n, fee: 30n }, 30n, 30n, 80n),
    steps: [hold(0, 1, 2), settle(0, 1), credit(0, 'a', 50n), credit(0, 'b', 50n), credit(0, 'b', 51n)],
  },
  {
    // A restart releases holds, then writes off what it served of them; nothing of it is billed later.
    slots: slots({}, 20n, 20n, 20n),
    steps: [
      hold(0, 1, 2),
      expire(0),
      { kind: 'release', node: 0 },
      {
        kind: 'write off',
        asked: [
          { index: 0, nanos: 7n },
          { index: 0, nanos: 7n },
          { index: 1, nanos: 0n },
        ],
      },
      settle(0, 1, 2),
      {
        kind: 'write off',
        asked: [
          { index: 2, nanos: 7n },
          { index: 0, nanos: 7n },
        ],
      },
    ],
  },
  {
    // A window passes while requests run: what is held goes over, what was spent does not.
    slots: slots({ budget: 1 }, 30n, 20n, 25n, 5n),
    steps: [
      { kind: 'budget', budget: 1, limit: 50n, period: 'month' },
      hold(0, 1),
      settle(0),
      { kind: 'next window', budget: 1 },
      hold(2, 3),
      settle(1),
      { kind: 'budget', budget: 1, limit: undefined, period: 'none' },
      { kind: 'next window', budget: 1 },
      { kind: 'budget', budget: 1, limit: 40n, period: 'week' },
      hold(0, 1),
    ],
  },
  {
    // Earned, payable, on its way, paid; none of it twice, and not more than there is.
    slots: slots({ cost: 40n, fee: 4n }, 50n),
    steps: [
      hold(0),
      settle(0),
      move(0, 0, 37n),
      move(0, 0, 36n),
      move(1, 0, 20n),
      move(2, 0, 20n),
      reverse(0),
    ],
  },
  {
    // A request is refunded once, whole; half of it or another sum is refused.
    slots: slots({ buyer: 1, cost: 40n, fee: 4n, seller: 1 }, 50n, 10n),
    steps: [
      credit(1, 'a', 60n),
      hold(0, 1),
      settle(0),
      reverse(0, 'more'),
      reverse(0, 'broken'),
      reverse(0),
      reverse(0),
      reverse(0, 'more'),
    ],
  },
  {
    // A seller who owes gets what is left after that.
    slots: slots({ cost: 40n, fee: 4n }, 50n),
    steps: [
      hold(0),
      settle(0),
      { kind: 'claim', seller: 0, key: 'a', amount: 25n },
      move(0, 0, 20n),
      { ...move(0, 0, 16n), key: 'b' },
      move(1, 0, 12n),
      move(1, 0, 11n),
    ],
  },
  {
    // A debt is forgiven, not beyond what it is; a credit undone takes back what it paid of the debt.
    slots: slots({ buyer: 1, cost: 90n, fee: 9n, seller: 1 }, 10n),
    steps: [
      credit(1, 'a', 50n),
      hold(0),
      settle(0),
      { kind: 'forgive', key: 'a', amount: 41n },
      { kind: 'forgive', key: 'b', amount: 30n },
      credit(1, 'b', 25n),
      { kind: 'reverse', target: { journal: 'credit 1 b' }, twist: 'none', recover: true },
      reverse(0),
    ],
  },
  {
    // A poor buyer's batch: what fits is held in turn, what does not is refused for good.
    slots: slots({}, 60n, 50n, 40n, 1n, 0n),
    steps: [
      hold(0, 1, 2, 3, 4),
      credit(0, 'a', 100n),
      hold(1, 3),
      settle(4),
      { kind: 'void', indexes: [0, 1] },
    ],
  },
  {
    // Overdue holds go oldest first and no more than asked for; what was renewed stays.
    slots: slots({}, 10n, 10n, 10n, 10n),
    steps: [
      hold(0, 1, 2, 3),
      { kind: 'fall due', indexes: [0, 1, 2] },
      { kind: 'renew', indexes: [1, 1, 3, 7] },
      { kind: 'sweep', limit: 1 },
      { kind: 'sweep', limit: 4 },
      { kind: 'renew', indexes: [0, 1, 2] },
      settle(0, 1),
    ],
  },
  {
    // A settlement that does not add up is nobody's, and the same request's good one beside it is booked.
    slots: slots({ cost: 20n, fee: 2n }, 20n, 20n),
    steps: [
      hold(0, 1),
      {
        kind: 'settle',
        asked: [
          { index: 0, twist: 'broken' },
          { index: 1, twist: 'broken' },
        ],
      },
      { kind: 'settle', asked: [{ index: 0, twist: 'broken' }, ...asked(0, 0)] },
      { kind: 'settle', asked: [{ index: 0, twist: 'more' }, { index: 1, twist: 'more' }, ...asked(1)] },
    ],
  },
]

// Slots that a random step may name beyond those that a story has.
const spare = slots({}, 0n, 0n, 0n, 0n, 0n, 0n, 0n, 0n)

export const stories: History[] = told.map(({ slots: given, steps }) => ({
  slots: [...given, ...spare.slice(given.length)],
  steps,
  closely: true,
}))
