import { expect, test } from 'vitest'
import { GatewayError } from '../platform/errors.ts'
import { anthropicFormat } from './anthropic.ts'
import { JSON_ANSWER_TOOL, toMessagesRequest } from './anthropic-request.ts'
import { chatRequest } from './chat.ts'
import type { ProviderConfig } from './provider.ts'

// biome-ignore lint/suspicious/noExplicitAny: bodies of the wire, of any shape
type Json = any

function translate(over: Json, maxOutputTokens = 4096): Json {
  const request = chatRequest.parse({
    model: 'anthropic/claude',
    messages: [{ role: 'user', content: 'hi' }],
    ...over,
  })
  return toMessagesRequest(request, { upstreamModel: 'claude-x', maxOutputTokens })
}

function refusedField(over: Json, maxOutputTokens?: number): string | undefined {
  try {
    translate(over, maxOutputTokens)
  } catch (error) {
    expect(error).toBeInstanceOf(GatewayError)
    expect((error as GatewayError).code).toBe('invalid_value')
    return (error as GatewayError).details.param
  }
  throw new Error('it was translated')
}

const tool = {
  type: 'function',
  function: { name: 'f', description: 'd', parameters: { type: 'object', properties: { a: {} } } },
}
const text = (value: string) => ({ type: 'text', text: value })

test('a question of one line has nothing in it that nobody sent', () => {
  expect(translate({})).toEqual({
    model: 'claude-x',
    max_tokens: 4096,
    messages: [{ role: 'user', content: [text('hi')] }],
  })
})

test('the bound of the answer is always the one that was held for', () => {
  expect(translate({ max_tokens: 5 }, 77).max_tokens).toBe(77)
})

test('instructions go apart, in their order, and turns alternate', () => {
  const { system, messages } = translate({
    messages: [
      { role: 'system', content: 'one' },
      { role: 'user', content: 'a' },
      { role: 'developer', content: [text('two')] },
      { role: 'user', content: [text('b'), text('')] },
      { role: 'assistant', content: 'c' },
      { role: 'assistant', content: null, refusal: 'd' },
      { role: 'user', content: 'e' },
    ],
  })
  expect(system).toEqual([text('one'), text('two')])
  expect(messages).toEqual([
    { role: 'user', content: [text('a'), text('b')] },
    { role: 'assistant', content: [text('c'), text('d')] },
    { role: 'user', content: [text('e')] },
  ])
})

test('calls and their results become blocks, results first in their turn', () => {
  const { messages } = translate({
    messages: [
      { role: 'user', content: 'a' },
      {
        role: 'assistant',
        content: 'b',
        tool_calls: [
          { id: 'call.1', type: 'function', function: { name: 'f', arguments: '{"x":[1]}' } },
          { id: 'call_2', type: 'function', function: { name: 'g', arguments: '' } },
        ],
      },
      { role: 'user', content: 'meanwhile' },
      { role: 'tool', tool_call_id: 'call.1', content: 'one' },
      { role: 'tool', tool_call_id: 'call_2', content: [text('two')] },
      { role: 'user', content: 'c' },
    ],
    tools: [tool],
  })
  expect(messages.slice(1)).toEqual([
    {
      role: 'assistant',
      content: [
        text('b'),
        { type: 'tool_use', id: 'call_1', name: 'f', input: { x: [1] } },
        { type: 'tool_use', id: 'call_2', name: 'g', input: {} },
      ],
    },
    {
      role: 'user',
      content: [
        { type: 'tool_result', tool_use_id: 'call_1', content: [text('one')] },
        { type: 'tool_result', tool_use_id: 'call_2', content: [text('two')] },
        text('meanwhile'),
        text('c'),
      ],
    },
  ])
})

test('images and PDF files go as what they are', () => {
  const image = (url: string) => ({ type: 'image_url', image_url: { url, detail: 'low' } })
  const { messages } = translate({
    messages: [
      {
        role: 'user',
        content: [
          image('data:image/png;base64,QUJD'),
          image('data:image/jpg;base64,QUJD'),
          image('https://example.org/a.png'),
          { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,QUJD' } },
        ],
      },
    ],
  })
  expect(messages[0].content).toEqual([
    { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'QUJD' } },
    { type: 'image', source: { type: 'base64', media_type: 'image/jpeg', data: 'QUJD' } },
    { type: 'image', source: { type: 'url', url: 'https://example.org/a.png' } },
    {
      type: 'document',
      source: { type: 'base64', media_type: 'application/pdf', data: 'QUJD' },
      title: 'a.pdf',
    },
  ])
})

test('marks for the cache are kept where they were set', () => {
  const mark = { cache_control: { type: 'ephemeral', ttl: '1h' } }
  const { system, messages, tools } = translate({
    messages: [
      { role: 'system', content: [{ ...text('s'), ...mark }] },
      { role: 'user', content: [{ ...text('a'), ...mark }] },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }],
      },
      { role: 'tool', tool_call_id: 'c', content: [{ ...text('r'), ...mark }] },
    ],
    tools: [{ ...tool, ...mark }],
  })
  expect(system).toEqual([{ ...text('s'), ...mark }])
  expect(messages[0].content).toEqual([{ ...text('a'), ...mark }])
  expect(messages[2].content).toEqual([
    { type: 'tool_result', tool_use_id: 'c', content: [text('r')], ...mark },
  ])
  expect(tools[0]).toMatchObject(mark)
})

