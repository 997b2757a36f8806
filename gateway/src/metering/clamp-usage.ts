/**
 * What an endpoint-backed seller's report is worth: his own server counted, so no more is billed than the text can have
 * come to by our count. Vendors' own counts are not clamped; see README decision 9 and decisions/0013-trust.md.
 */
import type { Tokenizer } from '../catalog/catalog.ts'
import type { ChatRequest } from '../providers/chat.ts'
import { inputTokens, type Usage } from '../providers/usage.ts'
import { countPrompt } from './count-tokens.ts'
import { promptParts } from './prompt-parts.ts'
import { yardstickOf } from './yardstick.ts'

// How far an honest count may lie above ours: the model's own tokenizer agrees with us but for what vendors add, a
// stand-in is off by up to a fifth, of which its dearer estimate takes a part.
const MARGIN_EXACT = 1.03
const MARGIN_APPROXIMATE = 1.15
// Tokens around prompts and stops that nobody sees; what our count adds per message comes on top.
const EXTRA_TOKENS = 20
// What models write around a call: the busiest of those recorded, Claude, 38 to 46 tokens.
const EXTRA_PER_CALL = 46
// What vendors put before tools and JSON formats; OpenAI's way is denser than their JSON, Claude's adds 350 to 720.
const EXTRA_FOR_TOOLS = 750

export interface OwnCount {
  /** The most that the prompt can have come to; `Infinity` when something in it cannot be measured from here. */
  promptMax: number
  /** The same for what the model was seen to write. */
  completionMax: number
  /** Whether the request had sound in it, or asked for it. */
  hears: boolean
  speaks: boolean
}

/** `written` is our count of the answer's visible text, all choices together. */
export function ownCountOf(
  request: ChatRequest,
  tokenizer: Tokenizer,
  { written, calls }: { written: number; calls: number },
): OwnCount {
  const parts = promptParts(request)
  const exact = tokenizer !== 'approximate'
  const margin = exact ? MARGIN_EXACT : MARGIN_APPROXIMATE
  const counted = Math.max(
    countPrompt(request, yardstickOf(tokenizer)),
    exact ? 0 : countPrompt(request, 'approximate'),
  )
  const media = parts.mediaTokensMax - parts.mediaTokens
  const tools = !exact && parts.json.length > 0 ? EXTRA_FOR_TOOLS : 0
  return {
    promptMax: parts.hasUnmeasured
      ? Number.POSITIVE_INFINITY
      : Math.ceil(counted * margin) + media + EXTRA_TOKENS + tools,
    completionMax: Math.ceil(written * margin) + EXTRA_TOKENS * (request.n ?? 1) + EXTRA_PER_CALL * calls,
    hears: request.messages.some(({ content }) => has(content, isSound)),
    speaks: has(request.modalities, (modality) => modality === 'audio'),
  }
}

/**
 * `reported`, within our own count. Reasoning that nobody saw is not billed. What a seller's server writes into its own
 * cache is his matter, and counts as plain input; so does sound that was not sent.
 */
export function clampUsage(reported: Usage, own: OwnCount): { usage: Usage; clamped: boolean } {
  const audioInput = own.hears ? reported.audioInput : 0
  const plain = inputTokens(reported) - reported.cacheRead - audioInput
  const over = Math.max(0, inputTokens(reported) - own.promptMax)
  // What is cut, is cut from the dearest first.
  const uncachedInput = Math.max(0, plain - over)
  const cacheRead = Math.max(0, reported.cacheRead - Math.max(0, over - plain))
  const audioOutput = own.speaks ? reported.audioOutput : 0
  const output = Math.min(reported.output + reported.audioOutput - audioOutput, own.completionMax)
  const usage: Usage = {
    uncachedInput,
    cacheRead,
    cacheWrite5m: 0,
    cacheWrite1h: 0,
    audioInput: Math.min(audioInput, own.promptMax),
    output,
    audioOutput,
    reasoning: Math.min(reported.reasoning, output),
  }
  const clamped = (Object.keys(usage) as (keyof Usage)[]).some((field) => usage[field] !== reported[field])
  return { usage: clamped ? usage : reported, clamped }
}

function isSound(part: unknown): boolean {
  return typeof part === 'object' && part !== null && (part as { type?: unknown }).type === 'input_audio'
}

function has(list: unknown, wanted: (item: unknown) => boolean): boolean {
  return Array.isArray(list) && list.some(wanted)
}
