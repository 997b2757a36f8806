/** Every recorded chat answer, read through its adapter: a client must get what the provider said, to the token. */
import { ChatCompletionStream } from 'openai/lib/ChatCompletionStream'
import { describe, expect, test } from 'vitest'
import { inputTokens, outputTokens } from '../../src/providers/usage.ts'
import {
  formatFor,
  frame,
  identity,
  type Json,
  loadRecordings,
  type Recording,
  readEvents,
  type Seen,
  seenInChunks,
  seenInReply,
  type ToolCall,
} from './read-recording.ts'

const recordings = loadRecordings('openai.chat', 'anthropic.messages')
const replies = recordings.filter((recording) => !recording.stream && recording.status === 200)
const streams = recordings.filter((recording) => recording.stream)
const refusals = recordings.filter((recording) => recording.status !== 200)
if (recordings.length === 0) console.log('recordings skipped: RECORDINGS_DIR is not set')

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

const named = (list: Recording[]) => list.map((recording) => [recording.id, recording] as const)

test.runIf(recordings.length > 0)('the recordings are all there', () => {
  expect(replies.length + streams.length + refusals.length).toBe(recordings.length)
  expect({ replies: replies.length, streams: streams.length, refusals: refusals.length }).toEqual({
    replies: 77,
    streams: 26,
    refusals: 4,
  })
})

describe.runIf(recordings.length > 0)('whole answers', () => {
  test.each(named(replies))('%s reads as recorded', (_id, recording) => {
    const reply = formatFor(recording.api).readReply(Buffer.from(recording.body), identity)
    const json = JSON.parse(reply.json.toString())
    expect(seenInReply(json)).toEqual({ ...saidInReply(recording), finish: finishOf(recording) })
    expect(reply.finishReason).toBe(finishOf(recording))
    expect(reply.hasToolCalls).toBe(seenInReply(json).toolCalls.length > 0)
    expect(json).toMatchObject({ id: identity.id, model: identity.model, object: 'chat.completion' })
    for (const said of [saidInReply(recording).content, saidInReply(recording).reasoning])
      expect(reply.text).toContain(said)
    expectUsage(recording, reply.usage)
    expect(json.usage).toMatchObject({
      prompt_tokens: inputTokens(reply.usage!),
      completion_tokens: outputTokens(reply.usage!),
    })
    expect(json.usage.total_tokens).toBe(json.usage.prompt_tokens + json.usage.completion_tokens)
  })

  test('an answer of OpenAI itself keeps its bytes but for the id and the model', () => {
    const whole = replies.filter(
      ({ id, body }) =>
        id.startsWith('openai-chat-') &&
        JSON.parse(body).choices.every((choice: Json) => choice.logprobs !== undefined),
    )
    expect(whole.length).toBeGreaterThan(5)
    for (const { api, body } of whole) {
      const { id, model } = JSON.parse(body)
      const ours = formatFor(api).readReply(Buffer.from(body), identity).json.toString()
      expect(ours).toBe(
        body.trim().replace(id, identity.id).replace(`"model":"${model}"`, `"model":"${identity.model}"`),
      )
    }
  })
})

