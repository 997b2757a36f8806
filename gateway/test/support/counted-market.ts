/**
 * Sellers who count, honestly and otherwise, for the tests of the running test. Sizes come from three mixes of requests
 * of our own making: short questions, conversations, and agents with long prompts and short answers.
 */

import { randomOf } from '../../src/routing/seeded-random.ts'
import type { CountPair, Noise } from '../../src/trust/count-test.ts'

/** Medians in tokens, and the standard deviation of the logarithm. */
export const mixes = {
  questions: { prompt: [120, 0.8], completion: [100, 0.8] },
  conversations: { prompt: [300, 1.2], completion: [150, 1] },
  agents: { prompt: [4_000, 1], completion: [150, 1] },
} as const

export type Mix = keyof typeof mixes

/** How an honest seller's count differs from ours. */
export interface Honest {
  ratio: number
  /** Tokens on top of each prompt. */
  template: number
  /** Standard deviations: a share of the count, and tokens. */
  share: number
  tokens: number
  /** Of all counts this share is wildly off: twice what it should be. */
  wild: number
}

/** What was seen of models whose tokenizer we have: to the token, but for one or two around messages. */
export const exactly: Honest = { ratio: 1, template: 1, share: 0.002, tokens: 1, wild: 0 }

/** The worst that the test promises to bear: half a percent and two tokens too much, noise, and an odd outlier. */
export const barely: Honest = { ratio: 1.005, template: 2, share: 0.01, tokens: 2, wild: 0.02 }

interface Counts {
  prompt: { reported: number; own: number }
  completion: { reported: number; own: number }
}

/** `count` honest answers; the same for the same seed. */
export function honestAnswers(
  mix: Mix,
  honest: Honest,
  { seed, count }: { seed: string; count: number },
): Counts[] {
  const random = randomOf(seed)
  const { prompt, completion } = mixes[mix]
  return Array.from({ length: count }, () => ({
    prompt: answerSide(prompt, honest.template),
    completion: answerSide(completion, 0),
  }))

  function answerSide([median, spread]: readonly [number, number], template: number) {
    const own = Math.max(2, Math.round(median * Math.exp(spread * normal(random))))
    const wild = random() < honest.wild ? own : 0
    const exact =
      own * honest.ratio * (1 + honest.share * normal(random)) + template + honest.tokens * normal(random)
    return { own, reported: Math.max(1, Math.round(exact + wild)) }
  }
}

export type Inflated = 'both' | 'prompt' | 'completion'

/** What a seller reports who adds `share` to every count of these sides. */
export function inflate(honest: Counts, share: number, sides: Inflated): Counts {
  const more = ({ own, reported }: Counts['prompt']) => ({
    own,
    reported: Math.round(reported * (1 + share)),
  })
  return {
    prompt: sides === 'completion' ? honest.prompt : more(honest.prompt),
    completion: sides === 'prompt' ? honest.completion : more(honest.completion),
  }
}

export function withNoise(
  { prompt, completion }: Counts,
  noise: { prompt: Noise; completion: Noise },
): { prompt: CountPair; completion: CountPair } {
  return {
    prompt: { ...prompt, noise: noise.prompt },
    completion: { ...completion, noise: noise.completion },
  }
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}
