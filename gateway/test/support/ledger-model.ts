/**
 * The ledger as a page of arithmetic would have it: what the SQL must agree with after any history. One account at a
 * time, no batches, no locks; `settle` alone knows that costs within their hold come first in a batch.
 */

/** What a request asks for and what it will cost; the same slot asked twice is a repetition. */
export interface Slot {
  buyer: number
  amount: bigint
  budget: number | undefined
  cost: bigint
  seller: number
  fee: bigint
  /** Its parts do not add up to its cost. */
  broken?: boolean
  /** Its usage record says something else. */
  other?: boolean
}

export interface Asked {
  index: number
  slot: Slot
}

export type Period = 'none' | 'day' | 'week' | 'month'
type HoldState = 'open' | 'settled' | 'voided' | 'expired' | 'rejected'

interface ModelHold {
  slot: Slot
  state: HoldState
  /** Which life of which gateway took it. */
  node: number
  overdue: boolean
  /** A write-off released it. */
  written: boolean
  /** The answer that was given first. */
  answer: unknown
  shortfall: bigint
}

export interface ModelBudget {
  limit: bigint | undefined
  period: Period
  spent: bigint
  held: bigint
  /** Its window began in an earlier month; matters only while it has no period. */
  old: boolean
}

/** Accounts by what they are for and whose they are: `cash 0`, `owed 1`, `pending 0`, `fee`. */
export type AccountName = string
export type Legs = readonly (readonly [AccountName, bigint])[]

export interface Posted {
  id: string
  /** As asked for. */
  asked: Legs
  /** As booked, after a debt was paid. */
  booked: Legs
}

export interface Model {
  /** Debits less credits. */
  accounts: Map<AccountName, bigint>
  held: bigint[]
  journals: Map<string, Posted>
  holds: Map<number, ModelHold>
  budgets: (ModelBudget | undefined)[]
  writtenOff: Map<number, { seller: number; nanos: bigint }>
}

export const emptyModel = (): Model => ({
  accounts: new Map(),
  held: [0n, 0n],
  journals: new Map(),
  holds: new Map(),
  budgets: [undefined, undefined],
  writtenOff: new Map(),
})

const at = <Value>(values: readonly Value[], index: number) => values[index] as Value
export const debit = (model: Model, name: AccountName) => model.accounts.get(name) ?? 0n
const available = (model: Model, buyer: number) => -debit(model, `cash ${buyer}`) - at(model.held, buyer)
const book = (model: Model, legs: Legs) => {
  for (const [name, nanos] of legs) model.accounts.set(name, debit(model, name) + nanos)
}

const CREDIT_FLOORED = /^(cash|pending|available|inflight)/
const DEBIT_FLOORED = /^(owed|due)/

/** Whether every balance, less what is held on it, is still at or above its floor. */
function floorsHold(model: Model): boolean {
  return [...model.accounts].every(([name, nanos]) => {
    if (DEBIT_FLOORED.test(name)) return nanos >= 0n
    const held = name.startsWith('cash') ? at(model.held, Number(name.at(-1))) : 0n
    return !CREDIT_FLOORED.test(name) || -nanos - held >= 0n
  })
}

const payload = (legs: Legs) =>
  legs
    .map((leg) => leg.join(':'))
    .sort()
    .join()

/** One journal, once per key. With `recover`, what is credited to who owes pays his debt first. */
export function post(
  model: Model,
  key: string,
  { id, legs, recover = false, undoes }: { id: string; legs: Legs; recover?: boolean; undoes?: Legs },
): 'booked' | 'repeated' | 'mismatch' | 'refused' {
  const known = model.journals.get(key)
  if (known) return payload(known.asked) === payload(legs) ? 'repeated' : 'mismatch'
  if (legs.some(([, nanos]) => nanos === 0n)) return 'refused'
  const sum = legs.reduce((total, [, nanos]) => total + nanos, 0n)
  if (sum !== 0n) return 'refused'
  if (undoes && payload(undoes) !== payload(legs.map(([name, nanos]) => [name, -nanos]))) return 'refused'
  const booked = recover ? legs.flatMap((leg) => recovered(model, leg, legs)) : legs
  const before = new Map(model.accounts)
  book(model, booked)
  if (!floorsHold(model)) {
    model.accounts = before
    return 'refused'
  }
  model.journals.set(key, { id, asked: legs, booked })
  return 'booked'
}

