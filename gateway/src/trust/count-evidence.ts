/**
 * What one answer says about its seller's counting: the pairs of reported and own tokens that can be compared, and why
 * the others cannot.
 */
import type { Answered } from '../inference/deps.ts'
import { promptParts } from '../metering/prompt-parts.ts'
import { measurePrompt, yardstickOf } from '../metering/yardstick.ts'
import type { ChatRequest } from '../providers/chat.ts'
import { inputTokens, outputTokens } from '../providers/usage.ts'
import type { CountPair } from './count-test.ts'

export type Incomparable =
  /** No report, so our count was billed. */
  | 'not_reported'
  /** Vendors write tools, formats and calls down in ways of their own. */
  | 'tools'
  /** Images, sound, files. */
  | 'media'
  /** Another tokenizer than the model's says nothing about this script. */
  | 'script'
  /** Longer than we count through: what is extrapolated is off by a few percent. */
  | 'too_long'
  /** Reasoning was asked for and its tokens are not told apart. */
  | 'reasoning'
  /** What was withheld by a filter, or refused by a prediction, was written and counted all the same. */
  | 'withheld'

type Pair = Pick<CountPair, 'reported' | 'own'>

export interface Evidence {
  requestId: string
  /** The tokenizer that our counts are by, and whether it is the model's own. */
  tokenizer: string
  exact: boolean
  prompt: Pair | Incomparable
  completion: Pair | Incomparable
}

// As many characters as metering/count-tokens.ts counts bytes of one text.
const MAX_COMPARED_CHARS = 48 * 1024

/** Counts both sides; milliseconds for a long prompt, so not on anybody's way. */
export function evidenceOf(answered: Answered): Evidence {
  const { requestId, model } = answered
  return {
    requestId,
    tokenizer: yardstickOf(model.tokenizer),
    exact: model.tokenizer !== 'approximate',
    prompt: promptOf(answered),
    completion: completionOf(answered),
  }
}

function promptOf({ request, model, reported }: Answered): Pair | Incomparable {
  if (!reported) return 'not_reported'
  const parts = promptParts(request)
  if (parts.json.length > 0) return 'tools'
  if (parts.mediaTokens > 0 || parts.hasUnmeasured || reported.audioInput > 0) return 'media'
  if (parts.texts.reduce((sum, text) => sum + text.length, 0) > MAX_COMPARED_CHARS) return 'too_long'
  const { tokens, comparable } = measurePrompt(request, model.tokenizer)
  return comparable ? { reported: inputTokens(reported), own: tokens } : 'script'
}

/** Reasoning that is named is taken off what was reported: of our count it is a part only where it was shown. */
function completionOf({ request, reported, finishReason, written }: Answered): Pair | Incomparable {
  if (!reported) return 'not_reported'
  if (written.calls > 0) return 'tools'
  if (reported.audioOutput > 0) return 'media'
  if (finishReason === 'content_filter' || request.prediction) return 'withheld'
  if (reported.reasoning === 0 && asksToReason(request)) return 'reasoning'
  if (!written.comparable()) return 'script'
  return { reported: outputTokens(reported) - reported.reasoning, own: written.tokens() }
}

function asksToReason({ reasoning_effort: effort, reasoning, thinking }: ChatRequest): boolean {
  return [effort, reasoning, thinking].some(
    (asked) => asked !== undefined && asked !== null && asked !== 'none',
  )
}

export function isPair(side: Pair | Incomparable): side is Pair {
  return typeof side === 'object'
}