test('signed thoughts go back, unsigned ones stay behind', () => {
  const { messages } = translate({
    messages: [
      { role: 'user', content: 'a' },
      {
        role: 'assistant',
        content: 'b',
        reasoning_content: 'loose',
        reasoning_details: [
          { type: 'reasoning.text', text: 'signed', signature: 'sig', index: 0 },
          { type: 'reasoning.encrypted', data: 'zzz', index: 1 },
          { type: 'reasoning.text', text: 'unsigned', index: 2 },
        ],
      },
      { role: 'user', content: 'c' },
    ],
  })
  expect(messages[1].content).toEqual([
    { type: 'thinking', thinking: 'signed', signature: 'sig' },
    { type: 'redacted_thinking', data: 'zzz' },
    text('b'),
  ])
})

test('tools and the choice among them are translated', () => {
  expect(translate({ tools: [tool] }).tools).toEqual([
    { name: 'f', description: 'd', input_schema: { type: 'object', properties: { a: {} } } },
  ])
  expect(translate({ tools: [{ type: 'function', function: { name: 'g' } }] }).tools).toEqual([
    { name: 'g', input_schema: { type: 'object', properties: {} } },
  ])
  const choice = (tool_choice: unknown, parallel_tool_calls?: boolean) =>
    translate({ tools: [tool], tool_choice, parallel_tool_calls }).tool_choice
  expect(choice(undefined)).toBeUndefined()
  expect(choice('auto')).toEqual({ type: 'auto' })
  expect(choice('none')).toEqual({ type: 'none' })
  expect(choice('required')).toEqual({ type: 'any' })
  expect(choice({ type: 'function', function: { name: 'f' } })).toEqual({ type: 'tool', name: 'f' })
  expect(choice(undefined, false)).toEqual({ type: 'auto', disable_parallel_tool_use: true })
  expect(choice('required', false)).toEqual({ type: 'any', disable_parallel_tool_use: true })
  expect(refusedField({ tools: [tool], tool_choice: 'maybe' })).toBe('tool_choice')
  expect(refusedField({ tool_choice: 'required' })).toBe('tool_choice')
})

test('sampling is put on the scale of the model', () => {
  expect(translate({ temperature: 1.7, top_p: 0.5, stop: 'END', user: 'u-1', stream: true })).toMatchObject({
    temperature: 1,
    top_p: 0.5,
    stop_sequences: ['END'],
    metadata: { user_id: 'u-1' },
    stream: true,
  })
  expect(translate({ stop: ['a', 'b'] }).stop_sequences).toEqual(['a', 'b'])
  expect(refusedField({ stop: ['\n\n'] })).toBe('stop')
})

test('effort becomes a budget between 1,024 tokens and the bound of the answer', () => {
  const budget = (effort: string, max: number) =>
    translate({ reasoning_effort: effort }, max).thinking?.budget_tokens
  expect(budget('none', 8000)).toBeUndefined()
  expect([
    budget('minimal', 8000),
    budget('low', 8000),
    budget('medium', 8000),
    budget('high', 8000),
  ]).toEqual([1024, 1600, 4000, 6400])
  expect(budget('high', 1100)).toBe(1024)
  expect(budget('high', 1025)).toBe(1024)
  expect(budget('high', 128_000)).toBe(32_000)
  expect(refusedField({ reasoning_effort: 'low' }, 1024)).toBe('reasoning_effort')
  expect(refusedField({ reasoning_effort: 'constructor' })).toBe('reasoning_effort')
  expect(refusedField({ reasoning_effort: 'low', temperature: 0.2 })).toBe('temperature')
  expect(refusedField({ reasoning_effort: 'low', tools: [tool], tool_choice: 'required' })).toBe(
    'tool_choice',
  )
})

test('a strict schema is kept by the API, a loose one by a tool that carries the answer', () => {
  const schema = {
    type: 'object',
    properties: { a: { type: 'string' } },
    required: ['a'],
    additionalProperties: false,
  }
  const format = (strict?: boolean) => ({
    response_format: { type: 'json_schema', json_schema: { name: 'n', schema, strict } },
  })
  expect(translate(format(true))).toMatchObject({
    output_config: { format: { type: 'json_schema', schema } },
  })
  const loose = translate(format())
  expect(loose).not.toHaveProperty('output_config')
  expect(loose.tools).toEqual([
    { name: JSON_ANSWER_TOOL, description: expect.any(String), input_schema: schema },
  ])
  expect(loose.tool_choice).toEqual({ type: 'any' })
  expect(translate({ ...format(), reasoning_effort: 'low' })).toMatchObject({
    output_config: { format: { schema } },
  })
  expect(translate({ response_format: { type: 'text' } })).not.toHaveProperty('tools')
})