function recovered(model: Model, [name, nanos]: Legs[number], legs: Legs): Legs {
  const owed = name.replace('cash', 'owed').replace('available', 'due')
  const debt = debit(model, owed)
  const named = legs.some(([other]) => other === owed)
  if (owed === name || nanos >= 0n || debt <= 0n || named) return [[name, nanos]]
  const paid = debt < -nanos ? debt : -nanos
  const both: Legs = [
    [name, nanos + paid],
    [owed, -paid],
  ]
  return both.filter(([, moved]) => moved !== 0n)
}

/** Answers as `store.holdBatch` gives them, but for `resetsAt`, which is told as the budget's period. */
export function hold(model: Model, asked: readonly Asked[], node: number): unknown[] {
  for (const { index, slot } of asked) if (!model.holds.has(index)) admit(model, { index, slot }, node)
  return asked.map(({ index, slot }) => {
    const known = model.holds.get(index) as ModelHold
    if (known.slot.amount !== slot.amount || known.slot.buyer !== slot.buyer) return 'mismatch'
    // Without a budget it may have been held before that budget was made.
    if (known.slot.budget !== undefined && known.slot.budget !== slot.budget) return 'mismatch'
    if (known.state === 'rejected') return known.answer
    // What a held request leaves is told as it is after the whole batch.
    return { status: 'held', availableNanos: available(model, slot.buyer) }
  })
}

function admit(model: Model, { index, slot }: Asked, node: number): void {
  const availableNanos = available(model, slot.buyer)
  const budget = slot.budget === undefined ? undefined : model.budgets[slot.budget]
  const enter = (state: HoldState, answer: unknown) =>
    model.holds.set(index, {
      slot: { ...slot, budget: budget && slot.budget },
      state,
      node,
      overdue: false,
      written: false,
      answer,
      shortfall: 0n,
    })
  if (slot.amount > availableNanos) {
    enter('rejected', { status: 'insufficient', availableNanos, heldNanos: at(model.held, slot.buyer) })
  } else if (budget?.limit !== undefined && slot.amount > budget.limit - budget.spent - budget.held) {
    const { limit: limitNanos, spent: spentNanos, held: heldNanos, period: resetsAt } = budget
    enter('rejected', { status: 'budget_exceeded', limitNanos, spentNanos, heldNanos, resetsAt })
  } else {
    enter('open', undefined)
    model.held[slot.buyer] = at(model.held, slot.buyer) + slot.amount
    if (budget) budget.held += slot.amount
  }
}

