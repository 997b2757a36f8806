/** What a recording says, read without the adapters: the truth that the gateway's reading is held against. */
import { noUsage, type Usage } from '../../src/providers/usage.ts'
import type { Json, Recording, Seen, ToolCall } from './read-recording.ts'

// Vendors whose completion count leaves reasoning out, or holds less than its own reasoning: what we bill instead.
const NORMALISED: Record<string, { completion: number; reasoning: number }> = {
  'xai-chat-001': { completion: 229, reasoning: 228 },
  'xai-chat-sse-001': { completion: 291, reasoning: 290 },
  'gemini-chat-001': { completion: 34, reasoning: 28 },
  'openrouter-chat-sse-002': { completion: 10, reasoning: 10 },
}

// Moonshot's cached tokens stand outside the details, where the index did not look.
const CACHED: Record<string, number> = { 'moonshot-chat-001': 10 }

// Snowflake never says why it stopped.
const FINISH: Record<string, string> = {
  'snowflake-chat-002': 'stop',
  'snowflake-chat-004': 'tool_calls',
  'snowflake-chat-sse-002': 'stop',
}

/** The recorded usage in disjoint classes; no recording has audio or hour-long cache writes. */
export function usageIn({ id, usage }: Recording): Usage {
  const told = usage ?? {}
  const cacheRead = CACHED[id] ?? told.cached ?? 0
  const cacheWrite5m = told.cache_write ?? 0
  return {
    ...noUsage,
    uncachedInput: told.uncached_input ?? (told.prompt ?? 0) - cacheRead - cacheWrite5m,
    cacheRead,
    cacheWrite5m,
    output: NORMALISED[id]?.completion ?? told.completion ?? 0,
    reasoning: NORMALISED[id]?.reasoning ?? told.reasoning ?? 0,
  }
}

/** What a client is to see of the recorded answer. */
export function saidIn(recording: Recording): Seen {
  const said = recording.stream ? saidInStream(recording) : saidInReply(recording)
  return { ...said, finish: FINISH[recording.id] ?? (recording.finish as string) }
}

function saidInReply({ api, body }: Recording): Omit<Seen, 'finish'> {
  const reply = JSON.parse(body)
  if (api === 'openai.chat') {
    const { message } = reply.choices[0]
    return {
      content: message.content ?? '',
      reasoning: message.reasoning_content ?? message.reasoning ?? '',
      toolCalls: (message.tool_calls ?? []).map((call: Json) => ({
        id: call.id,
        name: call.function.name,
        arguments: call.function.arguments ?? '{}',
      })),
    }
  }
  const blocks: Json[] = reply.content
  return {
    content: blocks
      .filter(({ type }) => type === 'text')
      .map(({ text }) => text)
      .join(''),
    reasoning: blocks
      .filter(({ type }) => type === 'thinking')
      .map(({ thinking }) => thinking)
      .join(''),
    toolCalls: blocks
      .filter(({ type }) => type === 'tool_use')
      .map(({ id, name, input }) => ({ id, name, arguments: JSON.stringify(input) })),
  }
}

function saidInStream(recording: Recording): Omit<Seen, 'finish'> {
  const events = recording.body
    .split('\n')
    .filter((line) => line.startsWith('data: {'))
    .map((line) => JSON.parse(line.slice(6)))
  return recording.api === 'openai.chat' ? saidByOpenAi(events) : saidByAnthropic(events)
}

function saidByOpenAi(events: Json[]): Omit<Seen, 'finish'> {
  const deltas = events
    .filter((event) => !event.error)
    .flatMap((event) => event.choices.map((choice: Json) => choice.delta))
  const calls: ToolCall[] = []
  for (const piece of deltas.flatMap((delta) => delta.tool_calls ?? [])) {
    if (piece.id) calls.push({ id: piece.id, name: '', arguments: '' })
    const call = calls[piece.index ?? calls.length - 1] as ToolCall
    call.name += piece.function.name ?? ''
    call.arguments += piece.function.arguments
  }
  return {
    content: deltas.map((delta) => delta.content ?? '').join(''),
    reasoning: deltas.map((delta) => delta.reasoning_content ?? delta.reasoning ?? '').join(''),
    toolCalls: calls,
  }
}

function saidByAnthropic(events: Json[]): Omit<Seen, 'finish'> {
  const deltas = events.filter(({ type }) => type === 'content_block_delta')
  const calls = events.filter(
    ({ type, content_block: block }) => type === 'content_block_start' && block.type === 'tool_use',
  )
  return {
    content: deltas.map(({ delta }) => delta.text ?? '').join(''),
    reasoning: deltas.map(({ delta }) => delta.thinking ?? '').join(''),
    toolCalls: calls.map(({ index, content_block: { id, name } }) => {
      const pieces = deltas
        .filter((event) => event.index === index)
        .map(({ delta }) => delta.partial_json ?? '')
      return { id, name, arguments: pieces.join('') || '{}' }
    }),
  }
}
