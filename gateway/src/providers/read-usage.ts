/**
 * Token reports of the upstreams, read into disjoint classes. Only the shape is judged here: a report that is not a
 * set of whole, non-negative numbers that fit into each other is no report, and our own count is billed. Whether the
 * numbers are plausible for the request is metering's question.
 */
import { inputTokens, outputTokens, type Usage } from './usage.ts'

// Ten times the largest context on offer: above it a number is a fault, not a count.
const MAX_REPORTED_TOKENS = 100_000_000

type Report = Record<string, unknown>

/**
 * OpenAI's `usage`, and what its followers made of it. `undefined` when it is absent or not a possible count.
 *
 * Vendors whose sums break, with the recordings that show it:
 * - xAI (`xai-chat-001`, `xai-chat-sse-001`): `completion_tokens` leaves reasoning out, `total_tokens` has it in.
 * - Gemini's OpenAI door (`gemini-chat-001`): the same, and the reasoning is not even named.
 * - OpenRouter (`openrouter-chat-sse-002`): one reasoning token more than the completion that contains it.
 */
export function readOpenAiUsage(value: unknown): Usage | undefined {
  const report = asReport(value)
  if (!report) return undefined
  const promptDetails = asReport(report.prompt_tokens_details) ?? {}
  const completionDetails = asReport(report.completion_tokens_details) ?? {}
  const prompt = count(report.prompt_tokens)
  const completion = count(report.completion_tokens)
  const cacheRead = count(
    // DeepSeek, Mistral, and Moonshot and Hugging Face, in this order, keep the cached tokens outside the details.
    promptDetails.cached_tokens ??
      report.prompt_cache_hit_tokens ??
      report.num_cached_tokens ??
      report.cached_tokens ??
      0,
  )
  const cacheWrite = count(promptDetails.cache_write_tokens ?? 0)
  const promptAudio = count(promptDetails.audio_tokens ?? 0)
  const completionAudio = count(completionDetails.audio_tokens ?? 0)
  const reasoning = count(completionDetails.reasoning_tokens ?? 0)
  if (prompt === undefined || completion === undefined || cacheRead === undefined || cacheWrite === undefined)
    return undefined
  if (promptAudio === undefined || completionAudio === undefined || reasoning === undefined) return undefined
  // No prompt has no tokens: some servers send zeros for "not counted yet".
  if (prompt === 0 || cacheRead + cacheWrite > prompt || completionAudio > completion) return undefined

  const hidden = hiddenReasoning({
    prompt,
    completion,
    reasoning,
    total: count(report.total_tokens),
    named: completionDetails,
  })
  // Cached audio stands in both counts; it is billed as cached, once.
  const audioInput = Math.min(promptAudio, prompt - cacheRead - cacheWrite)
  const output = completion + hidden - completionAudio
  return {
    uncachedInput: prompt - cacheRead - cacheWrite - audioInput,
    cacheRead,
    cacheWrite5m: cacheWrite,
    cacheWrite1h: 0,
    audioInput,
    output,
    audioOutput: completionAudio,
    reasoning: Math.min(Math.max(reasoning, hidden), output),
  }
}

interface Sums {
  prompt: number
  completion: number
  reasoning: number
  total: number | undefined
  named: Report
}

/** Reasoning tokens that the vendor billed outside `completion_tokens`: the gap to the total, when reasoning explains it. */
function hiddenReasoning({ prompt, completion, reasoning, total, named }: Sums): number {
  const gap = (total ?? 0) - prompt - completion
  if (gap <= 0) return 0
  return named.reasoning_tokens == null || gap === reasoning ? gap : 0
}

/** Anthropic's `usage`, whose `input_tokens` leave cached tokens out. `undefined` when it is not a possible count. */
export function readAnthropicUsage(value: unknown): Usage | undefined {
  const report = asReport(value)
  if (!report) return undefined
  const uncachedInput = count(report.input_tokens)
  const output = count(report.output_tokens)
  const cacheRead = count(report.cache_read_input_tokens ?? 0)
  const written = count(report.cache_creation_input_tokens ?? 0)
  const cacheWrite1h = count(asReport(report.cache_creation)?.ephemeral_1h_input_tokens ?? 0)
  if (uncachedInput === undefined || output === undefined || cacheRead === undefined) return undefined
  if (written === undefined || cacheWrite1h === undefined || cacheWrite1h > written) return undefined
  if (uncachedInput + cacheRead + written === 0) return undefined
  return {
    uncachedInput,
    cacheRead,
    cacheWrite5m: written - cacheWrite1h,
    cacheWrite1h,
    audioInput: 0,
    output,
    audioOutput: 0,
    reasoning: 0,
  }
}

/** `usage` in OpenAI's words: prompt includes cached, completion includes reasoning, and the sum is the total. */
export function toOpenAiUsage(usage: Usage) {
  const prompt = inputTokens(usage)
  const completion = outputTokens(usage)
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: {
      cached_tokens: usage.cacheRead,
      cache_write_tokens: usage.cacheWrite5m + usage.cacheWrite1h,
      audio_tokens: usage.audioInput,
    },
    completion_tokens_details: { reasoning_tokens: usage.reasoning, audio_tokens: usage.audioOutput },
  }
}

function asReport(value: unknown): Report | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Report) : undefined
}

function count(value: unknown): number | undefined {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_REPORTED_TOKENS
    ? (value as number)
    : undefined
}
