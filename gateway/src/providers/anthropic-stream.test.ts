import { expect, test } from 'vitest'
import { anthropicFormat } from './anthropic.ts'
import { MalformedReply } from './provider.ts'

const identity = { id: 'gen-01k9zzzzzzzzzzzzzzzzzzzzzz', model: 'author/name', createdS: 1_760_000_000 }

// biome-ignore lint/suspicious/noExplicitAny: bodies of the wire, of any shape
type Json = any

function read(...events: Json[]) {
  const reader = anthropicFormat.openStream(identity)
  return events.map((event) => {
    const part = reader.readEvent(event.type ?? '', JSON.stringify(event))
    return { ...part, deltas: part.chunks.map((chunk) => JSON.parse(chunk).choices[0].delta) as Json[] }
  })
}

const start = {
  type: 'message_start',
  message: {
    usage: {
      input_tokens: 10,
      output_tokens: 1,
      cache_creation_input_tokens: 6,
      cache_read_input_tokens: 3,
      cache_creation: { ephemeral_1h_input_tokens: 6 },
    },
  },
}
const open = (index: number, block: Json) => ({ type: 'content_block_start', index, content_block: block })
const delta = (index: number, value: Json) => ({ type: 'content_block_delta', index, delta: value })
const close = (index: number) => ({ type: 'content_block_stop', index })

test('a stream opens with the role, which is no content yet', () => {
  const [part] = read(start)
  expect(part).toMatchObject({ hasContent: false, text: '', deltas: [{ role: 'assistant', content: '' }] })
  expect(JSON.parse(part?.chunks[0] as string)).toEqual({
    id: identity.id,
    object: 'chat.completion.chunk',
    created: identity.createdS,
    model: identity.model,
    choices: [{ index: 0, delta: { role: 'assistant', content: '' }, logprobs: null, finish_reason: null }],
  })
})

test('usage is the cumulative report, completed by the first', () => {
  const [, part] = read(start, {
    type: 'message_delta',
    delta: { stop_reason: 'max_tokens' },
    usage: { output_tokens: 40 },
  })
  expect(part).toMatchObject({
    finishReason: 'length',
    usage: { uncachedInput: 10, cacheRead: 3, cacheWrite5m: 0, cacheWrite1h: 6, output: 40 },
  })
})

test('a signed thought is told whole at its end, so that it can go back', () => {
  const parts = read(
    start,
    open(0, { type: 'thinking', thinking: '' }),
    delta(0, { type: 'thinking_delta', thinking: 'a' }),
    delta(0, { type: 'thinking_delta', thinking: 'b' }),
    delta(0, { type: 'signature_delta', signature: 'sig' }),
    close(0),
    open(1, { type: 'redacted_thinking', data: 'zzz' }),
  )
  expect(parts[5]?.deltas).toEqual([
    {
      reasoning_details: [
        { type: 'reasoning.text', text: 'ab', signature: 'sig', format: 'anthropic-claude-v1', index: 0 },
      ],
    },
  ])
  expect(parts[6]?.deltas).toEqual([
    {
      reasoning_details: [
        { type: 'reasoning.encrypted', data: 'zzz', format: 'anthropic-claude-v1', index: 1 },
      ],
    },
  ])
  expect(parts.map(({ text }) => text).join('')).toBe('ab')
})

test("calls of the vendor's own tools are counted but not shown", () => {
  const parts = read(
    start,
    open(0, { type: 'server_tool_use', id: 's', name: 'web_search', input: {} }),
    delta(0, { type: 'input_json_delta', partial_json: '{"q":1}' }),
    close(0),
    open(1, { type: 'web_search_tool_result', content: [] }),
    close(1),
  )
  expect(parts.slice(1).flatMap(({ chunks }) => chunks)).toEqual([])
  expect(parts[2]).toMatchObject({ text: '{"q":1}', hasContent: false, hasToolCalls: false })
})

test('a call that comes with its input whole is not lost', () => {
  const parts = read(start, open(0, { type: 'tool_use', id: 't', name: 'f', input: { a: 1 } }), close(0))
  expect(parts[2]?.deltas).toEqual([{ tool_calls: [{ index: 0, function: { arguments: '{"a":1}' } }] }])
})

test('pings and events of later versions are passed over', () => {
  for (const event of [
    { type: 'ping' },
    { type: 'message_glow', sparkle: 1 },
    delta(0, { type: 'citations_delta', citation: {} }),
  ]) {
    expect(read(event)[0]).toMatchObject({ chunks: [], text: '' })
  }
})

test('an error event is a failure of its kind', () => {
  const failure = (type: string) => read({ type: 'error', error: { type, message: 'no' } })[0]?.failure?.class
  expect(failure('overloaded_error')).toBe('overloaded')
  expect(failure('rate_limit_error')).toBe('rate_limited')
  expect(failure('authentication_error')).toBe('key_rejected')
  expect(failure('api_error')).toBe('server_error')
  expect(failure('invalid_request_error')).toBe('server_error')
})

test('what is no event breaks the stream', () => {
  const reader = anthropicFormat.openStream(identity)
  for (const data of [
    '',
    'x',
    'null',
    '[]',
    '{}',
    '{"type":"content_block_start"}',
    '{"type":"content_block_delta","delta":3}',
  ]) {
    expect(() => reader.readEvent('', data), data).toThrow(MalformedReply)
  }
})

test('a whole answer that is none is malformed', () => {
  const bodies = [
    '',
    '{}',
    '{"type":"error","error":{"type":"api_error","message":"x"}}',
    '{"content":[],"stop_reason":null}',
    '{"content":[{"type":"text"}],"stop_reason":"end_turn"}',
    '{"content":[1],"stop_reason":"end_turn"}',
  ]
  for (const body of bodies)
    expect(() => anthropicFormat.readReply(Buffer.from(body), identity), body).toThrow(MalformedReply)
})

test('sources that an answer cites become annotations', () => {
  const citation = {
    type: 'web_search_result_location',
    url: 'https://example.org/a',
    title: 'A',
    cited_text: 'x',
  }
  const body = {
    content: [
      { type: 'text', text: 'See ' },
      { type: 'text', text: 'this', citations: [citation] },
    ],
    stop_reason: 'end_turn',
  }
  const { json } = anthropicFormat.readReply(Buffer.from(JSON.stringify(body)), identity)
  expect(JSON.parse(json.toString()).choices[0].message.annotations).toEqual([
    {
      type: 'url_citation',
      url_citation: { start_index: 4, end_index: 8, url: 'https://example.org/a', title: 'A' },
    },
  ])
})
