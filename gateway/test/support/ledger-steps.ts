/** How each step of a history is asked of the database and of the model. */
import { uuidv7 } from '../../src/platform/ids.ts'
import { type Step, type Twist, usageRecord } from './ledger-history.ts'
import { claim, credit, forgive, move, reverse } from './ledger-journal-steps.ts'
import * as modelled from './ledger-model.ts'
import type { Scene, Stage } from './ledger-player.ts'

/** Gateways and their lives; holds of the first and the last can be released as a dead one's. */
const NODES = [
  { nodeId: 'node-a', nodeEpoch: 7 },
  { nodeId: 'node-a', nodeEpoch: 8 },
  { nodeId: 'node-b', nodeEpoch: 7 },
]
const DEAD = [0, 2]
const SWEEP_ALL = 100

type StepOf<Kind extends Step['kind']> = Step & { kind: Kind }
type Taken = { [Kind in Step['kind']]: (scene: Scene, step: StepOf<Kind>) => void }

const taken: Taken = {
  credit,
  hold,
  settle,
  void(scene, step) {
    const voids = idsOf(scene, step.indexes).map((id) => ({ id, reason: 'test' }))
    const expected = modelled.release(scene.model, step.indexes, 'voided')
    answer(scene, step, scene.store.voidBatch(scene.pool, voids), expected)
  },
  renew(scene, step) {
    const actual = scene.store.renewBatch(scene.pool, idsOf(scene, step.indexes))
    answer(scene, step, actual, modelled.renew(scene.model, step.indexes))
  },
  'fall due': fallDue,
  expire(scene, step) {
    fallDue(scene, step)
    sweep(scene, { ...step, limit: SWEEP_ALL })
  },
  sweep,
  release,
  'write off': writeOff,
  budget: setBudget,
  'next window': nextWindow,
  move,
  claim,
  forgive,
  reverse,
}

/** Asks the database, and notes beside it what the model expects. */
export function takeStep(scene: Scene, step: Step): void {
  ;(taken[step.kind] as (scene: Scene, step: Step) => void)(scene, step)
}

function answer(scene: Scene, step: Step, actual: Promise<unknown>, expected: unknown): void {
  scene.answers.push({ step, actual, expected })
}

const idsOf = ({ ids }: Scene, indexes: readonly number[]) => indexes.map((index) => ids[index] as string)

function hold(scene: Scene, step: StepOf<'hold'>): void {
  const asked = holdTerms(scene, step.asked)
  const node = NODES[step.node] as (typeof NODES)[number]
  const operations = asked.map((one) => holdOperation(scene, one))
  const outcomes = modelled.hold(scene.model, asked, step.node)
  answer(
    scene,
    step,
    scene.store.holdBatch(scene.pool, operations, node),
    withWindowEnds(outcomes, scene.now),
  )
}

function settle(scene: Scene, step: StepOf<'settle'>): void {
  const asked = settleTerms(scene, step.asked)
  const operations = asked.map((one) => settleOperation(scene, one))
  answer(scene, step, scene.store.settleBatch(scene.pool, operations), modelled.settle(scene.model, asked))
}

/** Time cannot be turned in the database, so the holds' is. The highest index ran out first. */
function fallDue(scene: Scene, { indexes }: { indexes: readonly number[] }): void {
  modelled.fallDue(scene.model, indexes)
  for (const index of new Set(indexes)) {
    scene.say(
      `UPDATE ledger.hold SET expires_at = now() - interval '${index + 1} seconds'
       WHERE state = 'open' AND id = '${scene.ids[index]}'`,
    )
  }
}

function sweep(scene: Scene, step: Step & { limit: number }): void {
  answer(
    scene,
    step,
    scene.store.expireHolds(scene.pool, step.limit),
    modelled.sweep(scene.model, step.limit),
  )
}

function release(scene: Scene, step: StepOf<'release'>): void {
  const node = DEAD[step.node] as number
  const { nodeId } = NODES[node] as (typeof NODES)[number]
  const actual = scene.store.releaseDead(scene.pool, { nodeId, nodeEpoch: 8 })
  answer(scene, step, actual, modelled.releaseNode(scene.model, node))
}

