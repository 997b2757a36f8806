/**
 * What an honest count of a model looks like beside ours. Where key-backed listings serve the model, their counts say
 * so: they come from the vendor itself, whatever the seller would like. Elsewhere there are careful defaults.
 */
import type { Model } from '../catalog/catalog.ts'
import type { CountPair, Noise } from './count-test.ts'
import { HONEST_MEAN, scoreOf } from './count-test.ts'

export type Side = 'prompt' | 'completion'

// Pairs of a model and side that are remembered, the newest; and how many it takes to know a model by them.
const REMEMBERED_PAIRS = 400
const ENOUGH_PAIRS = 150

// The tokenizer is the model's own: counts agree to the token but for what vendors add around messages and stops.
const EXACT_SLACK: Record<Side, number> = { prompt: 16, completion: 12 }
const EXACT_SLACK_SHARE = 0.03
// GPT-5 and its kin report 7 to 10 tokens more than their answers have (`openai-chat-048`, `-027`, `-013`).
const REASONING_OFFSET = 9

// The tokenizer is another's. Measured against o200k: 1.01 for Qwen and GLM, 1.08 for Mistral, 1.05 to 1.2 for Claude;
// and vendors put up to 700 tokens of their own before the prompt (xAI).
const STRANGE_RATIO = 1.1
const STRANGE_SLACK_SHARE = 0.5
const STRANGE_SLACK: Record<Side, number> = { prompt: 800, completion: 40 }

// Learned with another's tokenizer: a listing's buyers write about other things than those by whom the model was learned,
// and then its ratio is another, by up to 5 % (code, prose and JSON of one script). A quarter of this is forgiven.
const LEARNED_SLACK_SHARE = 0.2
const LEARNED_SLACK: Record<Side, number> = { prompt: 40, completion: 30 }
// What honest traffic may use of the mean that the test forgives: the rest is for what was not seen.
const LEARNED_MEAN = HONEST_MEAN / 2.5
const WIDER = [1, 1.25, 1.5, 2, 2.5, 3, 4, 6, 8, 12]
const MIN_RATIO = 0.5
const MAX_RATIO = 2

/** Without anything learned. */
export function defaultNoise(
  { tokenizer, reasoning }: Pick<Model, 'tokenizer' | 'reasoning'>,
  side: Side,
): Noise {
  if (tokenizer === 'approximate') {
    return {
      offset: 0,
      ratio: STRANGE_RATIO,
      slackTokens: STRANGE_SLACK[side],
      slackShare: STRANGE_SLACK_SHARE,
    }
  }
  return {
    offset: reasoning && side === 'completion' ? REASONING_OFFSET : 0,
    ratio: 1,
    slackTokens: EXACT_SLACK[side],
    slackShare: EXACT_SLACK_SHARE,
  }
}

type Pair = Pick<CountPair, 'reported' | 'own'>

/**
 * The line through honest pairs (Tukey's resistant one: a third of them may be anything), and the narrowest slack at
 * which they score well below what the test forgives. `undefined` until there are enough, or when nothing fits.
 */
export function learnNoise(
  pairs: readonly Pair[],
  { exact, side }: { exact: boolean; side: Side },
): Noise | undefined {
  if (pairs.length < ENOUGH_PAIRS) return undefined
  const ratio = resistantSlope(pairs)
  if (ratio === undefined || ratio < MIN_RATIO || ratio > MAX_RATIO) return undefined
  const offset = median(pairs.map(({ reported, own }) => reported - ratio * own))
  const slackShare = exact ? EXACT_SLACK_SHARE : LEARNED_SLACK_SHARE
  const slackTokens = (exact ? EXACT_SLACK : LEARNED_SLACK)[side]
  for (const wider of WIDER) {
    const noise = {
      offset,
      ratio,
      slackTokens: slackTokens * wider,
      slackShare: slackShare * wider,
    }
    const mean = pairs.reduce((sum, pair) => sum + scoreOf({ ...pair, noise }), 0) / pairs.length
    if (mean <= LEARNED_MEAN) return noise
  }
  return undefined
}

/** From the medians of the smallest and the largest third; `undefined` when all are of one size. */
function resistantSlope(pairs: readonly Pair[]): number | undefined {
  const bySize = [...pairs].sort((left, right) => left.own - right.own)
  const third = Math.floor(bySize.length / 3)
  const middleOf = (part: readonly Pair[]) => ({
    own: median(part.map(({ own }) => own)),
    reported: median(part.map(({ reported }) => reported)),
  })
  const small = middleOf(bySize.slice(0, third))
  const large = middleOf(bySize.slice(-third))
  return large.own === small.own ? undefined : (large.reported - small.reported) / (large.own - small.own)
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right)
  return sorted[Math.floor(sorted.length / 2)] as number
}

// Models of the catalogue that key-backed listings serve; the least lately used are forgotten.
const MAX_MODELS = 500
// A line is fitted anew after this many more pairs.
const LEARN_EVERY = 25

export interface NoiseBook {
  /** Takes a pair of a key-backed listing's. */
  learn(model: Pick<Model, 'id' | 'tokenizer'>, side: Side, pair: Pair): void
  of(model: Pick<Model, 'id' | 'tokenizer' | 'reasoning'>, side: Side): { noise: Noise; learned: boolean }
}

interface Learned {
  pairs: Pair[]
  seen: number
  noise: Noise | undefined
}

export function createNoiseBook(): NoiseBook {
  const learned = new Map<string, Learned>()
  return {
    learn(model, side, pair) {
      const key = `${model.id} ${side}`
      const entry = learned.get(key) ?? { pairs: [], seen: 0, noise: undefined }
      learned.delete(key)
      learned.set(key, entry)
      const oldest = learned.keys().next()
      if (learned.size > MAX_MODELS * 2 && !oldest.done) learned.delete(oldest.value)
      entry.pairs.push(pair)
      if (entry.pairs.length > REMEMBERED_PAIRS) entry.pairs.shift()
      entry.seen += 1
      if (entry.seen % LEARN_EVERY === 0)
        entry.noise = learnNoise(entry.pairs, { exact: model.tokenizer !== 'approximate', side })
    },
    of(model, side) {
      const noise = learned.get(`${model.id} ${side}`)?.noise
      return noise ? { noise, learned: true } : { noise: defaultNoise(model, side), learned: false }
    },
  }
}
