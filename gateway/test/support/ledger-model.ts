/**
 * The ledger as forty lines of arithmetic would have it: what the SQL must agree with after any history. One buyer's
 * money at a time, no batches, no locks; `settle` alone knows that costs within their hold come first in a batch.
 */

/** What a request asks for and what it will cost; the same slot asked twice is a repetition. */
export interface Slot {
  buyer: number
  amount: bigint
  budget: number | undefined
  cost: bigint
  seller: number
  fee: bigint
}

type HoldState = 'open' | 'settled' | 'voided' | 'expired' | 'rejected'

interface ModelHold {
  slot: Slot
  state: HoldState
  /** The answer that was given first. */
  answer: unknown
  shortfall: bigint
}

export interface ModelBudget {
  limit: bigint | undefined
  spent: bigint
  held: bigint
}

export interface Model {
  /** Paid-in credit that is left, by buyer. */
  cash: bigint[]
  held: bigint[]
  owed: bigint[]
  earned: bigint[]
  fees: bigint
  given: bigint
  credits: Map<string, bigint>
  holds: Map<number, ModelHold>
  budgets: (ModelBudget | undefined)[]
}

export const emptyModel = (): Model => ({
  cash: [0n, 0n],
  held: [0n, 0n],
  owed: [0n, 0n],
  earned: [0n, 0n],
  fees: 0n,
  given: 0n,
  credits: new Map(),
  holds: new Map(),
  budgets: [undefined, undefined],
})

const at = <Value>(values: readonly Value[], index: number) => values[index] as Value
const available = (model: Model, buyer: number) => at(model.cash, buyer) - at(model.held, buyer)
const add = (values: bigint[], index: number, amount: bigint) => {
  values[index] = at(values, index) + amount
}

export function credit(
  model: Model,
  key: string,
  buyer: number,
  amount: bigint,
): 'booked' | 'repeated' | 'mismatch' {
  const known = model.credits.get(`${buyer}:${key}`)
  if (known !== undefined) return known === amount ? 'repeated' : 'mismatch'
  model.credits.set(`${buyer}:${key}`, amount)
  const debt = at(model.owed, buyer)
  const recovered = debt < amount ? debt : amount
  add(model.owed, buyer, -recovered)
  add(model.cash, buyer, amount - recovered)
  model.given += amount
  return 'booked'
}

/** Answers as `store.holdBatch` gives them: what a held request leaves is told as it is after the whole batch. */
export function hold(model: Model, asked: readonly { index: number; slot: Slot }[]): unknown[] {
  for (const { index, slot } of asked) if (!model.holds.has(index)) admit(model, index, slot)
  return asked.map(({ index, slot }) => {
    const known = model.holds.get(index) as ModelHold
    if (known.slot.amount !== slot.amount || known.slot.buyer !== slot.buyer) return 'mismatch'
    if (known.state === 'rejected') return known.answer
    return { status: 'held', availableNanos: available(model, slot.buyer) }
  })
}

function admit(model: Model, index: number, slot: Slot): void {
  const availableNanos = available(model, slot.buyer)
  const budget = slot.budget === undefined ? undefined : model.budgets[slot.budget]
  const enter = (state: HoldState, answer: unknown) =>
    model.holds.set(index, { slot: { ...slot, budget: budget && slot.budget }, state, answer, shortfall: 0n })
  if (slot.amount > availableNanos) {
    enter('rejected', { status: 'insufficient', availableNanos, heldNanos: at(model.held, slot.buyer) })
  } else if (budget?.limit !== undefined && slot.amount > budget.limit - budget.spent - budget.held) {
    enter('rejected', {
      status: 'budget_exceeded',
      limitNanos: budget.limit,
      spentNanos: budget.spent,
      heldNanos: budget.held,
      resetsAt: null,
    })
  } else {
    enter('open', undefined)
    add(model.held, slot.buyer, slot.amount)
    if (budget) budget.held += slot.amount
  }
}

function leave(model: Model, known: ModelHold, state: HoldState): void {
  if (known.state === 'open') {
    add(model.held, known.slot.buyer, -known.slot.amount)
    const budget = known.slot.budget === undefined ? undefined : model.budgets[known.slot.budget]
    if (budget) budget.held -= known.slot.amount
  }
  known.state = state
}

export function release(
  model: Model,
  indexes: readonly number[],
  state: 'voided' | 'expired',
): (HoldState | 'unknown')[] {
  for (const index of indexes) {
    const known = model.holds.get(index)
    if (known?.state === 'open') leave(model, known, state)
  }
  return indexes.map((index) => model.holds.get(index)?.state ?? 'unknown')
}

/** Answers as `store.settleBatch` gives them. */
export function settle(model: Model, asked: readonly { index: number; slot: Slot }[]): unknown[] {
  const fresh = new Map<number, { known: ModelHold; slot: Slot }>()
  for (const { index, slot } of asked) {
    const known = model.holds.get(index)
    if (known && (known.state === 'open' || known.state === 'expired') && !fresh.has(index)) {
      fresh.set(index, { known, slot })
    }
  }
  const covered = ({ known, slot }: { known: ModelHold; slot: Slot }) =>
    known.state === 'open' && slot.cost <= known.slot.amount
  const [first, then] = [
    [...fresh.values()].filter(covered),
    [...fresh.values()].filter((one) => !covered(one)),
  ]
  for (const { known } of then) if (known.state === 'open') leave(model, known, 'expired')
  for (const { known, slot } of [...first, ...then]) charge(model, known, slot)
  return asked.map(({ index, slot }) => {
    const known = model.holds.get(index)
    if (!known) return 'unknown'
    if (known.state !== 'settled') return known.state
    const same =
      known.slot.cost === slot.cost && known.slot.seller === slot.seller && known.slot.fee === slot.fee
    if (!same) return 'mismatch'
    return { availableNanos: available(model, known.slot.buyer), shortfallNanos: known.shortfall }
  })
}

function charge(model: Model, known: ModelHold, slot: Slot): void {
  leave(model, known, 'settled')
  const { buyer } = known.slot
  const free = available(model, buyer)
  const paid = slot.cost < free ? slot.cost : free
  known.slot = { ...known.slot, cost: slot.cost, seller: slot.seller, fee: slot.fee }
  known.shortfall = slot.cost - paid
  add(model.cash, buyer, -paid)
  add(model.owed, buyer, known.shortfall)
  add(model.earned, slot.seller, slot.cost - slot.fee)
  model.fees += slot.fee
  const budget = known.slot.budget === undefined ? undefined : model.budgets[known.slot.budget]
  if (budget) budget.spent += slot.cost
}

export function setBudget(model: Model, index: number, limit: bigint | undefined): void {
  const known = model.budgets[index]
  if (known) known.limit = limit
  else model.budgets[index] = { limit, spent: 0n, held: 0n }
}
