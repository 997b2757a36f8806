import { expect, test } from 'vitest'
import {
  exactly,
  type Honest,
  honestAnswers,
  inflate,
  type mixes,
  withNoise,
} from '../../test/support/counted-market.ts'
import { createNoiseBook, defaultNoise, learnNoise } from './count-noise.ts'
import { isAlarm, type Noise, newCountTest, observe } from './count-test.ts'

/** A model whose tokenizer is not ours: a tenth more tokens, and 60 of the vendor's own before each prompt. */
const strange: Honest = { ratio: 1.1, template: 60, share: 0.03, tokens: 3, wild: 0.01 }

function learned(honest: Honest, exact: boolean): { prompt: Noise; completion: Noise } {
  const answers = honestAnswers('conversations', honest, { seed: 'vendor', count: 400 })
  const of = (side: 'prompt' | 'completion') =>
    learnNoise(
      answers.map((answer) => answer[side]),
      { exact, side },
    ) as Noise
  return { prompt: of('prompt'), completion: of('completion') }
}

/** How many of so many sellers are found within `within` answers. */
function found(
  noise: { prompt: Noise; completion: Noise },
  {
    honest,
    share,
    within,
    mix,
    sellers = 100,
  }: { honest: Honest; share: number; within: number; mix: keyof typeof mixes; sellers?: number },
): number {
  let count = 0
  for (let seller = 0; seller < sellers; seller += 1) {
    const running = newCountTest()
    for (const answer of honestAnswers(mix, honest, { seed: `seller ${seller}`, count: within })) {
      observe(running, withNoise(inflate(answer, share, 'both'), noise))
      if (!isAlarm(running, 1)) continue
      count += 1
      break
    }
  }
  return count
}

test("what a vendor's own counts look like is learned from key-backed listings, outliers and all", () => {
  const noise = learned(strange, false)
  expect(noise.prompt.offset).toBeGreaterThan(40)
  expect(noise.prompt.offset).toBeLessThan(80)
  expect(noise.prompt.ratio).toBeCloseTo(1.1, 1)
  expect(noise.completion.ratio).toBeCloseTo(1.1, 1)
})

test.each(['conversations', 'agents'] as const)(
  'once learned, a model whose tokenizer is not ours lets nobody inflate %s by 10 or 30 %',
  (mix) => {
    const noise = learned(strange, false)
    expect(found(noise, { honest: strange, share: 0.1, within: 100, mix })).toBeGreaterThanOrEqual(95)
    expect(found(noise, { honest: strange, share: 0.3, within: 30, mix })).toBeGreaterThanOrEqual(95)
  },
)

test('once learned, listings whose texts lie a few percent beside those of others are left alone', () => {
  const noise = learned(strange, false)
  for (const ratio of [1.07, 1.1, 1.13]) {
    for (const mix of ['questions', 'conversations', 'agents'] as const) {
      expect(found(noise, { honest: { ...strange, ratio }, share: 0, within: 3_000, mix, sellers: 10 })).toBe(
        0,
      )
    }
  }
})

test('nothing is learned from too few answers, nor from counts that follow no line', () => {
  const few = honestAnswers('agents', strange, { seed: 'few', count: 100 }).map(({ prompt }) => prompt)
  expect(learnNoise(few, { exact: false, side: 'prompt' })).toBeUndefined()
  const scattered = honestAnswers('agents', { ...strange, share: 3 }, { seed: 's', count: 400 })
  const pairs = scattered.map(({ prompt }) => prompt)
  expect(learnNoise(pairs, { exact: false, side: 'prompt' })).toBeUndefined()
})

test('the book knows a model from its key-backed answers on, and goes by what is usual before', () => {
  const book = createNoiseBook()
  const model = { id: 'author/model', tokenizer: 'approximate', reasoning: false } as const
  expect(book.of(model, 'prompt')).toEqual({ noise: defaultNoise(model, 'prompt'), learned: false })
  for (const { prompt } of honestAnswers('agents', strange, { seed: 'book', count: 200 })) {
    book.learn(model, 'prompt', prompt)
  }
  expect(book.of(model, 'prompt').learned).toBe(true)
  expect(book.of(model, 'completion').learned).toBe(false)
})

test("without anything learned, another's tokenizer accuses none of the models that were measured", () => {
  const model = { tokenizer: 'approximate', reasoning: false } as const
  const noise = { prompt: defaultNoise(model, 'prompt'), completion: defaultNoise(model, 'completion') }
  for (const ratio of [1, 1.1, 1.2]) {
    const honest = { ...strange, ratio, template: 60 }
    expect(found(noise, { honest, share: 0, within: 2_000, mix: 'conversations', sellers: 20 })).toBe(0)
  }
  expect(found({ ...noise }, { honest: exactly, share: 0, within: 2_000, mix: 'agents', sellers: 20 })).toBe(
    0,
  )
})
