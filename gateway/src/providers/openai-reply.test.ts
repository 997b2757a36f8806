import { expect, test } from 'vitest'
import { readOpenAiReply } from './openai-reply.ts'
import { MalformedReply } from './provider.ts'

const identity = { id: 'gen-01k9zzzzzzzzzzzzzzzzzzzzzz', model: 'author/name', createdS: 1_760_000_000 }

// biome-ignore lint/suspicious/noExplicitAny: bodies of the wire, of any shape
type Json = any

function read(body: unknown) {
  const reply = readOpenAiReply(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)), identity)
  return { ...reply, json: JSON.parse(reply.json.toString()) as Json }
}

function withMessage(message: Json, choice: Json = {}): Json {
  return {
    id: 'x',
    object: 'chat.completion',
    created: 1_700_000_000,
    model: 'y',
    choices: [{ index: 0, message, finish_reason: 'stop', ...choice }],
  }
}

test('an answer that lacks nothing keeps its bytes, to the space inside a member', () => {
  const text =
    '{"id":"x","object":"chat.completion","created":1700000000,"model":"y","choices":[ {"index":0,"message":{"role":"assistant","content":"\\u00e9","refusal":null},"logprobs":null,"finish_reason":"stop"} ],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2},"own":1.0}'
  const reply = readOpenAiReply(Buffer.from(text), identity)
  expect(reply.json.toString()).toBe(text.replace('"x"', `"${identity.id}"`).replace('"y"', '"author/name"'))
})

test('what is no answer is malformed, never passed on as one', () => {
  const bodies = [
    '',
    'null',
    '[]',
    '"text"',
    '<html>busy</html>',
    '{"id":"x"',
    '{}',
    '{"choices":[]}',
    '{"choices":{}}',
    '{"choices":[null]}',
    '{"choices":[{"index":0}]}',
    '{"error":{"message":"no"}}',
    '{"error":"no","choices":[]}',
    withMessage({ role: 'assistant', content: 'half' }, { finish_reason: 'error' }),
    withMessage({ role: 'assistant', content: 'half' }, { error: { code: 502 } }),
    withMessage({ content: null, tool_calls: [{ id: 'c', type: 'function' }] }),
    withMessage({ content: null, tool_calls: 'none' }),
  ]
  for (const body of bodies) expect(() => read(body), JSON.stringify(body)).toThrow(MalformedReply)
  expect(() => readOpenAiReply(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), identity)).toThrow(
    MalformedReply,
  )
})

test('required members that the vendor leaves out are filled in, and the rest stays', () => {
  const { json } = read({
    created: 0,
    choices: [{ message: { content: 'Hi', extra: { a: 1 } } }],
    citations: ['c'],
  })
  expect(json).toEqual({
    created: identity.createdS,
    choices: [
      {
        message: { content: 'Hi', extra: { a: 1 }, role: 'assistant', refusal: null },
        index: 0,
        finish_reason: 'stop',
        logprobs: null,
      },
    ],
    citations: ['c'],
    id: identity.id,
    model: identity.model,
    object: 'chat.completion',
  })
})

test('logprobs alone are missing: null stands there, as OpenAI requires', () => {
  expect(read(withMessage({ role: 'assistant', content: 'a', refusal: null })).json.choices[0]).toEqual({
    index: 0,
    message: { role: 'assistant', content: 'a', refusal: null },
    finish_reason: 'stop',
    logprobs: null,
  })
})

test('content is null beside tool calls, and empty lists of calls are gone', () => {
  const call = { id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }
  expect(read(withMessage({ content: '', tool_calls: [call] })).json.choices[0].message.content).toBeNull()
  expect(read(withMessage({ tool_calls: [call] })).json.choices[0].message.content).toBeNull()
  expect(read(withMessage({ content: 'a', tool_calls: [call] })).json.choices[0].message.content).toBe('a')
  const none = read(withMessage({ content: 'a', tool_calls: [] }))
  expect(none.json.choices[0].message).not.toHaveProperty('tool_calls')
  expect(none.hasToolCalls).toBe(false)
})

