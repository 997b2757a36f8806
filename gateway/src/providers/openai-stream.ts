/**
 * Reads a stream of `chat.completion.chunk` events. This runs once per token: a chunk is parsed to see what it
 * carries, but what goes on is its own text with the constant beginning (`id`, `model`) exchanged. Only chunks that
 * break OpenAI's shape are built anew.
 */
import { editMembers, scanMembers } from '../http/json-members.ts'
import { classifyStreamError } from './classify-failure.ts'
import { isFailedFinish, mapFinishReason } from './finish-reason.ts'
import { contentOf, isObject, type JsonObject, reasoningOf } from './openai-message.ts'
import { isUnixSeconds } from './openai-reply.ts'
import { StreamedToolCalls } from './openai-tool-calls.ts'
import { MalformedReply, type ReplyIdentity, type StreamPart, type StreamReader } from './provider.ts'
import { readOpenAiUsage } from './read-usage.ts'
import { spliceChunk } from './splice-chunk.ts'

const DONE = '[DONE]'
const CHUNK = 'chat.completion.chunk'
// Sixteen times the largest `n` we admit.
const MAX_CHOICES = 128

interface ChoiceState {
  hasRole: boolean
  finishReason: string | undefined
  toolCalls: StreamedToolCalls
}

/** The beginning that the chunks of this stream share, and what stands there instead. */
interface Prefix {
  theirs: string
  ours: string
}

type Part = { -readonly [Key in keyof StreamPart]: StreamPart[Key] }

export class OpenAiStream implements StreamReader {
  readonly #identity: ReplyIdentity
  /** What stands in every chunk, as JSON. */
  readonly #members: { id: string; model: string; object: string }
  readonly #choices = new Map<number, ChoiceState>()
  #vendorId: unknown
  #vendorModel: unknown
  #createdS: number | undefined
  #prefix: Prefix | undefined
  #hasUsage = false

