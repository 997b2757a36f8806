/** Reads a whole message of Anthropic's and says it as a `chat.completion`. */
import { isUtf8 } from 'node:buffer'
import { JSON_ANSWER_TOOL } from './anthropic-request.ts'
import { mapFinishReason } from './finish-reason.ts'
import { isObject, type JsonObject } from './openai-message.ts'
import { type ChatReply, MalformedReply, type ReplyIdentity } from './provider.ts'
import { readAnthropicUsage, toOpenAiUsage } from './read-usage.ts'

/** Throws `MalformedReply` when the body is not a whole message. */
export function readAnthropicReply(body: Buffer, identity: ReplyIdentity): ChatReply {
  const reply = parseReply(body)
  const blocks = readBlocks(reply.content as unknown[])
  const usage = readAnthropicUsage(reply.usage)
  const hasToolCalls = blocks.toolCalls.length > 0
  const finishReason = finishReasonOf(reply.stop_reason, hasToolCalls)
  const message = {
    role: 'assistant',
    content: blocks.content === '' && hasToolCalls ? null : blocks.content,
    refusal: null,
    ...(blocks.reasoning !== '' ? { reasoning_content: blocks.reasoning } : {}),
    ...(blocks.reasoningDetails.length > 0 ? { reasoning_details: blocks.reasoningDetails } : {}),
    ...(hasToolCalls ? { tool_calls: blocks.toolCalls } : {}),
    annotations: blocks.annotations,
  }
  const json = {
    id: identity.id,
    object: 'chat.completion',
    created: identity.createdS,
    model: identity.model,
    choices: [{ index: 0, message, finish_reason: finishReason, logprobs: null }],
    ...(usage ? { usage: toOpenAiUsage(usage) } : {}),
  }
  return {
    get json() {
      return Buffer.from(JSON.stringify(json))
    },
    jsonWith: (billed) =>
      Buffer.from(`${JSON.stringify({ ...json, usage: undefined }).slice(0, -1)},"usage":${billed}}`),
    usage,
    text: blocks.written,
    hasToolCalls,
    toolNames: blocks.toolCalls.map((call) => String((call.function as JsonObject).name)),
    finishReason,
    answeredBy: typeof reply.model === 'string' ? reply.model : undefined,
  }
}

/** The stop reason in OpenAI's words; an answer through our JSON tool is an answer, not a call. */
export function finishReasonOf(stopReason: unknown, hasToolCalls: boolean): string {
  return stopReason === 'tool_use' && !hasToolCalls ? 'stop' : mapFinishReason(stopReason, hasToolCalls)
}

/** A thought with the signature that lets it go back into the conversation (`anthropic-messages.ts`). */
export function thoughtDetail(index: number, text: string, signature: string): JsonObject {
  return { type: 'reasoning.text', text, signature, format: 'anthropic-claude-v1', index }
}

export function hiddenThoughtDetail(index: number, data: unknown): JsonObject {
  return { type: 'reasoning.encrypted', data, format: 'anthropic-claude-v1', index }
}

function parseReply(body: Buffer): JsonObject {
  if (!isUtf8(body)) throw new MalformedReply('an answer that is not UTF-8')
  let reply: unknown
  try {
    reply = JSON.parse(body.toString())
  } catch {
    throw new MalformedReply('an answer that is not JSON')
  }
  if (!isObject(reply)) throw new MalformedReply('an answer that is not an object')
  if (reply.type === 'error' || reply.error) throw new MalformedReply('an error sent as a success')
  if (!Array.isArray(reply.content)) throw new MalformedReply('a message without content')
  if (typeof reply.stop_reason !== 'string') throw new MalformedReply('a message without a stop reason')
  return reply
}

interface ReadBlocks {
  content: string
  reasoning: string
  reasoningDetails: JsonObject[]
  toolCalls: JsonObject[]
  annotations: JsonObject[]
  /** Everything the model wrote, calls of the vendor's own tools included: he bills them too. */
  written: string
}

function readBlocks(blocks: readonly unknown[]): ReadBlocks {
  const read: ReadBlocks = {
    content: '',
    reasoning: '',
    reasoningDetails: [],
    toolCalls: [],
    annotations: [],
    written: '',
  }
  for (const block of blocks) {
    if (!isObject(block)) throw new MalformedReply('a content block that is no object')
    readBlock(block, read)
  }
  return read
}

function readBlock(block: JsonObject, read: ReadBlocks): void {
  switch (block.type) {
    case 'text': {
      const text = requireText(block.text)
      read.annotations.push(
        ...toAnnotations(block.citations, { from: read.content.length, length: text.length }),
      )
      read.content += text
      read.written += text
      return
    }
    case 'thinking': {
      const thought = requireText(block.thinking)
      read.reasoning += thought
      read.written += thought
      if (typeof block.signature === 'string' && block.signature !== '') {
        read.reasoningDetails.push(thoughtDetail(read.reasoningDetails.length, thought, block.signature))
      }
      return
    }
    case 'redacted_thinking':
      read.reasoningDetails.push(hiddenThoughtDetail(read.reasoningDetails.length, block.data))
      return
    case 'tool_use': {
      const input = JSON.stringify(block.input ?? {})
      read.written += block.name === JSON_ANSWER_TOOL ? input : `${requireText(block.name)}${input}`
      if (block.name === JSON_ANSWER_TOOL) read.content += input
      else {
        const fn = { name: block.name, arguments: input }
        read.toolCalls.push({ id: requireText(block.id), type: 'function', function: fn })
      }
      return
    }
    case 'server_tool_use':
    case 'mcp_tool_use':
      read.written += JSON.stringify(block.input ?? {})
  }
  // Results of the vendor's own tools were not written by the model, and OpenAI has no place for them.
}

/** Places on the web that a text rests on. */
function toAnnotations(citations: unknown, { from, length }: { from: number; length: number }): JsonObject[] {
  if (!Array.isArray(citations)) return []
  return citations.flatMap((citation): JsonObject[] => {
    if (!isObject(citation) || typeof citation.url !== 'string') return []
    const title = typeof citation.title === 'string' ? citation.title : ''
    return [
      {
        type: 'url_citation',
        url_citation: { start_index: from, end_index: from + length, url: citation.url, title },
      },
    ]
  })
}

function requireText(value: unknown): string {
  if (typeof value !== 'string') throw new MalformedReply('a content block without its text')
  return value
}
