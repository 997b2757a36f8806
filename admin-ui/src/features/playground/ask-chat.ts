/** One question to `/v1/chat/completions`, streamed. The only call of the console that an API key pays for. */
import { ApiError, errorOfAnswer } from '../../lib/api-error.ts'
import { readEvents } from '../../lib/read-events.ts'
import { type ChatUsage, readChunk } from './chat-chunk.ts'

export interface ChatQuestion {
  key: string
  model: string
  messages: readonly { role: 'system' | 'user' | 'assistant'; content: string }[]
  temperature?: number | undefined
  maxTokens?: number | undefined
  signal: AbortSignal
}

export interface ChatProgress {
  requestId?: string | undefined
  provider?: string | undefined
  text: string
  reasoning: string
  finishReason?: string | undefined
  usage?: ChatUsage | undefined
}

/** Tells `onProgress` of every piece. Throws `ApiError`, also for an answer that broke off; ends quietly when stopped. */
export async function askChat(
  question: ChatQuestion,
  onProgress: (progress: ChatProgress) => void,
): Promise<void> {
  const response = await send(question)
  const requestId = response.headers.get('x-request-id') ?? undefined
  if (!response.ok || response.body === null)
    throw errorOfAnswer(response.status, response.headers, await response.text())
  let progress: ChatProgress = {
    requestId,
    provider: response.headers.get('x-gateway-provider') ?? undefined,
    text: '',
    reasoning: '',
  }
  onProgress(progress)
  try {
    for await (const { data } of readEvents(response.body)) {
      if (data === '[DONE]') return
      const chunk = readChunk(data)
      if (chunk.error !== undefined) throw brokenOff(chunk.error, requestId)
      progress = {
        ...progress,
        text: progress.text + (chunk.text ?? ''),
        reasoning: progress.reasoning + (chunk.reasoning ?? ''),
        finishReason: chunk.finishReason ?? progress.finishReason,
        usage: chunk.usage ?? progress.usage,
      }
      onProgress(progress)
    }
  } catch (error) {
    if (question.signal.aborted) return
    throw error instanceof ApiError ? error : brokenOff('The answer broke off. Try again.', requestId)
  }
}

async function send({
  key,
  model,
  messages,
  temperature,
  maxTokens,
  signal,
}: ChatQuestion): Promise<Response> {
  try {
    return await fetch('/v1/chat/completions', {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      credentials: 'omit',
      signal,
      body: JSON.stringify({
        model,
        messages,
        stream: true,
        stream_options: { include_usage: true },
        ...(temperature === undefined ? {} : { temperature }),
        ...(maxTokens === undefined ? {} : { max_tokens: maxTokens }),
      }),
    })
  } catch (cause) {
    if (signal.aborted) throw new ApiError('Stopped.', { status: 0, code: 'stopped', retryable: true, cause })
    throw new ApiError('The gateway cannot be reached. Check that it is running, then try again.', {
      status: 0,
      code: 'unreachable',
      retryable: true,
      cause,
    })
  }
}

function brokenOff(message: string, requestId: string | undefined): ApiError {
  return new ApiError(message, {
    status: 0,
    code: 'broken_off',
    retryable: true,
    ...(requestId ? { requestId } : {}),
  })
}