  constructor(identity: ReplyIdentity) {
    this.#identity = identity
    this.#members = {
      id: JSON.stringify(identity.id),
      model: JSON.stringify(identity.model),
      object: `"${CHUNK}"`,
    }
  }

  get answeredBy(): string | undefined {
    return typeof this.#vendorModel === 'string' ? this.#vendorModel : undefined
  }

  readEvent(event: string, data: string): StreamPart {
    if (data === DONE || (data.startsWith('[') && data.trim() === DONE)) return this.#finish()
    const chunk = parseChunk(data)
    const part: Part = { chunks: [], hasContent: false, text: '', hasToolCalls: false }
    const groq = isObject(chunk.x_groq) ? chunk.x_groq : undefined
    const usage = readOpenAiUsage(chunk.usage ?? groq?.usage)
    if (usage) {
      part.usage = usage
      this.#hasUsage = true
    }
    if (chunk.error || event === 'error') {
      part.failure = classifyStreamError(chunk)
      return part
    }
    if (!Array.isArray(chunk.choices)) {
      if (isObject(chunk.usage)) return part
      throw new MalformedReply('a chunk without choices')
    }
    // The usage chunk, and Azure's first one that only tells what its content filter thinks.
    if (chunk.choices.length === 0) return part
    const choices = this.#readChoices(chunk.choices, part)
    if (choices === undefined || part.failure) return part
    part.chunks = [this.#write({ data, chunk, choices, groq })]
    return part
  }

  /** The choices as they go on; `undefined` when nothing is left to say. */
  #readChoices(choices: readonly unknown[], part: Part): readonly unknown[] | undefined {
    let repaired: unknown[] | undefined
    let isSpent = true
    for (let at = 0; at < choices.length; at += 1) {
      const choice = choices[at]
      if (!isObject(choice)) throw new MalformedReply('a choice that is no object')
      if (choice.error || isFailedFinish(choice.finish_reason)) {
        part.failure = classifyStreamError(choice)
        return undefined
      }
      const index = Number.isInteger(choice.index) ? (choice.index as number) : at
      const state = this.#stateOf(index)
      const wasFinished = state.finishReason !== undefined
      const read = readChoice({ choice, index, state, part })
      // OpenRouter goes on after the end with an empty delta that carries the usage.
      if (!wasFinished || read.carries) isSpent = false
      if (read.choice !== choice) repaired ??= choices.slice(0, at)
      repaired?.push(read.choice)
      if (!wasFinished && state.finishReason !== undefined) this.#noteFinish(part)
    }
    return isSpent ? undefined : (repaired ?? choices)
  }

  #stateOf(index: number): ChoiceState {
    let state = this.#choices.get(index)
    if (!state) {
      if (this.#choices.size === MAX_CHOICES) throw new MalformedReply(`more than ${MAX_CHOICES} choices`)
      const toolCalls = new StreamedToolCalls(this.#identity.id, index)
      state = { hasRole: false, finishReason: undefined, toolCalls }
      this.#choices.set(index, state)
    }
    return state
  }

  /** The answer is finished when every choice that was begun is. */
  #noteFinish(part: Part): void {
    let first: string | undefined
    for (const { finishReason } of this.#choices.values()) {
      if (finishReason === undefined) return
      first ??= finishReason
    }
    if (first !== undefined) part.finishReason = first
  }

  #write(input: {
    data: string
    chunk: JsonObject
    choices: readonly unknown[]
    groq: JsonObject | undefined
  }): string {
    const { data, chunk, choices, groq } = input
    if (this.#createdS === undefined) this.#learn(data, chunk)
    const createdS = this.#createdS as number
    const hidesUsage = chunk.usage !== undefined && chunk.usage !== null
    if (choices !== chunk.choices || groq?.usage) {
      const { id, model } = this.#identity
      const whole: JsonObject = { ...chunk, id, object: CHUNK, created: createdS, model, choices }
      if (hidesUsage) whole.usage = null
      if (groq?.usage) whole.x_groq = { ...groq, usage: undefined }
      return JSON.stringify(whole)
    }
    const prefix = this.#prefix
    const isAsLearned = chunk.created === createdS && chunk.object === CHUNK
    const isSame = chunk.id === this.#vendorId && chunk.model === this.#vendorModel
    if (prefix && isAsLearned && isSame && !hidesUsage && data.startsWith(prefix.theirs)) {
      return prefix.ours + data.slice(prefix.theirs.length)
    }
    const members = { ...this.#members, created: String(createdS) }
    return spliceChunk(data, hidesUsage ? { ...members, usage: 'null' } : members)
  }

  /** Takes the beginning up to `id` and `model` from the first chunk: in most dialects nothing that varies stands before. */
  #learn(data: string, chunk: JsonObject): void {
    this.#createdS = isUnixSeconds(chunk.created) ? chunk.created : this.#identity.createdS
    this.#vendorId = chunk.id
    this.#vendorModel = chunk.model
    const bytes = Buffer.from(data)
    const { spans } = scanMembers(bytes)
    const id = spans.get('id')
    const model = spans.get('model')
    if (!id || !model) return
    const end = Math.max(id.end, model.end)
    const theirs = bytes.subarray(0, end).toString()
    const beginning = Buffer.from(`${theirs}}`)
    const { id: ourId, model: ourModel } = this.#members
    const edited = editMembers(beginning, scanMembers(beginning), { id: ourId, model: ourModel })
    const ours = edited.toString().slice(0, -1)
    this.#prefix = { theirs, ours }
  }

  /** `[DONE]`. Snowflake never says why it stopped; a report of the usage proves that it did not break off. */
  #finish(): StreamPart {
    const part: Part = { chunks: [], hasContent: false, text: '', hasToolCalls: false, done: true }
    const open = [...this.#choices].filter(([, state]) => state.finishReason === undefined)
    if (open.length === 0 || !this.#hasUsage) return part
    const choices = open.map(([index, state]) => {
      state.finishReason = mapFinishReason(undefined, state.toolCalls.any)
      return { index, delta: {}, logprobs: null, finish_reason: state.finishReason }
    })
    const { id, model, createdS } = this.#identity
    part.chunks = [JSON.stringify({ id, object: CHUNK, created: this.#createdS ?? createdS, model, choices })]
    this.#noteFinish(part)
    return part
  }
}

function parseChunk(data: string): JsonObject {
  let chunk: unknown
  try {
    chunk = JSON.parse(data)
  } catch {
    throw new MalformedReply('an event that is not JSON')
  }
  if (!isObject(chunk)) throw new MalformedReply('an event that is not an object')
  return chunk
}

interface ChoiceInput {
  choice: JsonObject
  index: number
  state: ChoiceState
  part: Part
}

/** Counts what the choice carries into `part`; returns it as it goes on, which is itself when its shape is right. */
function readChoice({ choice, index, state, part }: ChoiceInput): { choice: JsonObject; carries: boolean } {
  const given = isObject(choice.delta) ? choice.delta : {}
  const delta = readDelta(given, state, part)
  let finish: string | null = null
  if (choice.finish_reason && state.finishReason === undefined) {
    finish = mapFinishReason(choice.finish_reason, state.toolCalls.any)
    state.finishReason = finish
  }
  const isRight = delta.value === choice.delta && choice.index === index && choice.finish_reason === finish
  return {
    choice: isRight ? choice : { ...choice, index, delta: delta.value, finish_reason: finish },
    carries: delta.carries || finish !== null,
  }
}

function readDelta(
  delta: JsonObject,
  state: ChoiceState,
  part: Part,
): { value: JsonObject; carries: boolean } {
  let value = delta
  let text = reasoningOf(delta)
  if (typeof delta.content === 'string') text += delta.content
  else if (Array.isArray(delta.content)) {
    const parts = contentOf(delta.content)
    text += parts.reasoning + parts.text
    value = { ...value, content: parts.text }
    if (parts.reasoning !== '') value.reasoning_content = parts.reasoning
  }
  if (typeof delta.refusal === 'string') text += delta.refusal
  if (isObject(delta.function_call)) {
    const called = `${delta.function_call.name ?? ''}${delta.function_call.arguments ?? ''}`
    text += called
    if (called !== '') part.hasToolCalls = true
    if (delta.function_call.name) noteNames(part, [String(delta.function_call.name)])
  }
  part.text += text
  if (delta.tool_calls !== undefined) value = readToolCalls(value, state, part)
  if (state.hasRole) {
    // Clients that glue strings together would read "assistantassistant".
    if (delta.role !== undefined) {
      const { role: _role, ...rest } = value
      value = rest
    }
  } else {
    state.hasRole = true
    if (delta.role !== 'assistant') value = { ...value, role: 'assistant' }
  }
  const carries =
    text !== '' || isObject(delta.audio) || (Array.isArray(delta.tool_calls) && delta.tool_calls.length > 0)
  if (carries) part.hasContent = true
  return { value, carries }
}

function readToolCalls(delta: JsonObject, state: ChoiceState, part: Part): JsonObject {
  if (!Array.isArray(delta.tool_calls) || delta.tool_calls.length === 0) {
    const { tool_calls: _empty, ...rest } = delta
    return rest
  }
  const { pieces, text, names } = state.toolCalls.read(delta.tool_calls)
  if (names.length > 0) noteNames(part, names)
  part.text += text
  part.hasToolCalls = true
  return pieces === delta.tool_calls ? delta : { ...delta, tool_calls: pieces }
}

function noteNames(part: Part, names: readonly string[]): void {
  part.toolNames = part.toolNames ? [...part.toolNames, ...names] : names
}
