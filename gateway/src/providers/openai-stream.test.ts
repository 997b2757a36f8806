import { expect, test } from 'vitest'
import { OpenAiStream } from './openai-stream.ts'
import { MalformedReply } from './provider.ts'

const identity = { id: 'gen-01k9zzzzzzzzzzzzzzzzzzzzzz', model: 'author/name', createdS: 1_760_000_000 }

// biome-ignore lint/suspicious/noExplicitAny: bodies of the wire, of any shape
type Json = any

const HEAD = '{"id":"theirs","object":"chat.completion.chunk","created":1700000000,"model":"their-model"'
const OURS = `{"id":"${identity.id}","object":"chat.completion.chunk","created":1700000000,"model":"author/name"`

function chunk(delta: Json, over: Json = {}, top: Json = {}): string {
  const choice = { index: 0, delta, finish_reason: null, ...over }
  return JSON.stringify({
    id: 'theirs',
    object: 'chat.completion.chunk',
    created: 1_700_000_000,
    model: 'their-model',
    choices: [choice],
    ...top,
  })
}

function read(...events: string[]) {
  const reader = new OpenAiStream(identity)
  return events.map((data) => {
    const part = reader.readEvent('', data)
    return { ...part, json: part.chunks.map((text) => JSON.parse(text)) as Json[] }
  })
}

const role = chunk({ role: 'assistant', content: '' })

test('a chunk that lacks nothing keeps its bytes behind the id and the model', () => {
  const rest =
    ',"system_fingerprint":"fp","choices":[ {"index":0,"delta":{"content":"\\u00e9 theirs their-model"},"logprobs":{"content":[{"logprob":-1.0}]},"finish_reason":null}],"obfuscation":"x"}'
  const [, part] = read(role, HEAD + rest)
  expect(part?.chunks).toEqual([OURS + rest])
  expect(part).toMatchObject({ text: 'é theirs their-model', hasContent: true, hasToolCalls: false })
})

test('ids, models and times are the same in every chunk, whatever the vendor does', () => {
  const parts = read(
    role,
    chunk(
      { content: 'a' },
      {},
      { id: 'other', created: 1_700_000_005, model: 'other', object: 'chat.completion.done' },
    ),
    '{"choices":[{"index":0,"delta":{"content":"b"},"finish_reason":null}],"model":"their-model","created":1700000000,"id":"theirs","object":"chat.completion.chunk"}',
    '{"choices":[{"index":0,"delta":{"content":"c"},"finish_reason":null}]}',
    `${HEAD},"choices":[{"index":0,"delta":{"content":"d"},"finish_reason":null}],"id":"again","model":"again"}`,
  )
  for (const { json } of parts) {
    expect(json[0]).toMatchObject({
      id: identity.id,
      model: identity.model,
      created: 1_700_000_000,
      object: 'chat.completion.chunk',
    })
  }
  expect(parts.map(({ text }) => text).join('')).toBe('abcd')
})

test('a time in milliseconds, or none, becomes ours', () => {
  for (const created of [0, 1_700_000_000_000, '1700000000', undefined]) {
    const [first, second] = read(
      chunk({ role: 'assistant' }, {}, { created }),
      chunk({ content: 'a' }, {}, { created }),
    )
    expect([first?.json[0].created, second?.json[0].created]).toEqual([identity.createdS, identity.createdS])
  }
})

test('usage is kept from the client and told to the meter, wherever it stands', () => {
  const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 }
  const [, last, only] = read(
    role,
    chunk({ content: 'a' }, {}, { usage }),
    chunk({}, {}, { choices: [], usage }),
  )
  expect(last?.json[0].usage).toBeNull()
  expect(last?.usage).toMatchObject({ uncachedInput: 3, output: 2 })
  expect(only).toMatchObject({ chunks: [], hasContent: false })
  expect(only?.usage).toMatchObject({ uncachedInput: 3, output: 2 })
  const [, groq] = read(role, chunk({}, { finish_reason: 'stop' }, { x_groq: { id: 'req', usage } }))
  expect(groq?.usage).toMatchObject({ uncachedInput: 3, output: 2 })
  expect(groq?.json[0].x_groq).toEqual({ id: 'req' })
})

test('a usage of null goes on as it came', () => {
  expect(read(role, chunk({ content: 'a' }, {}, { usage: null }))[1]?.chunks[0]).toContain('"usage":null')
})

test('the first delta has the role, later ones do not', () => {
  const parts = read(
    chunk({ content: 'a' }),
    chunk({ role: 'assistant', content: 'b' }),
    chunk({ content: 'c' }),
  )
  expect(parts.map(({ json }) => json[0].choices[0].delta)).toEqual([
    { content: 'a', role: 'assistant' },
    { content: 'b' },
    { content: 'c' },
  ])
})

