/**
 * Plays a history against the SQL functions and against the model at once. A history is one transaction that is rolled
 * back, so histories do not see each other; it travels in one message.
 */
import assert from 'node:assert/strict'
import type { AccountRef } from '../../src/ledger/accounts.ts'
import * as ledgerStore from '../../src/ledger/store.ts'
import type { DatabaseClient } from '../../src/platform/database.ts'
import { uuidv7 } from '../../src/platform/ids.ts'
import type { History, Step } from './ledger-history.ts'
import * as modelled from './ledger-model.ts'
import { createPipeline, type Pipeline, TRY_POST } from './ledger-pipeline.ts'
import { actualState, expectedState, STATE } from './ledger-state.ts'
import { takeStep } from './ledger-steps.ts'

export interface Stage {
  client: DatabaseClient
  store: typeof ledgerStore
  /** Accounts that exist before the first step; a debt of buyer 0 opens its account itself. */
  accounts: Map<modelled.AccountName, { ref: AccountRef; id: bigint }>
}

/** Opens the accounts for good; balances they get in a history are rolled back with it. */
export async function setStage(client: DatabaseClient, store = ledgerStore): Promise<Stage> {
  await client.query(TRY_POST)
  const accounts: Stage['accounts'] = new Map()
  const owners = [uuidv7(), uuidv7()]
  const open = async (name: modelled.AccountName, ref: AccountRef) =>
    accounts.set(name, { ref, id: await store.openAccount(client, ref.code, ref.owner) })
  for (const [index, owner] of owners.entries()) {
    await open(`cash ${index}`, { code: 'buyer_cash', owner })
    await open(`pending ${index}`, { code: 'seller_pending', owner })
    await open(`available ${index}`, { code: 'seller_available', owner })
    await open(`inflight ${index}`, { code: 'seller_payout_inflight', owner })
  }
  await open('owed 1', { code: 'receivable_buyer', owner: owners[1] as string })
  for (const [index, owner] of owners.entries())
    await open(`due ${index}`, { code: 'receivable_seller', owner })
  await open('fee', { code: 'platform_fee', owner: '3' })
  await open('goodwill', { code: 'goodwill_expense' })
  await open('forgiven', { code: 'bad_debt' })
  await open('loss', { code: 'unbilled_usage_loss' })
  await open('bank', { code: 'bank' })
  return { client, store, accounts }
}

export interface Scene extends Stage, Pipeline {
  model: modelled.Model
  slots: modelled.Slot[]
  ids: string[]
  budgets: string[]
  /** What was asked for and what must come back, in order. */
  answers: { step: Step; actual: Promise<unknown>; expected: unknown }[]
  /** The transaction's time. */
  now: Promise<Date>
}

/**
 * Plays `history`; throws where books and model part. What went wrong in one message is played again step by step, so
 * that the error names the step.
 */
export async function play(stage: Stage, history: History): Promise<void> {
  try {
    await playOnce(stage, history)
  } catch (error) {
    await playOnce(stage, { ...history, closely: true }, { eachStep: true })
    throw error
  }
}

export async function playOnce(
  stage: Stage,
  { slots, steps, closely }: History,
  { eachStep = false } = {},
): Promise<void> {
  const pipeline = createPipeline(stage.client)
  pipeline.say('BEGIN')
  const now = pipeline.pool.query<{ now: Date }>('SELECT now()').then(({ rows }) => rows[0]?.now as Date)
  now.catch(() => undefined)
  const scene: Scene = {
    ...stage,
    ...pipeline,
    model: modelled.emptyModel(),
    slots,
    ids: slots.map(() => uuidv7()),
    budgets: [uuidv7(), uuidv7()],
    answers: [],
    now,
  }
  try {
    const start: Step = { kind: 'credit', buyer: 0, key: 'start', amount: 100n }
    for (const [index, step] of [start, ...steps].entries()) {
      takeStep(scene, step)
      if (closely || index === steps.length) lookAt(scene, step)
      if (eachStep) await verify(scene)
    }
    await verify(scene)
  } finally {
    await stage.client.query('ROLLBACK')
  }
}

async function verify(scene: Scene): Promise<void> {
  const { answers } = scene
  scene.answers = []
  const told = Promise.allSettled(answers.map(({ actual }) => actual))
  const foretold = Promise.allSettled(answers.map(({ expected }) => expected))
  await scene.send()
  const expectations = await foretold
  for (const [index, outcome] of (await told).entries()) {
    const { step } = answers[index] as Scene['answers'][number]
    const expected = (expectations[index] as PromiseFulfilledResult<unknown>).value
    const what = JSON.stringify(step, (_, value) => (typeof value === 'bigint' ? `${value}` : value))
    if (outcome.status === 'rejected') throw outcome.reason
    assert.deepEqual(outcome.value, expected, `after ${what}`)
  }
}

function lookAt(scene: Scene, step: Step): void {
  const keys = new Map([...scene.accounts].map(([name, { ref }]) => [name, keyOf(ref)]))
  keys.set(
    'owed 0',
    keyOf({ code: 'receivable_buyer', owner: scene.accounts.get('cash 0')?.ref.owner as string }),
  )
  const actual = scene.pool.query(STATE).then(({ rows }) => actualState(rows[0]))
  scene.answers.push({ step, actual, expected: expectedState(scene, keys) })
}

const keyOf = ({ code, owner }: AccountRef) => (owner === undefined ? code : `${code}:${owner}`)
