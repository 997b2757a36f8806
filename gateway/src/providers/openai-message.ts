/** What messages and deltas of the OpenAI dialect have in common. */

export type JsonObject = Record<string, unknown>

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The reasoning of a message or delta. OpenRouter repeats it under a second name, so only one of them counts. */
export function reasoningOf(message: JsonObject): string {
  const { reasoning_content: content, reasoning } = message
  if (typeof content === 'string' && content !== '') return content
  return typeof reasoning === 'string' ? reasoning : ''
}

/** `content` as text. Mistral's reasoning models answer with a list of parts, some of them thoughts. */
export function contentOf(content: unknown): { text: string; reasoning: string } {
  if (typeof content === 'string') return { text: content, reasoning: '' }
  let text = ''
  let reasoning = ''
  if (Array.isArray(content)) {
    for (const part of content) {
      if (!isObject(part)) continue
      if (part.type === 'thinking') reasoning += contentOf(part.thinking).text
      else if (typeof part.text === 'string') text += part.text
    }
  }
  return { text, reasoning }
}

/** An id for a call whose vendor gives none; the same one however often it is asked for. */
export function synthesisedCallId(replyId: string, choice: number, position: number): string {
  return `call_${replyId.replace(/^[a-z]+-/, '')}_${choice}_${position}`
}
