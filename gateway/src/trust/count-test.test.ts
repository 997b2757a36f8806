/**
 * The promise: a seller who inflates by 5, 10 or 30 % is found within 200, 100 or 30 answers in 95 of 100 cases, and of a
 * thousand honest ones at most one is ever accused over 10,000 answers.
 */
import { describe, expect, test } from 'vitest'
import {
  barely,
  exactly,
  type Honest,
  honestAnswers,
  type Inflated,
  inflate,
  type Mix,
  mixes,
  withNoise,
} from '../../test/support/counted-market.ts'
import { randomOf } from '../routing/seeded-random.ts'
import { defaultNoise } from './count-noise.ts'
import * as ours from './count-test.ts'

// More of both in a nightly run.
const LARGER = process.env.FAST_CHECK_RUNS ? 5 : 1
const SEED = process.env.FAST_CHECK_SEED ?? '1'
const SELLERS = 100 * LARGER
const HONEST_LISTINGS = process.env.FAST_CHECK_RUNS ? 1_000 : 50
const LIFE = 10_000
const POOL = 50_000

const model = { tokenizer: 'o200k', reasoning: false } as const
const noise = { prompt: defaultNoise(model, 'prompt'), completion: defaultNoise(model, 'completion') }

type Machine = Pick<typeof ours, 'observe' | 'isAlarm'>

interface Seller {
  mix: Mix
  honest: Honest
  share: number
  sides: Inflated
  /** Answers that it counts honestly before it begins. */
  honestFor?: number
}

/** The answer at which the alarm is raised, counted from the first inflated one. */
function foundAfter(
  machine: Machine,
  seller: Seller,
  { seed, within }: { seed: string; within: number },
): number {
  const { mix, honest, share, sides, honestFor = 0 } = seller
  const running = ours.newCountTest()
  const answers = honestAnswers(mix, honest, { seed, count: honestFor + within })
  for (let at = 0; at < answers.length; at += 1) {
    const answer = answers[at] as (typeof answers)[number]
    const told = at < honestFor ? answer : inflate(answer, share, sides)
    machine.observe(running, withNoise(told, noise))
    if (machine.isAlarm(running, 1)) return at + 1 - honestFor
  }
  return Number.POSITIVE_INFINITY
}

function power(machine: Machine, seller: Seller, within: number): number {
  let found = 0
  for (let at = 0; at < SELLERS; at += 1) {
    const after = foundAfter(machine, seller, { seed: `${SEED}-${at}`, within })
    if (after > 0 && after <= within) found += 1
  }
  return found / SELLERS
}

/** How many of `listings` honest ones are accused in their life. */
function falseAlarms(machine: Machine, honest: Honest, listings: number, life = LIFE): number {
  const names = Object.keys(mixes) as Mix[]
  const pools = names.map((mix) =>
    honestAnswers(mix, honest, { seed: `pool ${SEED} ${mix}`, count: POOL }).map((answer) =>
      withNoise(answer, noise),
    ),
  )
  let accused = 0
  for (let listing = 0; listing < listings; listing += 1) {
    const pool = pools[listing % pools.length] as (typeof pools)[number]
    const random = randomOf(`listing ${SEED} ${listing}`)
    const running = ours.newCountTest()
    for (let at = 0; at < life; at += 1) {
      machine.observe(running, pool[Math.floor(random() * POOL)] as (typeof pool)[number])
      if (!machine.isAlarm(running, 1)) continue
      accused += 1
      break
    }
  }
  return accused
}

describe.each([
  [0.05, 200],
  [0.1, 100],
  [0.3, 30],
] as const)('a seller who adds %f to his counts is found within %i answers', (share, within) => {
  test.each(
    (Object.keys(mixes) as Mix[]).flatMap((mix) =>
      (['both', 'prompt', 'completion'] as const).map((sides) => [mix, sides] as const),
    ),
  )('that are %s, inflated on %s', (mix, sides) => {
    expect(power(ours, { mix, honest: exactly, share, sides }, within)).toBeGreaterThanOrEqual(0.95)
  })
})

test('one who was honest for 5,000 answers is found as soon', () => {
  const late = { honest: exactly, sides: 'both', honestFor: 5_000 } as const
  for (const [share, within] of [
    [0.05, 200],
    [0.3, 30],
  ] as const) {
    let found = 0
    for (let at = 0; at < 20; at += 1) {
      const after = foundAfter(
        ours,
        { ...late, mix: 'conversations', share },
        { seed: `late ${SEED} ${at}`, within },
      )
      if (after <= within) found += 1
    }
    expect(found).toBeGreaterThanOrEqual(19)
  }
})

test.each([
  ['count as we do', exactly],
  ['are a little off, and now and then wildly', barely],
  ['are wildly off in nearly one answer of four', { ratio: 1, template: 0, share: 0, tokens: 0, wild: 0.24 }],
])(
  'of honest listings that %s none is accused over 10,000 answers each',
  (_how, honest) => {
    // One in a thousand may be; of so few, none is.
    expect(falseAlarms(ours, honest, HONEST_LISTINGS)).toBeLessThanOrEqual(
      Math.floor(HONEST_LISTINGS / 1_000),
    )
  },
  120_000,
)

test('a listing with many models has no more chances to be accused', () => {
  const running = ours.newCountTest()
  running.logStakes.fill(Math.log(2_000))
  expect(ours.isAlarm(running, 1)).toBe(true)
  expect(ours.isAlarm(running, 2)).toBe(false)
  const shares = Array.from({ length: 1_000 }, (_, index) => 1 / ((index + 1) * (index + 2)))
  expect(shares.reduce((sum, share) => sum + share, 0)).toBeLessThan(1)
})

test('one absurd report is cut to our count but accuses nobody; twenty do', () => {
  const absurd = withNoise(
    { prompt: { reported: 9_000, own: 500 }, completion: { reported: 9_000, own: 300 } },
    noise,
  )
  const running = ours.newCountTest()
  ours.observe(running, absurd)
  expect(ours.isAlarm(running, 1)).toBe(false)
  for (let more = 0; more < 20; more += 1) ours.observe(running, absurd)
  expect(ours.isAlarm(running, 1)).toBe(true)
})

describe('a fault planted in the test is noticed', () => {
  const seller = { mix: 'conversations', honest: exactly, share: 0.1, sides: 'both' } as const

  test('without its threshold it accuses the honest', () => {
    const eager: Machine = { ...ours, isAlarm: (running) => ours.logEvidence(running) > Math.log(1 / 2) }
    expect(falseAlarms(eager, barely, 30, 1_000)).toBeGreaterThan(0)
  })

  test('with reported and own exchanged it finds nobody', () => {
    const turned: Machine = {
      ...ours,
      observe(running, { prompt, completion }) {
        const turn = (pair: ours.CountPair | undefined) =>
          pair && { ...pair, reported: pair.own, own: pair.reported }
        ours.observe(running, { prompt: turn(prompt), completion: turn(completion) })
      },
    }
    expect(power(turned, seller, 100)).toBeLessThan(0.05)
  })

  test('with a bet that does not pay for honest answers it accuses the honest', () => {
    const free: Machine = {
      ...ours,
      observe(running, pairs) {
        const before = Float64Array.from(running.logStakes)
        ours.observe(running, pairs)
        running.logStakes.forEach((stake, at) => {
          running.logStakes[at] = Math.max(stake, before[at] as number)
        })
      },
    }
    expect(falseAlarms(free, barely, 30, 1_000)).toBeGreaterThan(0)
  })
})
