/** Reads a recorded body the way the corridor does, and puts together what a client would hold in its hands. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type SseEvent, SseFramer } from '../../src/http/sse-framer.ts'
import { anthropicFormat } from '../../src/providers/anthropic.ts'
import { openAiFormat } from '../../src/providers/openai.ts'
import type { UpstreamFailure } from '../../src/providers/outcome.ts'
import type { ReplyIdentity, StreamPart, WireFormat } from '../../src/providers/provider.ts'
import type { Usage } from '../../src/providers/usage.ts'

export interface IndexRow {
  id: string
  provider: string
  api: string
  stream: boolean
  status: number
  features: string[]
  finish: string | null
  usage: Record<string, number> | null
  file: string
}

export interface Recording extends IndexRow {
  body: string
}

/** The recordings of `apis` in `RECORDINGS_DIR`; none when the folder is not there. */
export function loadRecordings(...apis: string[]): Recording[] {
  const folder = process.env.RECORDINGS_DIR
  if (!folder || !existsSync(join(folder, 'index.json'))) return []
  const rows = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as IndexRow[]
  return rows
    .filter((row) => apis.includes(row.api))
    .map((row) => ({ ...row, body: JSON.parse(readFileSync(join(folder, row.file), 'utf8')).body as string }))
}

export const identity: ReplyIdentity = {
  id: 'gen-01k9zzzzzzzzzzzzzzzzzzzzzz',
  model: 'author/public-name',
  createdS: 1_760_000_000,
}

export function formatFor(api: string): WireFormat {
  return api === 'anthropic.messages' ? anthropicFormat : openAiFormat
}

export interface ToolCall {
  id: string
  name: string
  arguments: string
}

/** What a client sees of an answer. */
export interface Seen {
  content: string
  reasoning: string
  toolCalls: ToolCall[]
  finish: string | undefined
}

// biome-ignore lint/suspicious/noExplicitAny: bodies of the wire, of any shape
export type Json = any

/** What stands in the first choice of a `chat.completion`. */
export function seenInReply(reply: Json): Seen {
  const { message, finish_reason: finish } = reply.choices[0]
  return {
    content: message.content ?? '',
    reasoning: message.reasoning_content ?? message.reasoning ?? '',
    toolCalls: (message.tool_calls ?? []).map((call: Json) => ({ id: call.id, ...call.function })),
    finish,
  }
}

/** What a client puts together from chunks: strings are glued, calls found by their index. */
export function seenInChunks(chunks: readonly Json[]): Seen {
  const seen: Seen = { content: '', reasoning: '', toolCalls: [], finish: undefined }
  for (const chunk of chunks) {
    const choice = chunk.choices[0]
    if (!choice) continue
    const { delta } = choice
    seen.content += delta.content ?? ''
    seen.reasoning += delta.reasoning_content ?? delta.reasoning ?? ''
    for (const piece of delta.tool_calls ?? []) {
      seen.toolCalls[piece.index] ??= { id: '', name: '', arguments: '' }
      const call = seen.toolCalls[piece.index] as ToolCall
      call.id += piece.id ?? ''
      call.name += piece.function?.name ?? ''
      call.arguments += piece.function?.arguments ?? ''
    }
    seen.finish ??= choice.finish_reason ?? undefined
  }
  return seen
}

export interface ReadStream {
  parts: StreamPart[]
  chunks: string[]
  usage: Usage | undefined
  finishReason: string | undefined
  failure: UpstreamFailure | undefined
  done: boolean
  text: string
}

/** Feeds `events` to a fresh reader. */
export function readEvents(format: WireFormat, events: readonly SseEvent[]): ReadStream {
  const reader = format.openStream(identity)
  const read: ReadStream = {
    parts: [],
    chunks: [],
    usage: undefined,
    finishReason: undefined,
    failure: undefined,
    done: false,
    text: '',
  }
  for (const { event, data } of events) {
    const part = reader.readEvent(event, data)
    read.parts.push(part)
    read.chunks.push(...part.chunks)
    read.usage = part.usage ?? read.usage
    read.finishReason = part.finishReason ?? read.finishReason
    read.failure ??= part.failure
    read.text += part.text
    if (part.done) read.done = true
  }
  return read
}

/** The events in `chunks` of bytes. */
export function frame(chunks: Iterable<Uint8Array>): SseEvent[] {
  const framer = new SseFramer()
  const events: SseEvent[] = []
  for (const chunk of chunks) events.push(...framer.push(chunk))
  events.push(...framer.end())
  return events
}
