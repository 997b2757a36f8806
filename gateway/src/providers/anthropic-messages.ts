/** OpenAI's conversation as Anthropic's: system text apart, turns that alternate, calls and results as blocks. */
import { GatewayError } from '../platform/errors.ts'
import type { ChatRequest } from './chat.ts'
import { isObject, type JsonObject } from './openai-message.ts'

type Message = ChatRequest['messages'][number]

const IMAGE_TYPES = new Set(['image/jpeg', 'image/png', 'image/gif', 'image/webp'])

/** Where a message stands, for the name of the field in a refusal. */
type Path = string

interface Turn {
  role: 'user' | 'assistant'
  content: JsonObject[]
}

/** Throws `invalid_value` with the field that cannot be translated. */
export function toMessages(messages: readonly Message[]): { system: JsonObject[]; messages: Turn[] } {
  const system: JsonObject[] = []
  const turns: Turn[] = []
  messages.forEach((message, index) => {
    const path = `messages[${index}]`
    if (message.role === 'system' || message.role === 'developer') {
      system.push(...toTextBlocks(message.content, `${path}.content`))
      return
    }
    const role = message.role === 'assistant' ? 'assistant' : 'user'
    const content = toBlocks(message, path)
    if (content.length === 0) return
    const last = turns.at(-1)
    // Turns alternate there: a user's second message, and every tool's result, belong to the turn before.
    if (last?.role === role) last.content.push(...content)
    else turns.push({ role, content })
  })
  for (const turn of turns) if (turn.role === 'user') turn.content = resultsFirst(turn.content)
  trimLastTurn(turns)
  if (turns.length === 0) throw refused('messages', 'Send at least one message that is not a system message.')
  return { system, messages: turns }
}

/** Results must come before anything else in the turn that answers the calls. */
function resultsFirst(content: JsonObject[]): JsonObject[] {
  const results = content.filter((block) => block.type === 'tool_result')
  return results.length === 0
    ? content
    : [...results, ...content.filter((block) => block.type !== 'tool_result')]
}

/** An assistant's turn at the end is a beginning to go on from; the API refuses white space at its end. */
function trimLastTurn(turns: Turn[]): void {
  const last = turns.at(-1)
  const block = last?.role === 'assistant' ? last.content.at(-1) : undefined
  if (block?.type !== 'text' || typeof block.text !== 'string') return
  block.text = block.text.trimEnd()
  if (block.text === '') last?.content.pop()
  if (last?.content.length === 0) turns.pop()
}

function toBlocks(message: Message, path: Path): JsonObject[] {
  switch (message.role) {
    case 'assistant':
      return toAssistantBlocks(message, path)
    case 'tool':
      return [toToolResult(message, path)]
    case 'function':
      throw refused(
        `${path}.role`,
        "This model does not support the role 'function'. Use 'tool' with tool_call_id.",
      )
    default:
      return toUserBlocks(message.content, `${path}.content`)
  }
}

function toAssistantBlocks(message: Message, path: Path): JsonObject[] {
  if (isObject(message.audio)) throw refused(`${path}.audio`, 'This model does not support audio.')
  if (isObject(message.function_call)) {
    throw refused(`${path}.function_call`, "This model does not support 'function_call'. Use 'tool_calls'.")
  }
  const blocks = toThinkingBlocks(message.reasoning_details)
  blocks.push(...toTextBlocks(message.content, `${path}.content`))
  if (typeof message.refusal === 'string' && message.refusal !== '')
    blocks.push({ type: 'text', text: message.refusal })
  ;(message.tool_calls ?? []).forEach((call, index) => {
    const field = `${path}.tool_calls[${index}]`
    if (call.type !== 'function' || !call.function)
      throw refused(field, "This model supports tool calls of type 'function' only.")
    blocks.push({
      type: 'tool_use',
      id: toolUseId(call.id),
      name: call.function.name,
      input: parseArguments(call.function.arguments, `${field}.function.arguments`),
    })
  })
  return blocks
}

/**
 * Thoughts go back only with the signature they came with (`reasoning_details`); unsigned ones (`reasoning_content`)
 * are for reading, and the API would refuse them.
 */
function toThinkingBlocks(details: unknown): JsonObject[] {
  if (!Array.isArray(details)) return []
  return details.flatMap((detail): JsonObject[] => {
    if (!isObject(detail)) return []
    if (detail.type === 'reasoning.encrypted' && typeof detail.data === 'string') {
      return [{ type: 'redacted_thinking', data: detail.data }]
    }
    if (
      detail.type !== 'reasoning.text' ||
      typeof detail.text !== 'string' ||
      typeof detail.signature !== 'string'
    )
      return []
    return [{ type: 'thinking', thinking: detail.text, signature: detail.signature }]
  })
}