describe.runIf(recordings.length > 0)('streams', () => {
  test.each(named(streams))('%s reads as recorded, fed byte by byte', (_id, recording) => {
    const bytes = Buffer.from(recording.body)
    const read = readEvents(formatFor(recording.api), frame(bytesOf(bytes)))
    const chunks = read.chunks.map((chunk) => JSON.parse(chunk))
    expect(seenInChunks(chunks)).toEqual({ ...saidInStream(recording), finish: finishOf(recording) })
    expect(read.finishReason).toBe(finishOf(recording))
    expect(read.done).toBe(true)
    expectUsage(recording, read.usage)
    expectOneStream(chunks)
    expect(read.parts.some((part) => part.hasContent)).toBe(
      seenInChunks(chunks).content + seenInChunks(chunks).reasoning !== '' ||
        seenInChunks(chunks).toolCalls.length > 0,
    )
    for (const said of [saidInStream(recording).content, saidInStream(recording).reasoning].filter(Boolean)) {
      const pieces = read.parts.filter((part) => part.text !== '')
      expect(pieces.length).toBeGreaterThan(0)
      expect(read.text.length).toBeGreaterThanOrEqual(said.length)
    }
    if (recording.id === 'openrouter-chat-sse-002') {
      expect(read.failure).toMatchObject({ class: 'server_error', message: 'Token limit reached' })
    } else expect(read.failure).toBeUndefined()
  })

  test.each(named(streams))('%s gives the same chunks wherever it is cut', (_id, recording) => {
    const format = formatFor(recording.api)
    const bytes = Buffer.from(recording.body)
    const whole = frame([bytes])
    const expected = readEvents(format, whole)
    expect(readEvents(format, frame(bytesOf(bytes)))).toEqual(expected)
    // Cuts matter to the framer alone: equal events make equal chunks.
    for (const { from, to } of windowsOf(bytes)) {
      const window = bytes.subarray(from, to)
      const events = frame([window])
      for (let cut = 1; cut < window.length; cut += 1) {
        expect(
          sameEvents(frame([window.subarray(0, cut), window.subarray(cut)]), events),
          `cut at ${from + cut}`,
        ).toBe(true)
      }
    }
    for (let part = 1; part < 64; part += 1) {
      const cut = Math.floor((bytes.length * part) / 64)
      expect(readEvents(format, frame([bytes.subarray(0, cut), bytes.subarray(cut)])).chunks).toEqual(
        expected.chunks,
      )
    }
  })

  test.each(named(streams.filter(({ features }) => !features.includes('in-band-error'))))(
    "%s is put together by OpenAI's SDK",
    async (_id, recording) => {
      const read = readEvents(formatFor(recording.api), frame([Buffer.from(recording.body)]))
      const lines = `${read.chunks.join('\n')}\n`
      const stream = ChatCompletionStream.fromReadableStream(new Blob([lines]).stream() as Json)
      const completion = await stream.finalChatCompletion()
      const message = completion.choices[0]?.message
      const said = saidInStream(recording)
      expect(message?.content ?? '').toBe(said.content)
      const calls = (message?.tool_calls ?? []).map((call: Json) => ({
        id: call.id,
        name: call.function.name,
        arguments: call.function.arguments,
      }))
      expect(calls).toEqual(said.toolCalls)
      expect(completion.choices[0]?.finish_reason).toBe(finishOf(recording))
    },
  )

  test('a stream that ends early never says that it is finished', () => {
    for (const recording of streams) {
      const bytes = Buffer.from(recording.body)
      const half = bytes.subarray(0, bytes.lastIndexOf('\n\n', bytes.length / 2) + 2)
      const read = readEvents(formatFor(recording.api), frame([half]))
      if (recording.id !== 'anthropic-msg-sse-002' && recording.id !== 'openrouter-chat-sse-002') {
        expect(read.finishReason, recording.id).toBeUndefined()
      }
      expect(read.done, recording.id).toBe(false)
    }
  })
})

test.runIf(recordings.length > 0)('recorded refusals are classified, and told without the seller', () => {
  const classes = refusals.map((recording) => {
    const answer = { status: recording.status, headers: {}, body: Buffer.from(recording.body), nowMs: 0 }
    const failure = formatFor(recording.api).classifyFailure(answer)
    return [recording.id, failure.class, failure.code, failure.param, failure.callerMessage]
  })
  expect(classes).toEqual([
    [
      'anthropic-msg-079',
      'user_error',
      undefined,
      undefined,
      "This model does not support effort level 'xhigh'. Supported levels: high, low, max, medium.",
    ],
    ['anthropic-msg-080', 'model_refused', undefined, undefined, undefined],
    [
      'groq-chat-026',
      'user_error',
      'tool_use_failed',
      undefined,
      expect.stringContaining('did not match schema: errors: [missing properties'),
    ],
    [
      'openai-chat-051',
      'user_error',
      'unsupported_value',
      'messages[0].role',
      "Unsupported value: 'messages[0].role' does not support 'developer' with this model.",
    ],
  ])
})

