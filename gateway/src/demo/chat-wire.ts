/** The texts of OpenAI's dialect as the demo upstream writes them. */
import type { Answer } from './compose-answer.ts'

export interface WireIdentity {
  id: string
  createdS: number
  model: string
}

export interface ReportedUsage {
  promptTokens: number
  completionTokens: number
}

const FINGERPRINT = 'fp_bourse_demo'

/** A whole `chat.completion`; without `usage` when the upstream is silent about it. */
export function completionText(
  identity: WireIdentity,
  answers: readonly Answer[],
  usage?: ReportedUsage,
): string {
  return JSON.stringify({
    ...head(identity, 'chat.completion'),
    choices: answers.map((answer, index) => ({
      index,
      message: messageOf(answer),
      logprobs: null,
      finish_reason: answer.finishReason,
    })),
    ...(usage ? { usage: usageOf(usage) } : {}),
    system_fingerprint: FINGERPRINT,
  })
}

/** One `chat.completion.chunk`. With `include_usage` every chunk carries `usage: null`. */
export function chunkText(
  identity: WireIdentity,
  choice: { index: number; delta: object; finishReason: string | null },
  includeUsage: boolean,
): string {
  return JSON.stringify({
    ...head(identity, 'chat.completion.chunk'),
    system_fingerprint: FINGERPRINT,
    choices: [
      { index: choice.index, delta: choice.delta, logprobs: null, finish_reason: choice.finishReason },
    ],
    ...(includeUsage ? { usage: null } : {}),
  })
}

/** The last chunk of a stream with `include_usage`: no choice, only the count. */
export function usageChunkText(identity: WireIdentity, usage: ReportedUsage): string {
  return JSON.stringify({
    ...head(identity, 'chat.completion.chunk'),
    system_fingerprint: FINGERPRINT,
    choices: [],
    usage: usageOf(usage),
  })
}

/** The delta that opens a choice: its role, and a tool call's id and name. */
export function openingDelta(answer: Answer): object {
  if (!answer.toolCall) return { role: 'assistant', content: '', refusal: null }
  const { id, name } = answer.toolCall
  return {
    role: 'assistant',
    content: null,
    tool_calls: [{ index: 0, id, type: 'function', function: { name, arguments: '' } }],
    refusal: null,
  }
}

/** The delta that carries one piece of the text or of the arguments. */
export function pieceDelta(answer: Answer, piece: string): object {
  if (!answer.toolCall) return { content: piece }
  return { tool_calls: [{ index: 0, function: { arguments: piece } }] }
}

export function errorText(status: number, message: string): string {
  const type = status === 429 ? 'rate_limit_error' : status < 500 ? 'invalid_request_error' : 'server_error'
  const codes: Record<number, string> = {
    401: 'invalid_api_key',
    402: 'insufficient_quota',
    404: 'model_not_found',
  }
  const code = status === 429 ? 'rate_limit_exceeded' : (codes[status] ?? null)
  return JSON.stringify({ error: { message, type, param: null, code } })
}

function messageOf(answer: Answer): object {
  const text = answer.pieces.join('')
  if (!answer.toolCall) return { role: 'assistant', content: text, refusal: null, annotations: [] }
  const { id, name } = answer.toolCall
  return {
    role: 'assistant',
    content: null,
    tool_calls: [{ id, type: 'function', function: { name, arguments: text } }],
    refusal: null,
    annotations: [],
  }
}

function head(identity: WireIdentity, object: string): object {
  return { id: identity.id, object, created: identity.createdS, model: identity.model }
}

function usageOf({ promptTokens, completionTokens }: ReportedUsage): object {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: 0,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  }
}