test('each of several choices has its role and its end, and the answer ends with the last', () => {
  const parts = read(
    chunk({ role: 'assistant', content: 'a' }, { index: 0 }),
    chunk({ content: 'b' }, { index: 1 }),
    chunk({}, { index: 0, finish_reason: 'stop' }),
    chunk({}, { index: 1, finish_reason: 'length' }),
  )
  expect(parts[1]?.json[0].choices[0]).toMatchObject({ index: 1, delta: { role: 'assistant', content: 'b' } })
  expect(parts.map(({ finishReason }) => finishReason)).toEqual([undefined, undefined, undefined, 'stop'])
})

test('a piece of a tool call has id, type and name in the first and nowhere else', () => {
  const parts = read(
    role,
    chunk({ tool_calls: [{ index: 0, id: 'c', type: 'function', function: { name: 'f', arguments: '' } }] }),
    chunk({
      tool_calls: [{ index: 0, id: 'c', type: 'function', function: { name: 'f', arguments: '{"a"' } }],
    }),
    chunk({ tool_calls: [{ index: 0, function: { name: null, arguments: ':1}' } }] }),
  )
  expect(parts.slice(1).map(({ json }) => json[0].choices[0].delta.tool_calls[0])).toEqual([
    { index: 0, id: 'c', type: 'function', function: { name: 'f', arguments: '' } },
    { index: 0, function: { arguments: '{"a"' } },
    { index: 0, function: { arguments: ':1}' } },
  ])
  expect(parts.map(({ text }) => text).join('')).toBe('f{"a":1}')
  expect(parts[3]).toMatchObject({ hasToolCalls: true, hasContent: true })
})

test('calls that the vendor numbers wrongly or not at all are told apart', () => {
  const call = (id: string | undefined, index: number | undefined, name: string | undefined, args: string) =>
    chunk({ tool_calls: [{ id, index, type: 'function', function: { name, arguments: args } }] })
  const seen = (...events: string[]) =>
    read(role, ...events)
      .slice(1)
      .map(({ json }) => {
        const piece = json[0].choices[0].delta.tool_calls[0]
        return [piece.index, piece.id, piece.function.name, piece.function.arguments]
      })
  // All calls under one index, told apart by id.
  expect(seen(call('a', 0, 'f', '{}'), call('b', 0, 'f', '{}'))).toEqual([
    [0, 'a', 'f', '{}'],
    [1, 'b', 'f', '{}'],
  ])
  // A new id for every piece of one call.
  expect(seen(call('a', 0, 'f', '{'), call('b', 0, undefined, '}'))).toEqual([
    [0, 'a', 'f', '{'],
    [0, undefined, undefined, '}'],
  ])
  // Counted from one.
  expect(seen(call('a', 1, 'f', '{'), call(undefined, 1, undefined, '}'))).toEqual([
    [0, 'a', 'f', '{'],
    [0, undefined, undefined, '}'],
  ])
  // No index: by id, by name, or the one before.
  expect(
    seen(
      call('a', undefined, 'f', '{'),
      call(undefined, undefined, undefined, '}'),
      call('b', undefined, 'g', '{}'),
    ),
  ).toEqual([
    [0, 'a', 'f', '{'],
    [0, undefined, undefined, '}'],
    [1, 'b', 'g', '{}'],
  ])
  // Neither: each name is a call.
  expect(seen(call(undefined, undefined, 'f', '{}'), call(undefined, undefined, 'f', '{}'))).toEqual([
    [0, 'call_01k9zzzzzzzzzzzzzzzzzzzzzz_0_0', 'f', '{}'],
    [1, 'call_01k9zzzzzzzzzzzzzzzzzzzzzz_0_1', 'f', '{}'],
  ])
  // No ids at all: ours, the same for the same answer.
  expect(seen(call(undefined, 0, 'f', '{}'), call('', 1, 'g', '{}'))).toEqual([
    [0, 'call_01k9zzzzzzzzzzzzzzzzzzzzzz_0_0', 'f', '{}'],
    [1, 'call_01k9zzzzzzzzzzzzzzzzzzzzzz_0_1', 'g', '{}'],
  ])
})

test('a piece of a call that never began breaks the stream', () => {
  expect(() => read(role, chunk({ tool_calls: [{ index: 0, function: { arguments: '{}' } }] }))).toThrow(
    MalformedReply,
  )
})

