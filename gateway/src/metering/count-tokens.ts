import type { Tokenizer } from '../catalog/catalog.ts'
import type { ChatRequest } from '../providers/chat.ts'
import { type PromptParts, promptParts } from './prompt-parts.ts'
import { splitLongRuns } from './split-long-runs.ts'
import { countWith, type Encoding } from './tokenizers.ts'

// OpenAI's published overheads: every message costs 3 tokens, a name 1 more, and the reply is primed with 3.
const TOKENS_PER_MESSAGE = 3
const TOKENS_PER_NAME = 1
const REPLY_PRIMING_TOKENS = 3

// Bytes per token of the tokenizers we do not have: Claude's and Gemini's documents say 3.5 to 4 characters of
// English; 3.5 bytes is their low end, and falls on the dear side for scripts of three bytes a character.
const APPROXIMATE_BYTES_PER_TOKEN = 3.5

// Above this many characters the rest is extrapolated from the part that was counted (15 to 20 ms of counting).
const MAX_COUNTED_CHARS = 1_048_576

// Up to this size the estimate is the number of bytes: no token is shorter than one. Above it, text is sampled in
// four places (15 to 20 us at any size; counting costs 15 us a KB).
const MAX_BYTES_AS_TOKENS = 2_048
const SAMPLES = 4
const SAMPLE_CHARS = 256
const SAMPLE_MARGIN = 1.15

// Upper estimates: plain text is never below 3 bytes a token on average, what tokenizers unknown to us may do is 2.5.
const ESTIMATE_BYTES_PER_TOKEN = 3
const APPROXIMATE_ESTIMATE_BYTES_PER_TOKEN = 2.5

// What a vendor adds around the prompt that we can't see (how it writes tools and formats down).
const ESTIMATE_EXTRA_TOKENS = 16

/** Tokens in `text`. `approximate` counts bytes. Time is bounded: see `MAX_RUN` and `MAX_COUNTED_CHARS`. */
export function countText(text: string, tokenizer: Tokenizer): number {
  if (tokenizer === 'approximate') return Math.ceil(Buffer.byteLength(text) / APPROXIMATE_BYTES_PER_TOKEN)
  if (text.length <= MAX_COUNTED_CHARS) return countPieces(text, tokenizer)
  const counted = countPieces(text.slice(0, MAX_COUNTED_CHARS), tokenizer)
  return Math.ceil((counted * text.length) / MAX_COUNTED_CHARS)
}

/** Tokens of the whole prompt by our own count, to bill when the upstream reports none. */
export function countPrompt(request: ChatRequest, tokenizer: Tokenizer): number {
  const parts = promptParts(request)
  const texts = [...parts.texts, ...parts.json.map((value) => JSON.stringify(value))]
  const textTokens = texts.reduce((sum, text) => sum + countText(text, tokenizer), 0)
  return overheadOf(parts) + parts.mediaTokens + textTokens
}

/**
 * Upper estimate of the prompt, for the hold and for tokens per minute. Cheap at any size: nothing is read through.
 * `bodyBytes` is the size of the request as it came, which is never below the size of its text.
 */
export function estimatePrompt(request: ChatRequest, bodyBytes: number, tokenizer: Tokenizer): number {
  const parts = promptParts(request)
  const fixed = overheadOf(parts) + parts.mediaTokensMax + ESTIMATE_EXTRA_TOKENS
  const textBytes = Math.max(0, bodyBytes - parts.mediaBytes)
  if (textBytes <= MAX_BYTES_AS_TOKENS) {
    const exactBytes = parts.texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)
    return fixed + (parts.json.length === 0 ? exactBytes : textBytes)
  }
  if (tokenizer === 'approximate') return fixed + Math.ceil(textBytes / APPROXIMATE_ESTIMATE_BYTES_PER_TOKEN)
  const sampled = sampledTokensPerByte(parts.texts, tokenizer) * SAMPLE_MARGIN
  return fixed + Math.ceil(textBytes * Math.max(1 / ESTIMATE_BYTES_PER_TOKEN, sampled))
}

function overheadOf(parts: PromptParts): number {
  return parts.messages * TOKENS_PER_MESSAGE + parts.names * TOKENS_PER_NAME + REPLY_PRIMING_TOKENS
}

function countPieces(text: string, encoding: Encoding): number {
  return splitLongRuns(text).reduce((sum, piece) => sum + countWith(encoding, piece), 0)
}

/** Density of `texts` taken together, from evenly spread samples: dense text (digits, base64, symbols) shows. */
function sampledTokensPerByte(texts: readonly string[], encoding: Encoding): number {
  const length = texts.reduce((sum, text) => sum + text.length, 0)
  let tokens = 0
  let bytes = 0
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    const text = sliceAt(texts, Math.floor(((sample + 0.5) * length) / SAMPLES))
    tokens += countPieces(text, encoding)
    bytes += Buffer.byteLength(text)
  }
  return bytes === 0 ? 0 : tokens / bytes
}

/** `SAMPLE_CHARS` from `offset` on, over as many texts as it takes: a sample of roles alone would say nothing. */
function sliceAt(texts: readonly string[], offset: number): string {
  let before = offset
  let sample = ''
  for (const text of texts) {
    if (before < text.length) sample += text.slice(before, before + SAMPLE_CHARS - sample.length)
    if (sample.length >= SAMPLE_CHARS) break
    before = Math.max(0, before - text.length)
  }
  return sample
}
