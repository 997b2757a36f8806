/** Reads Anthropic's message stream and says it as `chat.completion.chunk` texts. */
import { finishReasonOf, hiddenThoughtDetail, thoughtDetail } from './anthropic-reply.ts'
import { JSON_ANSWER_TOOL } from './anthropic-request.ts'
import { classifyStreamError } from './classify-failure.ts'
import { isObject, type JsonObject } from './openai-message.ts'
import { MalformedReply, type ReplyIdentity, type StreamPart, type StreamReader } from './provider.ts'
import { readAnthropicUsage } from './read-usage.ts'

/** The block that is being written. */
type Block =
  | { kind: 'text' }
  | { kind: 'thinking'; text: string; signature: string }
  | { kind: 'call'; index: number; isEmpty: boolean; input: unknown }
  | { kind: 'answer'; isEmpty: boolean; input: unknown }
  | { kind: 'own' }

const NOTHING: StreamPart = { chunks: [], hasContent: false, text: '', hasToolCalls: false }
// What the API allows of tools is far below; a stream that opens more is not one.
const MAX_BLOCKS = 4096

export class AnthropicStream implements StreamReader {
  readonly #head: string
  readonly #blocks = new Map<unknown, Block>()
  #startUsage: JsonObject = {}
  #answeredBy: string | undefined
  #blockCount = 0
  #calls = 0
  #thoughts = 0

  constructor({ id, model, createdS }: ReplyIdentity) {
    const head = JSON.stringify({ id, object: 'chat.completion.chunk', created: createdS, model })
    this.#head = `${head.slice(0, -1)},"choices":[{"index":0,"delta":`
  }

  get answeredBy(): string | undefined {
    return this.#answeredBy
  }

  readEvent(event: string, data: string): StreamPart {
    const body = parseEvent(data)
    switch (body.type) {
      case 'content_block_delta':
        return this.#readDelta(body)
      case 'content_block_start':
        return this.#openBlock(body)
      case 'content_block_stop':
        return this.#closeBlock(body.index)
      case 'message_start':
        return this.#start(body)
      case 'message_delta':
        return this.#readMessageDelta(body)
      case 'message_stop':
        return { ...NOTHING, done: true }
      case 'error':
        return { ...NOTHING, failure: classifyStreamError(body) }
    }
    if (event === 'error') return { ...NOTHING, failure: classifyStreamError(body) }
    if (typeof body.type !== 'string') throw new MalformedReply('an event without a type')
    // `ping`, and what may be added: the API asks its readers to pass over types they do not know.
    return NOTHING
  }

  #start(body: JsonObject): StreamPart {
    const message = isObject(body.message) ? body.message : {}
    if (isObject(message.usage)) this.#startUsage = message.usage
    if (typeof message.model === 'string') this.#answeredBy = message.model
    return { ...NOTHING, chunks: [this.#chunk('{"role":"assistant","content":""}')] }
  }

  #openBlock(body: JsonObject): StreamPart {
    const block = body.content_block
    if (!isObject(block)) throw new MalformedReply('a block without content')
    this.#blockCount += 1
    if (this.#blockCount > MAX_BLOCKS) throw new MalformedReply(`more than ${MAX_BLOCKS} blocks`)
    switch (block.type) {
      case 'text':
        this.#blocks.set(body.index, { kind: 'text' })
        return typeof block.text === 'string' && block.text !== '' ? this.#content(block.text) : NOTHING
      case 'thinking':
        this.#blocks.set(body.index, { kind: 'thinking', text: '', signature: '' })
        return typeof block.thinking === 'string' && block.thinking !== ''
          ? this.#think(body.index, block.thinking)
          : NOTHING
      case 'redacted_thinking':
        return this.#detail(hiddenThoughtDetail(this.#thoughts, block.data))
      case 'tool_use':
        return this.#openCall(body.index, block)
      default:
        this.#blocks.set(body.index, { kind: 'own' })
        return NOTHING
    }
  }

  #openCall(position: unknown, block: JsonObject): StreamPart {
    if (block.name === JSON_ANSWER_TOOL) {
      this.#blocks.set(position, { kind: 'answer', isEmpty: true, input: block.input })
      return NOTHING
    }
    if (typeof block.id !== 'string' || typeof block.name !== 'string')
      throw new MalformedReply('a tool call without a name')
    const index = this.#calls
    this.#calls += 1
    this.#blocks.set(position, { kind: 'call', index, isEmpty: true, input: block.input })
    const call = { index, id: block.id, type: 'function', function: { name: block.name, arguments: '' } }
    return {
      chunks: [this.#chunk(`{"tool_calls":[${JSON.stringify(call)}]}`)],
      hasContent: true,
      text: block.name,
      hasToolCalls: true,
      toolNames: [block.name],
    }
  }

  #readDelta(body: JsonObject): StreamPart {
    const delta = body.delta
    if (!isObject(delta)) throw new MalformedReply('a delta without content')
    switch (delta.type) {
      case 'text_delta':
        return typeof delta.text === 'string' ? this.#content(delta.text) : NOTHING
      case 'thinking_delta':
        return typeof delta.thinking === 'string' ? this.#think(body.index, delta.thinking) : NOTHING
      case 'signature_delta': {
        const block = this.#blocks.get(body.index)
        if (block?.kind === 'thinking' && typeof delta.signature === 'string')
          block.signature += delta.signature
        return NOTHING
      }
      case 'input_json_delta':
        return typeof delta.partial_json === 'string' ? this.#input(body.index, delta.partial_json) : NOTHING
    }
    return NOTHING
  }