test('custom tools and old function calls go on and are counted', () => {
  const parts = read(
    role,
    chunk({ tool_calls: [{ index: 0, id: 'c', type: 'custom', custom: { name: 'grep', input: '' } }] }),
    chunk({ tool_calls: [{ index: 0, custom: { input: 'x y' } }] }),
    chunk({ function_call: { name: 'f', arguments: '{}' } }),
  )
  expect(parts.map(({ text }) => text)).toEqual(['', 'grep', 'x y', 'f{}'])
  expect(parts[2]?.json[0].choices[0].delta.tool_calls).toEqual([{ index: 0, custom: { input: 'x y' } }])
})

test('reasoning under either name, refusals and sound are content: after them no other seller', () => {
  for (const delta of [
    { reasoning_content: 'a' },
    { reasoning: 'a' },
    { refusal: 'a' },
    { audio: { data: 'AA' } },
  ]) {
    expect(read(role, chunk(delta))[1]).toMatchObject({ hasContent: true })
  }
  expect(read(role, chunk({ reasoning_content: 'a', reasoning: 'a' }))[1]?.text).toBe('a')
  expect(read(role)[0]).toMatchObject({ hasContent: false, text: '' })
})

test('a word for the end that only the vendor knows is translated, a missing one is null', () => {
  const [first, last] = read(
    chunk({ role: 'assistant' }, { finish_reason: undefined }),
    chunk({}, { finish_reason: 'MAX_TOKENS' }),
  )
  expect(first?.json[0].choices[0].finish_reason).toBeNull()
  expect(last).toMatchObject({ finishReason: 'length' })
  expect(last?.json[0].choices[0].finish_reason).toBe('length')
})

test('what comes empty after the end is not sent', () => {
  const parts = read(
    role,
    chunk({}, { finish_reason: 'stop' }),
    chunk({ content: '' }),
    chunk({}, { finish_reason: 'stop' }),
  )
  expect(parts.map(({ chunks }) => chunks.length)).toEqual([1, 1, 0, 0])
})

test('[DONE] is the end; without a reason it ends the answer only when the usage was reported', () => {
  const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 }
  expect(read(role, chunk({ content: 'a' }), '[DONE]')[2]).toMatchObject({ done: true, chunks: [] })
  expect(read(role, chunk({ content: 'a' }), '[DONE]')[2]).not.toHaveProperty('finishReason')
  const [, , , end] = read(
    role,
    chunk({ content: 'a' }),
    chunk({}, {}, { choices: [], usage }),
    ' [DONE]'.trim(),
  )
  expect(end).toMatchObject({ done: true, finishReason: 'stop' })
  expect(end?.json).toEqual([
    {
      id: identity.id,
      object: 'chat.completion.chunk',
      created: 1_700_000_000,
      model: identity.model,
      choices: [{ index: 0, delta: {}, logprobs: null, finish_reason: 'stop' }],
    },
  ])
  expect(read(role, chunk({}, { finish_reason: 'stop' }), '[DONE]')[2]).toMatchObject({
    done: true,
    chunks: [],
  })
})

test('an error inside the stream is a failure, and its text is not sent', () => {
  const failures = [
    ['{"error":{"message":"boom","type":"server_error","code":500}}', 'server_error'],
    ['{"error":{"message":"slow down","code":429}}', 'rate_limited'],
    [
      '{"error":{"message":"no more","type":"insufficient_quota","code":"insufficient_quota"}}',
      'quota_exhausted',
    ],
    ['{"error":"out of memory"}', 'server_error'],
    [chunk({}, { finish_reason: 'error' }), 'server_error'],
    [chunk({ content: '' }, {}, { error: { code: 400, message: 'Token limit reached' } }), 'server_error'],
    ['{"error":{"message":"flagged","code":"content_filter"}}', 'user_error'],
  ]
  for (const [data, failure] of failures) {
    const [, part] = read(role, data as string)
    expect(part, data).toMatchObject({ chunks: [], failure: { class: failure } })
  }
  expect(new OpenAiStream(identity).readEvent('error', '{"message":"boom"}').failure).toMatchObject({
    class: 'server_error',
  })
})

test('what is no chunk breaks the stream', () => {
  for (const data of [
    '',
    ' ',
    'null',
    '[]',
    '{"id":',
    'hello',
    '{"id":"x"}',
    '{"choices":[null]}',
    '{"choices":3}',
  ]) {
    expect(() => read(data), data).toThrow(MalformedReply)
  }
})

test('an opening chunk without choices, as Azure sends, is passed over', () => {
  const parts = read(
    '{"choices":[],"created":0,"id":"","model":"","prompt_filter_results":[]}',
    role,
    chunk({ content: 'a' }),
  )
  expect(parts.map(({ chunks }) => chunks.length)).toEqual([0, 1, 1])
  expect(parts[2]?.json[0].created).toBe(1_700_000_000)
})