function parseArguments(text: string, path: Path): JsonObject {
  if (text.trim() === '') return {}
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    value = undefined
  }
  if (!isObject(value)) throw refused(path, 'The arguments of a tool call must be a JSON object.')
  return value
}

function toToolResult(message: Message, path: Path): JsonObject {
  if (typeof message.tool_call_id !== 'string' || message.tool_call_id === '') {
    throw refused(`${path}.tool_call_id`, 'A tool message names the call it answers in tool_call_id.')
  }
  const content = toUserBlocks(message.content, `${path}.content`)
  // The mark belongs to the result as a whole there.
  const mark = content.findLast((block) => block.cache_control !== undefined)?.cache_control
  for (const block of content) delete block.cache_control
  return {
    type: 'tool_result',
    tool_use_id: toolUseId(message.tool_call_id),
    ...(content.length > 0 ? { content } : {}),
    ...(mark === undefined ? {} : { cache_control: mark }),
  }
}

/** The API takes letters, digits, `_` and `-`; ids of other vendors in one conversation may have more. */
function toolUseId(id: string): string {
  return id.replace(/[^a-zA-Z0-9_-]/g, '_')
}

function toTextBlocks(content: Message['content'], path: Path): JsonObject[] {
  return toUserBlocks(content, path).map((block, index) => {
    if (block.type === 'text') return block
    throw refused(`${path}[${index}]`, 'Only text can stand here.')
  })
}

function toUserBlocks(content: Message['content'], path: Path): JsonObject[] {
  if (content === undefined || content === null) return []
  // Empty text is no block there; an empty message says nothing.
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }]
  return content.flatMap((part, index): JsonObject[] => {
    const block = toBlock(part, `${path}[${index}]`)
    if (block === undefined) return []
    return [isObject(part.cache_control) ? { ...block, cache_control: part.cache_control } : block]
  })
}

function toBlock(part: JsonObject, path: Path): JsonObject | undefined {
  switch (part.type) {
    case 'text':
      if (typeof part.text !== 'string') throw refused(`${path}.text`, 'A text part needs its text.')
      return part.text === '' ? undefined : { type: 'text', text: part.text }
    case 'refusal':
      return typeof part.refusal === 'string' && part.refusal !== ''
        ? { type: 'text', text: part.refusal }
        : undefined
    case 'image_url':
      return { type: 'image', source: imageSource(part, path) }
    case 'file':
      return toDocument(part, path)
    default:
      throw refused(`${path}.type`, `This model does not support parts of type '${String(part.type)}'.`)
  }
}

function imageSource(part: JsonObject, path: Path): JsonObject {
  const given = isObject(part.image_url) ? part.image_url.url : part.image_url
  const field = `${path}.image_url.url`
  if (typeof given !== 'string') throw refused(field, 'An image part needs a URL.')
  if (/^https?:\/\//i.test(given)) return { type: 'url', url: given }
  const data = dataUrl(given)
  if (!data) throw refused(field, 'Give an image as an http(s) URL, or as a data URL in base64.')
  const mediaType = data.mediaType === 'image/jpg' ? 'image/jpeg' : data.mediaType
  if (!IMAGE_TYPES.has(mediaType))
    throw refused(field, `This model reads JPEG, PNG, GIF and WebP images, not '${mediaType}'.`)
  return { type: 'base64', media_type: mediaType, data: data.base64 }
}

function toDocument(part: JsonObject, path: Path): JsonObject {
  const file = isObject(part.file) ? part.file : {}
  const data = typeof file.file_data === 'string' ? dataUrl(file.file_data) : undefined
  if (data?.mediaType !== 'application/pdf') {
    throw refused(
      `${path}.file`,
      'This model reads files that are PDF, given in file_data as a data URL in base64.',
    )
  }
  return {
    type: 'document',
    source: { type: 'base64', media_type: data.mediaType, data: data.base64 },
    ...(typeof file.filename === 'string' ? { title: file.filename } : {}),
  }
}

/** `data:image/png;base64,…` taken apart without running a pattern over megabytes. */
function dataUrl(text: string): { mediaType: string; base64: string } | undefined {
  const comma = text.indexOf(',')
  if (!/^data:/i.test(text) || comma < 0 || comma > 128) return undefined
  const [mediaType = '', ...parameters] = text.slice(5, comma).toLowerCase().split(';')
  return parameters.at(-1)?.trim() === 'base64'
    ? { mediaType: mediaType.trim(), base64: text.slice(comma + 1) }
    : undefined
}

function refused(param: string, message: string): GatewayError {
  return new GatewayError('invalid_value', message, { param })
}