  #content(text: string): StreamPart {
    if (text === '') return NOTHING
    return {
      chunks: [this.#chunk(`{"content":${JSON.stringify(text)}}`)],
      hasContent: true,
      text,
      hasToolCalls: false,
    }
  }

  #think(position: unknown, text: string): StreamPart {
    if (text === '') return NOTHING
    const block = this.#blocks.get(position)
    if (block?.kind === 'thinking') block.text += text
    const chunks = [this.#chunk(`{"reasoning_content":${JSON.stringify(text)}}`)]
    return { chunks, hasContent: true, text, hasToolCalls: false }
  }

  #input(position: unknown, json: string): StreamPart {
    const block = this.#blocks.get(position)
    if (json === '' || !block) return NOTHING
    if (block.kind === 'answer') {
      block.isEmpty = false
      return this.#content(json)
    }
    if (block.kind === 'call') {
      block.isEmpty = false
      return this.#arguments(block.index, json)
    }
    // The vendor's own tools: the model wrote this and he bills it, the client has no use for it.
    return { ...NOTHING, text: json }
  }

  #arguments(index: number, json: string): StreamPart {
    const delta = `{"tool_calls":[{"index":${index},"function":{"arguments":${JSON.stringify(json)}}}]}`
    return { chunks: [this.#chunk(delta)], hasContent: true, text: json, hasToolCalls: true }
  }

  #closeBlock(position: unknown): StreamPart {
    const block = this.#blocks.get(position)
    this.#blocks.delete(position)
    if (block?.kind === 'thinking' && block.signature !== '') {
      return this.#detail(thoughtDetail(this.#thoughts, block.text, block.signature))
    }
    // A call without arguments has no pieces; clients parse what they put together, and nothing is no JSON.
    if (block?.kind === 'call' && block.isEmpty)
      return this.#arguments(block.index, JSON.stringify(block.input ?? {}))
    if (block?.kind === 'answer' && block.isEmpty) return this.#content(JSON.stringify(block.input ?? {}))
    return NOTHING
  }

  #detail(detail: JsonObject): StreamPart {
    this.#thoughts += 1
    return { ...NOTHING, chunks: [this.#chunk(`{"reasoning_details":[${JSON.stringify(detail)}]}`)] }
  }

  #readMessageDelta(body: JsonObject): StreamPart {
    const part: { -readonly [Key in keyof StreamPart]: StreamPart[Key] } = { ...NOTHING }
    // Cumulative, and partial: what it leaves out stands in `message_start`.
    const usage = isObject(body.usage)
      ? readAnthropicUsage(mergeUsage(this.#startUsage, body.usage))
      : undefined
    if (usage) part.usage = usage
    const stopReason = isObject(body.delta) ? body.delta.stop_reason : undefined
    if (typeof stopReason === 'string') {
      part.finishReason = finishReasonOf(stopReason, this.#calls > 0)
      part.chunks = [this.#chunk('{}', part.finishReason)]
    }
    return part
  }

  #chunk(delta: string, finishReason?: string): string {
    const finish = finishReason === undefined ? 'null' : `"${finishReason}"`
    return `${this.#head}${delta},"logprobs":null,"finish_reason":${finish}}]}`
  }
}

function mergeUsage(start: JsonObject, latest: JsonObject): JsonObject {
  const merged: JsonObject = { ...start }
  for (const [key, value] of Object.entries(latest))
    if (value !== undefined && value !== null) merged[key] = value
  return merged
}

function parseEvent(data: string): JsonObject {
  let body: unknown
  try {
    body = JSON.parse(data)
  } catch {
    throw new MalformedReply('an event that is not JSON')
  }
  if (!isObject(body)) throw new MalformedReply('an event that is not an object')
  return body
}
