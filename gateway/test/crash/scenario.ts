/** What one seed means: where the gateway dies, for whom it is working then, and what else goes on. */
import { seededRandom } from '../../src/demo/seeded-random.ts'
import type { Outcome } from './auditor.ts'

/** What the last byte of an answer waits for. */
export type Durability = 'database' | 'spool'

/** Where the gateway is killed, in the order of a request's life, and at any moment under load. */
export const points = [
  'before-hold',
  'after-hold',
  'accepted',
  'headers',
  'mid-answer',
  'noted',
  'after-usage',
  'after-answer',
  'before-settle',
  'after-settle',
  'told',
  'random',
] as const
export type Point = (typeof points)[number]

/** Their holds take three ways: beside the upstream's work, before it, and through a budget. */
export const payerKinds = ['rich', 'poor', 'budgeted'] as const
export type PayerKind = (typeof payerKinds)[number]

export interface Asking {
  payer: PayerKind
  stream: boolean
  words: number
  pauseMs: number
  /** Milliseconds after the first of them. */
  startMs: number
}

export interface Scenario extends Asking {
  seed: number
  point: Point
  /** Whether the process has served anything before. */
  warm: boolean
  /** Words after which a kill in mid-answer comes. */
  afterWords: number
  /** Between reaching the point and the kill, where the upstream kills. */
  delayMs: number
  /** Others whose requests run beside. */
  bystanders: readonly Asking[]
  /** Under load: how long it lasts. */
  loadMs: number
  /** Where the next life is killed as well, while it books what this one left. */
  again: 'before' | 'after' | undefined
}

/** Only a stream's progress is noted: of a whole answer nothing is delivered before its end. */
const cells: readonly { point: Point; stream: boolean; payer: PayerKind }[] = points.flatMap((point) =>
  payerKinds.flatMap((payer) =>
    (point === 'noted' ? [true] : [true, false]).map((stream) => ({ point, stream, payer })),
  ),
)

/** So many seeds in a row visit every point with every payer, streamed and not. */
export const ROUND = cells.length

/** Prime to the number of cells, so that neighbours are far apart. */
const STRIDE = 7
const MOST_BYSTANDERS = 3
const WARM_SHARE = 0.75
const AGAIN_SHARE = 0.2
/** Points that leave a bill which the database has not heard of, or whose answer nobody has heard. */
const billed: readonly Point[] = ['before-settle', 'after-settle', 'told']

/** The scenario of a seed: any whole number from 0. */
export function scenarioOf(seed: number): Scenario {
  const cell = cells[(seed * STRIDE) % cells.length] as (typeof cells)[number]
  const random = seededRandom(seed)
  const upTo = (most: number) => Math.floor(random() * (most + 1))
  const asking = () => ({ words: 2 + upTo(10), pauseMs: upTo(4) })
  const mine = asking()
  const bystanders = Array.from({ length: upTo(MOST_BYSTANDERS) }, () => ({
    ...asking(),
    payer: payerKinds[upTo(2)] as PayerKind,
    stream: random() < 0.5,
    startMs: upTo(20),
  }))
  return {
    seed,
    ...cell,
    ...mine,
    startMs: 0,
    warm: random() < WARM_SHARE,
    afterWords: 1 + upTo(mine.words - 1),
    delayMs: upTo(8),
    bystanders,
    loadMs: 100 + upTo(400),
    again:
      billed.includes(cell.point) && random() < AGAIN_SHARE
        ? (['before', 'after'] as const)[upTo(1)]
        : undefined,
  }
}

/** What the point itself decides for the request that is killed there; elsewhere the gateway did not die where we say. */
export function expectedAt({ point, bystanders }: Scenario, durability: Durability): Partial<Outcome> {
  // The statement that springs the trap may be a bystander's.
  const alone = bystanders.length === 0
  switch (point) {
    case 'before-hold':
    case 'after-hold':
    case 'accepted':
    case 'headers':
    case 'mid-answer':
      return { charged: false, told: false, writtenOff: false }
    case 'noted':
      return { charged: false, told: false, writtenOff: true }
    case 'after-usage':
      return { told: false }
    case 'before-settle':
    case 'after-settle':
      if (!alone) return {}
      return { charged: true, ...(durability === 'database' ? { told: false } : {}) }
    case 'told':
      return { charged: true, told: true, writtenOff: false }
    case 'after-answer':
    case 'random':
      return {}
  }
}

export function describeScenario({ seed, point, stream, payer, bystanders, warm, again }: Scenario): string {
  const beside = bystanders.length > 0 ? `, ${bystanders.length} beside` : ''
  const twice = again ? ', and again while it recovers' : ''
  return `seed ${seed}: ${point}, ${stream ? 'stream' : 'JSON'}, ${payer}${beside}${warm ? '' : ', cold'}${twice}`
}