test('JSON without a schema is an answer through a tool, beside the tools of the caller', () => {
  const json = { response_format: { type: 'json_object' } }
  expect(translate({ ...json, tools: [tool] })).toMatchObject({
    tool_choice: { type: 'any' },
    tools: [{ name: 'f' }, { name: JSON_ANSWER_TOOL }],
  })
  expect(translate({ ...json, tools: [tool], tool_choice: 'none' }).tool_choice).toEqual({
    type: 'tool',
    name: JSON_ANSWER_TOOL,
  })
  expect(refusedField({ ...json, reasoning_effort: 'low' })).toBe('response_format')
  expect(refusedField({ ...json, tools: [{ type: 'function', function: { name: JSON_ANSWER_TOOL } }] })).toBe(
    'tools',
  )
  expect(refusedField({ response_format: { type: 'grammar' } })).toBe('response_format')
})

test('what the model cannot do is refused by name, never dropped', () => {
  expect(refusedField({ n: 2 })).toBe('n')
  expect(refusedField({ logprobs: true })).toBe('logprobs')
  expect(refusedField({ modalities: ['text', 'audio'] })).toBe('modalities')
  expect(refusedField({ presence_penalty: 0.5 })).toBe('presence_penalty')
  expect(refusedField({ logit_bias: { 1: 5 } })).toBe('logit_bias')
  expect(refusedField({ functions: [{ name: 'f' }] })).toBe('functions')
  expect(refusedField({ tools: [{ type: 'custom', custom: { name: 'x' } }] })).toBe('tools[0].type')
  const content = (...parts: Json[]) => ({ messages: [{ role: 'user', content: parts }] })
  expect(refusedField(content(text('a'), { type: 'input_audio', input_audio: {} }))).toBe(
    'messages[0].content[1].type',
  )
  expect(
    refusedField(content({ type: 'image_url', image_url: { url: 'data:image/svg+xml;base64,QQ==' } })),
  ).toBe('messages[0].content[0].image_url.url')
  expect(refusedField(content({ type: 'image_url', image_url: { url: 'ftp://x' } }))).toBe(
    'messages[0].content[0].image_url.url',
  )
  expect(refusedField(content({ type: 'file', file: { file_id: 'file-1' } }))).toBe(
    'messages[0].content[0].file',
  )
  expect(refusedField({ messages: [{ role: 'system', content: 'only' }] })).toBe('messages')
  expect(refusedField({ messages: [{ role: 'tool', content: 'r' }] })).toBe('messages[0].tool_call_id')
  expect(refusedField({ messages: [{ role: 'function', name: 'f', content: 'r' }] })).toBe('messages[0].role')
  const bad = { id: 'c', type: 'function', function: { name: 'f', arguments: '[1' } }
  expect(
    refusedField({
      messages: [
        { role: 'user', content: 'a' },
        { role: 'assistant', tool_calls: [bad] },
      ],
    }),
  ).toBe('messages[1].tool_calls[0].function.arguments')
})

test('values that ask for nothing are no reason to refuse', () => {
  expect(
    translate({
      n: 1,
      logprobs: false,
      top_logprobs: 0,
      presence_penalty: 0,
      frequency_penalty: 0,
      logit_bias: {},
      seed: 4,
      audio: null,
    }),
  ).toEqual(translate({}))
})

test('a beginning of the answer loses the white space at its end, which the API refuses', () => {
  const { messages } = translate({
    messages: [
      { role: 'user', content: 'a' },
      { role: 'assistant', content: 'Once \n' },
    ],
  })
  expect(messages[1].content).toEqual([text('Once')])
  expect(
    translate({
      messages: [
        { role: 'user', content: 'a' },
        { role: 'assistant', content: ' ' },
      ],
    }).messages,
  ).toHaveLength(1)
})

test('the call goes to the path of the vendor, as what the caller wants back', () => {
  const build = (stream: boolean) =>
    anthropicFormat.buildCall({
      provider: {
        chatPath: '/messages',
        headers: { 'anthropic-version': '2023-06-01' },
      } as unknown as ProviderConfig,
      request: chatRequest.parse({ model: 'm', messages: [{ role: 'user', content: 'é' }], stream }),
      body: { bytes: Buffer.alloc(0), members: { spans: new Map(), open: 0, duplicate: undefined } },
      upstreamModel: 'claude-x',
      maxOutputTokens: 9,
    })
  expect(build(true)).toMatchObject({
    method: 'POST',
    path: '/messages',
    headers: {
      accept: 'text/event-stream',
      'anthropic-version': '2023-06-01',
      'content-type': 'application/json',
    },
  })
  expect(build(false).headers.accept).toBe('application/json')
  expect(JSON.parse(build(false).body.toString())).toEqual({
    model: 'claude-x',
    max_tokens: 9,
    messages: [{ role: 'user', content: [text('é')] }],
  })
})
