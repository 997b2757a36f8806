import type { Tokenizer } from '../catalog/catalog.ts'
import type { ChatRequest } from '../providers/chat.ts'
import { type PromptParts, promptParts } from './prompt-parts.ts'
import { sampleTexts } from './sample-texts.ts'
import { splitLongRuns } from './split-long-runs.ts'
import { countWith, type Encoding } from './tokenizers.ts'

// OpenAI's published overheads: every message costs 3 tokens, a name 1 more, and the reply is primed with 3.
const TOKENS_PER_MESSAGE = 3
const TOKENS_PER_NAME = 1
const REPLY_PRIMING_TOKENS = 3

// Bytes per token of the tokenizers we do not have: Claude's and Gemini's documents say 3.5 to 4 characters of
// English; 3.5 bytes is their low end, and falls on the dear side for scripts of three bytes a character.
const APPROXIMATE_BYTES_PER_TOKEN = 3.5

// One request or text is counted through up to this many bytes: hostile text costs 1.7 us a byte. Of more, this much
// is counted in evenly spread samples and the rest extrapolated: prose comes within a few percent.
const MAX_COUNTED_BYTES = 48 * 1024
const COUNT_SAMPLES = 48

// Up to this size the estimate is the number of bytes: no token is shorter than one. Above it, text is sampled.
const MAX_BYTES_AS_TOKENS = 2_048
const ESTIMATE_SAMPLES = 16
const ESTIMATE_SAMPLE_CHARS = 256
// Shorter than `MAX_RUN`: an estimate may come out too high, and hostile samples stay cheap.
const ESTIMATE_MAX_RUN = 32
const SAMPLE_MARGIN = 1.15
// A sample this many times as dense as all together shows that other places may be as dense.
const STRONG_DISAGREEMENT = 1.5
// Text this dense from the start is hostile or no language: it costs most to sample, and is taken at a token a byte.
const DENSE_TOKENS_PER_BYTE = 0.5
const ENOUGH_DENSE_SAMPLES = 4

// Upper estimates: plain text is never below 3 bytes a token on average, what tokenizers unknown to us may do is 2.5.
const ESTIMATE_BYTES_PER_TOKEN = 3
const APPROXIMATE_ESTIMATE_BYTES_PER_TOKEN = 2.5

// What a vendor adds around the prompt that we can't see (how it writes tools and formats down).
const ESTIMATE_EXTRA_TOKENS = 16

// What a prompt can hold when its model's window is not known.
const USUAL_CONTEXT_WINDOW = 200_000

/** Tokens in `text`. `approximate` counts bytes. Time is bounded: see `MAX_RUN` and `MAX_COUNTED_BYTES`. */
export function countText(text: string, tokenizer: Tokenizer): number {
  return countTexts([text], tokenizer)
}

/** Tokens of the whole prompt by our own count, to bill when the upstream reports none. Bounded like `countText`. */
export function countPrompt(request: ChatRequest, tokenizer: Tokenizer): number {
  const parts = promptParts(request)
  return overheadOf(parts) + parts.mediaTokens + countTexts(allTexts(parts), tokenizer)
}

/**
 * Upper estimate of the prompt, for the hold and for tokens per minute. Cheap: text is sampled, not read through.
 * `bodyBytes` is the size of the request as it came, which is never below the size of its text. What nobody can
 * measure from here (a file by address, a video) may fill the whole `contextWindow`.
 */
export function estimatePrompt(
  request: ChatRequest,
  bodyBytes: number,
  tokenizer: Tokenizer,
  contextWindow = USUAL_CONTEXT_WINDOW,
): number {
  const parts = promptParts(request)
  const unmeasured = parts.hasUnmeasured ? contextWindow : 0
  const fixed = overheadOf(parts) + parts.mediaTokensMax + unmeasured + ESTIMATE_EXTRA_TOKENS
  const textBytes = Math.max(0, bodyBytes - parts.mediaBytes)
  if (textBytes <= MAX_BYTES_AS_TOKENS) {
    const exactBytes = bytesOf(parts.texts)
    return fixed + (parts.json.length === 0 ? exactBytes : textBytes)
  }
  if (tokenizer === 'approximate') return fixed + Math.ceil(textBytes / APPROXIMATE_ESTIMATE_BYTES_PER_TOKEN)
  const sampled = Math.min(1, sampledTokensPerByte(allTexts(parts), tokenizer))
  return fixed + Math.ceil(textBytes * Math.max(1 / ESTIMATE_BYTES_PER_TOKEN, sampled))
}

function overheadOf(parts: PromptParts): number {
  return parts.messages * TOKENS_PER_MESSAGE + parts.names * TOKENS_PER_NAME + REPLY_PRIMING_TOKENS
}

function allTexts(parts: PromptParts): string[] {
  return [...parts.texts, ...parts.json.map((value) => JSON.stringify(value))]
}

/** Tokens of `texts`, each on its own, with one bound for all of them together. */
function countTexts(texts: readonly string[], tokenizer: Tokenizer): number {
  if (tokenizer === 'approximate') {
    return texts.reduce(
      (sum, text) => sum + Math.ceil(Buffer.byteLength(text) / APPROXIMATE_BYTES_PER_TOKEN),
      0,
    )
  }
  const bytes = bytesOf(texts)
  if (bytes <= MAX_COUNTED_BYTES) return countPieces(texts, tokenizer)
  const chars = texts.reduce((sum, text) => sum + text.length, 0)
  const sampleChars = Math.floor((MAX_COUNTED_BYTES * chars) / bytes / COUNT_SAMPLES)
  const counted = sampleTexts(texts, COUNT_SAMPLES, sampleChars).flat()
  return Math.ceil((countPieces(counted, tokenizer) * bytes) / bytesOf(counted))
}

/** Upper density of `texts` from samples all over them: dense text (digits, base64, symbols) shows. */
function sampledTokensPerByte(texts: readonly string[], encoding: Encoding): number {
  let tokens = 0
  let bytes = 0
  let densest = 0
  for (const [taken, pieces] of sampleTexts(texts, ESTIMATE_SAMPLES, ESTIMATE_SAMPLE_CHARS).entries()) {
    if (taken >= ENOUGH_DENSE_SAMPLES && tokens > bytes * DENSE_TOKENS_PER_BYTE) return 1
    const sampleTokens = countPieces(pieces, encoding, ESTIMATE_MAX_RUN)
    const sampleBytes = bytesOf(pieces)
    if (sampleBytes === 0) continue
    tokens += sampleTokens
    bytes += sampleBytes
    densest = Math.max(densest, sampleTokens / sampleBytes)
  }
  if (bytes === 0) return 0
  const mean = tokens / bytes
  return Math.max(mean * SAMPLE_MARGIN, densest > mean * STRONG_DISAGREEMENT ? densest : 0)
}

function countPieces(texts: readonly string[], encoding: Encoding, maxRun?: number): number {
  let tokens = 0
  for (const text of texts) {
    for (const piece of splitLongRuns(text, maxRun)) tokens += countWith(encoding, piece)
  }
  return tokens
}

function bytesOf(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)
}