test('a call without id, type or arguments gets them, the same ones each time', () => {
  const body = withMessage({
    content: null,
    tool_calls: [{ function: { name: 'f' } }, { id: '', function: { name: 'g', arguments: { a: 1 } } }],
  })
  const calls = read(body).json.choices[0].message.tool_calls
  expect(calls).toEqual([
    { id: 'call_01k9zzzzzzzzzzzzzzzzzzzzzz_0_0', type: 'function', function: { name: 'f', arguments: '{}' } },
    {
      id: 'call_01k9zzzzzzzzzzzzzzzzzzzzzz_0_1',
      type: 'function',
      function: { name: 'g', arguments: '{"a":1}' },
    },
  ])
  expect(read(body).json.choices[0].message.tool_calls).toEqual(calls)
})

test("every vendor's word for the end is one of OpenAI's five", () => {
  const finish = (word: unknown, message: Json = { content: 'a' }) =>
    read(withMessage(message, { finish_reason: word })).finishReason
  const call = {
    content: null,
    tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }],
  }
  expect(
    ['end_turn', 'eos', 'STOP', 'COMPLETED', '', null, 'constructor'].map((word) => finish(word)),
  ).toEqual(Array(7).fill('stop'))
  expect(['max_tokens', 'MAX_TOKENS', 'model_length'].map((word) => finish(word))).toEqual(
    Array(3).fill('length'),
  )
  expect(['SAFETY', 'refusal', 'content_filter'].map((word) => finish(word))).toEqual(
    Array(3).fill('content_filter'),
  )
  expect(['tool_use', 'tool_calls', '', undefined].map((word) => finish(word, call))).toEqual(
    Array(4).fill('tool_calls'),
  )
  expect(finish('stop', call)).toBe('stop')
})

test('several choices are all read, and all counted', () => {
  const choice = (index: number, content: string) => ({
    index,
    message: { role: 'assistant', content },
    finish_reason: 'stop',
  })
  const reply = read({ ...withMessage({}), choices: [choice(0, 'one'), choice(1, 'two')] })
  expect(reply.text).toBe('onetwo')
  expect(reply.json.choices.map(({ message }: Json) => message.content)).toEqual(['one', 'two'])
})

test('reasoning under two names is counted once, refusals and calls too', () => {
  expect(read(withMessage({ content: 'b', reasoning: 'a', reasoning_content: 'a' })).text).toBe('ab')
  expect(read(withMessage({ content: null, refusal: 'no' })).text).toBe('no')
  expect(read(withMessage({ content: null, function_call: { name: 'f', arguments: '{}' } }))).toMatchObject({
    text: 'f{}',
    hasToolCalls: true,
  })
})

test('the thoughts of an answer in parts become reasoning', () => {
  const parts = [
    { type: 'thinking', thinking: [{ type: 'text', text: 'hm' }] },
    { type: 'text', text: 'yes' },
  ]
  const { json, text } = read(withMessage({ role: 'assistant', content: parts }))
  expect(json.choices[0].message).toMatchObject({ content: 'yes', reasoning_content: 'hm' })
  expect(text).toBe('hmyes')
})

test('a usage that is no count reaches neither the books nor the client', () => {
  for (const usage of [
    { prompt_tokens: -1, completion_tokens: 1 },
    { prompt_tokens: '3', completion_tokens: 1 },
    'many',
    null,
  ]) {
    const reply = read({ ...withMessage({ content: 'a' }), usage })
    expect(reply.usage).toBeUndefined()
    expect(reply.json).not.toHaveProperty('usage')
  }
})

test('an answer that gives a key twice is read as every parser reads it', () => {
  const reply = read(
    '{"id":"a","id":"b","model":"m","choices":[{"index":0,"message":{"content":"one"}}],"choices":[{"index":0,"message":{"content":"two"}}]}',
  )
  expect(reply.text).toBe('two')
  expect(reply.json).toMatchObject({ id: identity.id, choices: [{ message: { content: 'two' } }] })
})

test('the bill takes the place of what the vendor reported, and is added where he reported nothing', () => {
  const message = { role: 'assistant', content: 'hi', refusal: null }
  const bodies = [
    { ...withMessage(message), usage: { prompt_tokens: 9, completion_tokens: 9, total_tokens: 18 } },
    withMessage(message),
    { ...withMessage(message), usage: 'many' },
  ]
  for (const body of bodies) {
    const reply = readOpenAiReply(Buffer.from(JSON.stringify(body)), identity)
    const sent = JSON.parse(reply.jsonWith('{"prompt_tokens":1,"cost":0.5}').toString())
    expect(sent).toEqual({ ...JSON.parse(reply.json.toString()), usage: { prompt_tokens: 1, cost: 0.5 } })
  }
})
