/** Steps that post journals: money that comes in, moves on, is claimed, forgiven or taken back. */
import type { Posting } from '../../src/ledger/store.ts'
import { uuidv7 } from '../../src/platform/ids.ts'
import type { Step } from './ledger-history.ts'
import * as modelled from './ledger-model.ts'
import type { Scene } from './ledger-player.ts'

const STAGES = ['pending', 'available', 'inflight', 'bank']

type StepOf<Kind extends Step['kind']> = Step & { kind: Kind }

export function credit(scene: Scene, step: StepOf<'credit'>): void {
  const legs: modelled.Legs = [
    ['goodwill', step.amount],
    [`cash ${step.buyer}`, -step.amount],
  ]
  post(scene, step, { key: `credit ${step.buyer} ${step.key}`, legs, recover: true })
}

export function move(scene: Scene, step: StepOf<'move'>): void {
  const { stage, seller } = step
  const name = (at: number) => (STAGES[at] === 'bank' ? 'bank' : `${STAGES[at]} ${seller}`)
  const legs: modelled.Legs = [
    [name(stage), step.amount],
    [name(stage + 1), -step.amount],
  ]
  post(scene, step, { key: `move ${stage} ${seller} ${step.key}`, legs, recover: true })
}

export function claim(scene: Scene, step: StepOf<'claim'>): void {
  const legs: modelled.Legs = [
    [`due ${step.seller}`, step.amount],
    ['forgiven', -step.amount],
  ]
  post(scene, step, { key: `claim ${step.seller} ${step.key}`, legs })
}

export function forgive(scene: Scene, step: StepOf<'forgive'>): void {
  const legs: modelled.Legs = [
    ['forgiven', step.amount],
    ['owed 1', -step.amount],
  ]
  post(scene, step, { key: `forgive ${step.key}`, legs })
}

export function reverse(scene: Scene, step: StepOf<'reverse'>): void {
  const { target, twist, recover } = step
  const found = 'journal' in target ? journalOf(scene, target.journal) : requestOf(scene, target.request)
  const turned: modelled.Legs = found.legs.map(([name, nanos]) => [name, -nanos])
  const [first, second, ...others] = turned
  const more: modelled.Legs =
    first && second ? [[first[0], first[1] + 1n], [second[0], second[1] - 1n], ...others] : turned
  const legs = twist === 'none' ? turned : twist === 'more' ? more : turned.slice(0, -1)
  // The account of buyer 0's debt is not known here; a request that costs nothing has no journal.
  if (legs.length === 0 || legs.some(([name]) => name === 'owed 0')) return
  post(scene, step, { key: `reversal ${found.id}`, legs, recover, reverses: found })
}

function journalOf({ model }: Scene, key: string): { id: string; legs: modelled.Legs } {
  const known = model.journals.get(key)
  return known ? { id: known.id, legs: known.booked } : { id: uuidv7(), legs: [] }
}

function requestOf({ model, ids }: Scene, index: number): { id: string; legs: modelled.Legs } {
  const known = model.holds.get(index)
  return { id: ids[index] as string, legs: known?.state === 'settled' ? modelled.requestLegs(known) : [] }
}

interface Asked {
  key: string
  legs: modelled.Legs
  recover?: boolean
  reverses?: { id: string; legs: modelled.Legs }
}

function post(scene: Scene, step: Step, { key, legs, recover = false, reverses }: Asked): void {
  const id = uuidv7()
  const posting: Posting = {
    id,
    code: reverses ? 'reversal' : 'test',
    source: reverses ? 'reversal' : 'test',
    sourceId: reverses?.id ?? key,
    entries: legs.map(([name, amountNanos]) => ({
      account: scene.accounts.get(name)?.id as bigint,
      amountNanos,
    })),
    memo: undefined,
    reversesId: reverses?.id,
    recoverDebt: recover,
  }
  const actual = scene.store.post(scene.pool, posting).then(
    ({ fresh }) => (fresh ? 'booked' : 'repeated'),
    (error: { code?: string }) => {
      if (error.code === 'BL001') return 'mismatch'
      if (['22023', '23514', '23001'].includes(error.code ?? '')) return 'refused'
      throw error
    },
  )
  const undoes = reverses ? { undoes: reverses.legs } : {}
  scene.answers.push({
    step,
    actual,
    expected: modelled.post(scene.model, key, { id, legs, recover, ...undoes }),
  })
}