function expectUsage(
  recording: Recording,
  usage: import('../../src/providers/usage.ts').Usage | undefined,
): void {
  if (recording.id === 'openrouter-chat-sse-002') {
    expect(usage).toMatchObject({ uncachedInput: 43, output: 10, reasoning: 10 })
    return
  }
  const told = recording.usage as Record<string, number>
  const normal = NORMALISED[recording.id]
  expect(usage).toBeDefined()
  expect(inputTokens(usage!)).toBe(told.prompt)
  expect(outputTokens(usage!)).toBe(normal?.completion ?? told.completion)
  expect(inputTokens(usage!) + outputTokens(usage!)).toBe(told.total)
  expect(usage!.reasoning).toBe(normal?.reasoning ?? told.reasoning ?? 0)
  expect(usage!.reasoning).toBeLessThanOrEqual(usage!.output)
  expect(usage!.cacheRead).toBe(CACHED[recording.id] ?? told.cached ?? 0)
  expect(usage!.cacheWrite5m + usage!.cacheWrite1h).toBe(told.cache_write ?? 0)
  if (told.uncached_input !== undefined) expect(usage!.uncachedInput).toBe(told.uncached_input)
}

/** Boxes of the wire that hold for every stream. */
function expectOneStream(chunks: Json[]): void {
  const roles = new Set<number>()
  const calls = new Set<string>()
  for (const chunk of chunks) {
    expect(chunk).toMatchObject({
      id: identity.id,
      model: identity.model,
      object: 'chat.completion.chunk',
      created: chunks[0].created,
    })
    expect(chunk.usage ?? null).toBeNull()
    expect(chunk.choices.length).toBeGreaterThan(0)
    for (const choice of chunk.choices) {
      expect(choice.finish_reason).not.toBeUndefined()
      expect(choice.delta.role).toBe(roles.has(choice.index) ? undefined : 'assistant')
      roles.add(choice.index)
      for (const piece of choice.delta.tool_calls ?? []) {
        const key = `${choice.index}/${piece.index}`
        if (calls.has(key))
          expect([piece.id, piece.type, piece.function.name]).toEqual([undefined, undefined, undefined])
        else
          expect(piece).toMatchObject({
            id: expect.stringMatching(/./),
            type: 'function',
            function: { name: expect.stringMatching(/./) },
          })
        calls.add(key)
      }
    }
  }
  expect(chunks.filter((chunk) => chunk.choices[0].finish_reason !== null)).toHaveLength(1)
}

function finishOf(recording: Recording): string {
  return FINISH[recording.id] ?? (recording.finish as string)
}

/** What the recorded body says, read without the adapter. */
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

function* bytesOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 1) yield bytes.subarray(at, at + 1)
}

/** Every pair of neighbouring events; together the windows hold every byte of the stream, and every border. */
function windowsOf(bytes: Buffer): { from: number; to: number }[] {
  const starts = [0]
  for (let at = bytes.indexOf('\n\n'); at >= 0; at = bytes.indexOf('\n\n', at + 2)) starts.push(at + 2)
  return starts.flatMap((from, index) => {
    const to = Math.min(starts[index + 2] ?? bytes.length, bytes.length)
    return to > from ? [{ from, to }] : []
  })
}

function sameEvents(
  left: readonly { event: string; data: string }[],
  right: readonly { event: string; data: string }[],
): boolean {
  return (
    left.length === right.length &&
    left.every((event, at) => event.event === right[at]?.event && event.data === right[at]?.data)
  )
}
