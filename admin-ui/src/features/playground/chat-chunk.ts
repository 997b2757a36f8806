/** What the playground takes from one chunk of a chat completion. */
import { parseUsdInput } from '../../lib/money.ts'

export interface ChatUsage {
  promptTokens: number
  completionTokens: number
  /** Exact: read from the text of the chunk, where a float would round. */
  costNanos: bigint | undefined
}

export interface ChatChunk {
  text?: string
  reasoning?: string
  finishReason?: string
  usage?: ChatUsage
  /** The answer broke after it had begun. */
  error?: string
}

interface Wire {
  choices?: {
    delta?: { content?: string | null; reasoning?: string | null; reasoning_content?: string | null }
    finish_reason?: string | null
  }[]
  usage?: { prompt_tokens?: number; completion_tokens?: number } | null
  error?: { message?: string }
}

export function readChunk(data: string): ChatChunk {
  const chunk = JSON.parse(data) as Wire
  if (chunk.error) return { error: chunk.error.message ?? 'The answer broke off.' }
  const choice = chunk.choices?.[0]
  const reasoning = choice?.delta?.reasoning ?? choice?.delta?.reasoning_content
  return {
    ...(choice?.delta?.content ? { text: choice.delta.content } : {}),
    ...(reasoning ? { reasoning } : {}),
    ...(choice?.finish_reason ? { finishReason: choice.finish_reason } : {}),
    ...(chunk.usage
      ? {
          usage: {
            promptTokens: chunk.usage.prompt_tokens ?? 0,
            completionTokens: chunk.usage.completion_tokens ?? 0,
            costNanos: costOf(data),
          },
        }
      : {}),
  }
}

/** `usage.cost` is a plain number in USD; its digits count, not the float they would become. */
function costOf(data: string): bigint | undefined {
  const digits = /"cost":\s*(\d+(?:\.\d{1,9})?)\s*[,}]/.exec(data.slice(data.lastIndexOf('"usage"')))?.[1]
  return digits === undefined ? undefined : parseUsdInput(digits)
}