function leave(model: Model, known: ModelHold, state: HoldState): void {
  if (known.state === 'open') {
    const { buyer, amount, budget: index } = known.slot
    model.held[buyer] = at(model.held, buyer) - amount
    const budget = index === undefined ? undefined : model.budgets[index]
    if (budget) budget.held -= amount
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

/** Another 90 seconds for the open ones; returns how many they are. */
export function renew(model: Model, indexes: readonly number[]): number {
  const open = [...new Set(indexes)].flatMap((index) => model.holds.get(index) ?? []).filter(isOpen)
  for (const known of open) known.overdue = false
  return open.length
}

const isOpen = ({ state }: ModelHold) => state === 'open'

/** Lets the time of these holds run out. */
export function fallDue(model: Model, indexes: readonly number[]): void {
  for (const index of indexes) {
    const known = model.holds.get(index)
    if (known?.state === 'open') known.overdue = true
  }
}

/** Releases at most `limit` holds that nobody renewed, those with the highest index first; returns how many. */
export function sweep(model: Model, limit: number): number {
  const due = [...model.holds].filter(([, known]) => isOpen(known) && known.overdue).map(([index]) => index)
  const taken = due.sort((one, other) => other - one).slice(0, limit)
  release(model, taken, 'expired')
  return taken.length
}

/** Releases what one earlier life of a gateway left open; returns how many. */
export function releaseNode(model: Model, node: number): number {
  const left = [...model.holds].filter(([, known]) => isOpen(known) && known.node === node)
  release(
    model,
    left.map(([index]) => index),
    'expired',
  )
  return left.length
}

/** Answers as `store.settleBatch` gives them. */
export function settle(model: Model, asked: readonly Asked[]): unknown[] {
  const fresh = new Map<number, { known: ModelHold; slot: Slot }>()
  for (const { index, slot } of asked) {
    const known = model.holds.get(index)
    const takes = known?.state === 'open' || known?.state === 'expired'
    if (known && takes && !slot.broken && !fresh.has(index)) fresh.set(index, { known, slot })
  }
  const covered = ({ known, slot }: { known: ModelHold; slot: Slot }) =>
    known.state === 'open' && slot.cost <= known.slot.amount
  const first = [...fresh.values()].filter(covered)
  const then = [...fresh.values()].filter((one) => !covered(one))
  for (const { known } of then) if (known.state === 'open') leave(model, known, 'expired')
  for (const { known, slot } of [...first, ...then]) charge(model, known, slot)
  return asked.map(({ index, slot }) => {
    const known = model.holds.get(index)
    if (!known) return 'unknown'
    if (known.state === 'open' || known.state === 'expired') return 'invalid'
    if (known.state !== 'settled') return known.state
    const same =
      !slot.broken &&
      known.slot.other === slot.other &&
      known.slot.cost === slot.cost &&
      known.slot.seller === slot.seller &&
      known.slot.fee === slot.fee
    if (!same) return 'mismatch'
    return { availableNanos: available(model, known.slot.buyer), shortfallNanos: known.shortfall }
  })
}

function charge(model: Model, known: ModelHold, { cost, seller, fee, other }: Slot): void {
  leave(model, known, 'settled')
  const { buyer, budget: index } = known.slot
  const free = available(model, buyer)
  const paid = cost < free ? cost : free
  known.slot = { ...known.slot, cost, seller, fee, ...(other ? { other } : {}) }
  known.shortfall = cost - paid
  book(model, requestLegs(known))
  const budget = index === undefined ? undefined : model.budgets[index]
  if (budget) budget.spent += cost
}

/** The entries of a settled request. */
export function requestLegs({ slot, shortfall }: Pick<ModelHold, 'slot' | 'shortfall'>): Legs {
  const legs: Legs = [
    [`cash ${slot.buyer}`, slot.cost - shortfall],
    [`owed ${slot.buyer}`, shortfall],
    [`pending ${slot.seller}`, slot.fee - slot.cost],
    ['fee', -slot.fee],
  ]
  return legs.filter(([, nanos]) => nanos !== 0n)
}

/** Answers as `ledger.write_off_batch` does: the hold is given back, and the seller is paid from our loss, once. */
export function writeOff(
  model: Model,
  asked: readonly { index: number; seller: number; nanos: bigint }[],
): ('settled' | 'voided' | 'written_off')[] {
  for (const { index } of asked) {
    const known = model.holds.get(index)
    if (known?.state !== 'open' && known?.state !== 'expired') continue
    leave(model, known, 'voided')
    known.written = true
  }
  return asked.map(({ index, seller, nanos }) => {
    const known = model.holds.get(index)
    if (known?.state === 'settled') return 'settled'
    // Voided for another reason it is nobody's loss.
    if (!known?.written || nanos === 0n) return 'voided'
    if (!model.writtenOff.has(index)) {
      model.writtenOff.set(index, { seller, nanos })
      book(model, [
        ['loss', nanos],
        [`pending ${seller}`, -nanos],
      ])
    }
    return 'written_off'
  })
}

/** What was counted stays, but for a window that is over. */
export function setBudget(model: Model, index: number, limit: bigint | undefined, period: Period): void {
  const known = model.budgets[index]
  if (!known) {
    model.budgets[index] = { limit, period, spent: 0n, held: 0n, old: false }
    return
  }
  if (known.old && period !== 'none') known.spent = 0n
  Object.assign(known, { limit, period, old: false })
}

/** A month goes by for one budget: its window opens anew, but what is held goes over. */
export function passWindow(model: Model, index: number): void {
  const known = model.budgets[index]
  if (!known) return
  if (known.period === 'none') known.old = true
  else known.spent = 0n
}

/** When a window of that period ends, as of `now`: at midnight UTC, on a Monday, on the first. */
export function windowEnd(period: Period, now: Date): Date | null {
  if (period === 'none') return null
  const [year, month, day] = [now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()]
  if (period === 'month') return new Date(Date.UTC(year, month + 1, 1))
  const days = period === 'day' ? 1 : 7 - ((now.getUTCDay() + 6) % 7)
  return new Date(Date.UTC(year, month, day + days))
}