function setBudget(scene: Scene, step: StepOf<'budget'>): void {
  const { limit, period } = step
  const budget = limit === undefined ? null : { limitNanos: limit, period }
  modelled.setBudget(scene.model, step.budget, limit, limit === undefined ? 'none' : period)
  answer(
    scene,
    step,
    scene.store.setBudget(scene.pool, scene.budgets[step.budget] as string, budget),
    undefined,
  )
}

function nextWindow(scene: Scene, step: StepOf<'next window'>): void {
  modelled.passWindow(scene.model, step.budget)
  const id = scene.budgets[step.budget]
  scene.say(`UPDATE ledger.budget SET window_start = window_start - interval '1 month' WHERE id = '${id}'`)
}

/** The model tells `resetsAt` as the budget's period. */
async function withWindowEnds(outcomes: readonly unknown[], now: Promise<Date>): Promise<unknown[]> {
  const at = await now
  return outcomes.map((outcome) => {
    const { status, resetsAt } = outcome as { status?: string; resetsAt?: modelled.Period }
    return status === 'budget_exceeded' && resetsAt
      ? { ...(outcome as object), resetsAt: modelled.windowEnd(resetsAt, at) }
      : outcome
  })
}

type Terms = modelled.Asked

function holdTerms({ slots }: Scene, asked: readonly { index: number; twist: Twist }[]): Terms[] {
  return asked.map(({ index, twist }) => {
    const given = slots[index] as modelled.Slot
    if (twist === 'more') return { index, slot: { ...given, amount: given.amount + 1n } }
    if (twist === 'other') return { index, slot: { ...given, budget: given.budget === 0 ? 1 : 0 } }
    return { index, slot: twist === 'broken' ? { ...given, buyer: 1 - given.buyer } : given }
  })
}

function settleTerms({ slots }: Scene, asked: readonly { index: number; twist: Twist }[]): Terms[] {
  return asked.map(({ index, twist }) => {
    const given = slots[index] as modelled.Slot
    if (twist === 'more') return { index, slot: { ...given, cost: given.cost + 1n } }
    if (twist === 'other') return { index, slot: { ...given, other: true } }
    return { index, slot: twist === 'broken' ? { ...given, broken: true } : given }
  })
}

export const account = ({ accounts }: Stage, name: modelled.AccountName) => accounts.get(name)?.id as bigint

function holdOperation(scene: Scene, { index, slot }: Terms) {
  return {
    id: scene.ids[index] as string,
    payer: account(scene, `cash ${slot.buyer}`),
    amountNanos: slot.amount,
    ...(slot.budget === undefined ? {} : { budgetId: scene.budgets[slot.budget] as string }),
  }
}

function settleOperation(scene: Scene, { index, slot }: Terms) {
  const owner = (name: string) => scene.accounts.get(name)?.ref.owner
  const record = usageRecord(owner(`cash ${slot.buyer}`), owner(`pending ${slot.seller}`))
  return {
    id: scene.ids[index] as string,
    costNanos: slot.cost,
    sellerAccount: account(scene, `pending ${slot.seller}`),
    sellerNanos: slot.cost - slot.fee,
    feeAccount: account(scene, 'fee'),
    feeNanos: slot.broken ? slot.fee + 1n : slot.fee,
    record: slot.other ? { ...record, model: 'openai/gpt-4o' } : record,
  }
}

function writeOff(scene: Scene, step: StepOf<'write off'>): void {
  const { slots, model, store, pool, ids } = scene
  const terms = step.asked.map((one) => ({ ...one, seller: (slots[one.index] as modelled.Slot).seller }))
  const operations = terms.map(({ index, seller, nanos }) => ({
    id: ids[index] as string,
    journalId: uuidv7(),
    sellerAccount: account(scene, `pending ${seller}`),
    lossAccount: account(scene, 'loss'),
    sellerNanos: nanos,
    memo: 'we broke it',
  }))
  answer(scene, step, store.writeOffBatch(pool, operations), modelled.writeOff(model, terms))
}
