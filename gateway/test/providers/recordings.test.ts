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
  seenInChunks,
  seenInReply,
} from './read-recording.ts'
import { saidIn, usageIn } from './recorded-truth.ts'

const recordings = loadRecordings('openai.chat', 'anthropic.messages')
const replies = recordings.filter((recording) => !recording.stream && recording.status === 200)
const streams = recordings.filter((recording) => recording.stream)
const refusals = recordings.filter((recording) => recording.status !== 200)
if (recordings.length === 0) console.log('recordings skipped: RECORDINGS_DIR is not set')

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
    expect(seenInReply(json)).toEqual(saidIn(recording))
    expect(reply.finishReason).toBe(saidIn(recording).finish)
    expect(reply.hasToolCalls).toBe(seenInReply(json).toolCalls.length > 0)
    expect(reply.toolNames).toEqual(seenInReply(json).toolCalls.map(({ name }) => name))
    expect(json).toMatchObject({ id: identity.id, model: identity.model, object: 'chat.completion' })
    for (const said of [saidIn(recording).content, saidIn(recording).reasoning])
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
    expect(seenInChunks(chunks)).toEqual(saidIn(recording))
    expect(read.finishReason).toBe(saidIn(recording).finish)
    expect(read.done).toBe(true)
    expectUsage(recording, read.usage)
    expect(read.parts.flatMap(({ toolNames }) => toolNames ?? [])).toEqual(
      seenInChunks(chunks).toolCalls.map(({ name }) => name),
    )
    expectOneStream(chunks)
    expect(read.parts.some((part) => part.hasContent)).toBe(
      seenInChunks(chunks).content + seenInChunks(chunks).reasoning !== '' ||
        seenInChunks(chunks).toolCalls.length > 0,
    )
    for (const said of [saidIn(recording).content, saidIn(recording).reasoning].filter(Boolean)) {
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
      const said = saidIn(recording)
      expect(message?.content ?? '').toBe(said.content)
      const calls = (message?.tool_calls ?? []).map((call: Json) => ({
        id: call.id,
        name: call.function.name,
        arguments: call.function.arguments,
      }))
      expect(calls).toEqual(said.toolCalls)
      expect(completion.choices[0]?.finish_reason).toBe(saidIn(recording).finish)
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
  expect(usage).toEqual(usageIn(recording))
  expect(inputTokens(usage!) + outputTokens(usage!)).toBe(recording.usage?.total)
  expect(usage!.reasoning).toBeLessThanOrEqual(usage!.output)
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
