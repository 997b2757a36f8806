/** Sellers that speak Anthropic's messages API, behind OpenAI's SDK: tools, thoughts, cache classes, images, refusals. */
import type OpenAI from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Buyer, startTestGateway, type TestGateway } from './support/gateway.ts'
import { type ScriptedUpstream, startScriptedUpstream, type Wire } from './support/scripted-upstream.ts'
import { costIn, functionCalls, question, toolResult, weather } from './support/weather.ts'

let gateway: TestGateway
let upstream: ScriptedUpstream
let buyer: Buyer

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  gateway = await startTestGateway({ vendorOrigin: upstream.origin })
  buyer = await gateway.buyer()
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})

type Reasoned = { reasoning_content?: string; reasoning_details?: unknown[] }

/** One event of the messages API. */
const say = (wire: Wire, event: { type: string } & Record<string, unknown>) =>
  wire.body(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)

function message(content: unknown[], stopReason = 'end_turn', usage: Record<string, unknown> = {}) {
  return {
    id: 'msg_upstream',
    type: 'message',
    role: 'assistant',
    model: 'claude-upstream',
    content,
    stop_reason: stopReason,
    stop_sequence: null,
    usage: { input_tokens: 20, output_tokens: 9, ...usage },
  }
}

test('the same tool story runs over the messages API: calls, results and the system text in its own words', async () => {
  const model = 'anthropic/claude-sonnet-4-5'
  await gateway.listing({
    provider: 'anthropic',
    model,
    baseUrl: upstream.serve('claude-tools', (wire) => {
      const asked = wire.visit.json.messages as { content: { type: string }[] }[]
      const answered = asked.at(-1)?.content[0]?.type === 'tool_result'
      return wire.json(
        200,
        answered
          ? message([{ type: 'text', text: 'It is 18 degrees.' }])
          : message(
              [
                { type: 'text', text: 'Let me look.' },
                { type: 'tool_use', id: 'toolu_1', name: 'get_weather', input: { city: 'Paris' } },
                { type: 'tool_use', id: 'toolu_2', name: 'get_weather', input: { city: 'Rome' } },
              ],
              'tool_use',
            ),
      )
    }),
  })
  const ask = { model, tools: [weather], max_completion_tokens: 500, stop: 'END', temperature: 2 }
  const system: OpenAI.ChatCompletionMessageParam = { role: 'developer', content: 'Be brief.' }
  const first = await buyer.openai.chat.completions.create({ ...ask, messages: [system, question] })
  const asked = first.choices[0]?.message as OpenAI.ChatCompletionMessage
  expect(first.choices[0]?.finish_reason).toBe('tool_calls')
  expect(asked.content).toBe('Let me look.')
  const calls = functionCalls(asked)
  expect(calls.map((call) => [call.id, call.function.arguments])).toEqual([
    ['toolu_1', '{"city":"Paris"}'],
    ['toolu_2', '{"city":"Rome"}'],
  ])
  const results = calls.map((call) => toolResult(call, '18 degrees'))
  const second = await buyer.openai.chat.completions.create({
    ...ask,
    messages: [system, question, asked, ...results],
  })
  expect(second.choices[0]?.message.content).toBe('It is 18 degrees.')
  expect(second.choices[0]?.finish_reason).toBe('stop')

  const [, visit] = upstream.visitsOf('claude-tools')
  expect(visit?.path).toBe('/claude-tools/v1/messages')
  expect(visit?.headers).toMatchObject({
    'x-api-key': 'sk-upstream-secret',
    'anthropic-version': '2023-06-01',
  })
  expect(visit?.headers.authorization).toBeUndefined()
  expect(visit?.json).toEqual({
    model: 'claude-sonnet-4-5',
    max_tokens: 500,
    temperature: 1,
    stop_sequences: ['END'],
    system: [{ type: 'text', text: 'Be brief.' }],
    tools: [
      {
        name: 'get_weather',
        description: 'The weather now',
        input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
      },
    ],
    messages: [
      { role: 'user', content: [{ type: 'text', text: question.content }] },
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'Let me look.' },
          { type: 'tool_use', id: 'toolu_1', name: 'get_weather', input: { city: 'Paris' } },
          { type: 'tool_use', id: 'toolu_2', name: 'get_weather', input: { city: 'Rome' } },
        ],
      },
      {
        role: 'user',
        content: ['toolu_1', 'toolu_2'].map((id) => ({
          type: 'tool_result',
          tool_use_id: id,
          content: [{ type: 'text', text: '18 degrees' }],
        })),
      },
    ],
  })
  await gateway.settleAndAudit()
})

test('a stream of the messages API becomes chunks: thoughts, text and call arguments, billed class by class', async () => {
  const model = 'anthropic/claude-opus-4-5'
  await gateway.listing({
    provider: 'anthropic',
    model,
    baseUrl: upstream.serve('claude-stream', async (wire) => {
      const usage = {
        input_tokens: 10,
        cache_read_input_tokens: 1_000,
        cache_creation_input_tokens: 300,
        cache_creation: { ephemeral_5m_input_tokens: 200, ephemeral_1h_input_tokens: 100 },
        output_tokens: 1,
      }
      const block = (index: number, content_block: unknown, ...deltas: unknown[]) => [
        { type: 'content_block_start', index, content_block },
        ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta })),
        { type: 'content_block_stop', index },
      ]
      const input = (partial_json: string) => ({ type: 'input_json_delta', partial_json })
      const call = { type: 'tool_use', id: 'toolu_1', name: 'get_weather', input: {} }
      await wire.stream()
      for (const event of [
        { type: 'message_start', message: { ...message([]), stop_reason: null, usage } },
        { type: 'ping' },
        ...block(
          0,
          { type: 'thinking', thinking: '', signature: '' },
          { type: 'thinking_delta', thinking: 'Paris is ' },
          { type: 'thinking_delta', thinking: 'a city.' },
          { type: 'signature_delta', signature: 'c2lnbmVk' },
        ),
        ...block(1, { type: 'text', text: '' }, { type: 'text_delta', text: 'Let me look.' }),
        ...block(2, call, input(''), input('{"city": "Pa'), input('ris"}')),
        { type: 'message_delta', delta: { stop_reason: 'tool_use' }, usage: { output_tokens: 50 } },
        { type: 'message_stop' },
      ])
        await say(wire, event)
      await wire.endStream()
    }),
  })
  const stream = await buyer.openai.chat.completions.create({
    model,
    messages: [question],
    tools: [weather],
    reasoning_effort: 'low',
    max_completion_tokens: 4_000,
    stream: true,
    stream_options: { include_usage: true },
  })
  let thought = ''
  let text = ''
  let given = ''
  let details: unknown[] = []
  let last: OpenAI.ChatCompletionChunk | undefined
  const finishes: unknown[] = []
  for await (const part of stream) {
    const delta = part.choices[0]?.delta as (OpenAI.ChatCompletionChunk.Choice.Delta & Reasoned) | undefined
    thought += delta?.reasoning_content ?? ''
    text += delta?.content ?? ''
    given += delta?.tool_calls?.[0]?.function?.arguments ?? ''
    details = [...details, ...(delta?.reasoning_details ?? [])]
    if (part.choices[0]?.finish_reason) finishes.push(part.choices[0].finish_reason)
    last = part
  }
  expect([thought, text, JSON.parse(given)]).toEqual(['Paris is a city.', 'Let me look.', { city: 'Paris' }])
  expect(finishes).toEqual(['tool_calls'])
  expect(details).toMatchObject([{ type: 'reasoning.text', text: 'Paris is a city.', signature: 'c2lnbmVk' }])
  expect(last?.usage).toMatchObject({
    prompt_tokens: 1_310,
    completion_tokens: 50,
    total_tokens: 1_360,
    prompt_tokens_details: { cached_tokens: 1_000, cache_write_tokens: 300 },
  })
  // $5 a million tokens in, $0.50 read from the cache, $6.25 and $10 written to it, $25 out.
  const costNanos = 10n * 5_000n + 1_000n * 500n + 200n * 6_250n + 100n * 10_000n + 50n * 25_000n
  expect(await gateway.bookedNanos(last?.id as string)).toBe(costNanos)
  expect(costIn(last?.usage)).toBe(Number(costNanos) / 1e9)
  const [visit] = upstream.visitsOf('claude-stream')
  expect(visit?.json).toMatchObject({ stream: true, thinking: { type: 'enabled', budget_tokens: 1_024 } })

  // The signed thought goes back with the conversation, as the API demands it.
  const asked = {
    role: 'assistant',
    content: text,
    reasoning_content: thought,
    reasoning_details: details,
    tool_calls: [{ id: 'toolu_1', type: 'function', function: { name: 'get_weather', arguments: given } }],
  } as OpenAI.ChatCompletionAssistantMessageParam
  const next = await buyer.openai.chat.completions.create({
    model,
    messages: [question, asked, toolResult({ id: 'toolu_1' }, '18 degrees')],
    tools: [weather],
    stream: true,
  })
  for await (const _ of next);
  expect(upstream.visitsOf('claude-stream')[1]?.json.messages).toMatchObject([
    { role: 'user' },
    {
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'Paris is a city.', signature: 'c2lnbmVk' },
        { type: 'text', text: 'Let me look.' },
        { type: 'tool_use', id: 'toolu_1', input: { city: 'Paris' } },
      ],
    },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1' }] },
  ])
  await gateway.settleAndAudit()
})

test('images reach the messages API as its own blocks, and JSON answers come back as content', async () => {
  const model = 'anthropic/claude-haiku-4-5'
  await gateway.listing({
    provider: 'anthropic',
    model,
    baseUrl: upstream.serve('claude-images', (wire) => {
      const [tool] = (wire.visit.json.tools ?? []) as { name: string }[]
      const answer = { type: 'tool_use', id: 'toolu_1', name: tool?.name, input: { colour: 'red' } }
      return wire.json(
        200,
        tool ? message([answer], 'tool_use') : message([{ type: 'text', text: 'A dot.' }]),
      )
    }),
  })
  const pixel =
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
  const content: OpenAI.ChatCompletionContentPart[] = [
    { type: 'text', text: 'What is this?' },
    { type: 'image_url', image_url: { url: `data:image/png;base64,${pixel}` } },
    { type: 'image_url', image_url: { url: 'https://example.test/cat.jpg', detail: 'low' } },
  ]
  const messages = [{ role: 'user' as const, content }]
  const seen = await buyer.openai.chat.completions.create({ model, messages, max_tokens: 50 })
  expect(seen.choices[0]?.message.content).toBe('A dot.')
  expect(upstream.visitsOf('claude-images')[0]?.json.messages).toEqual([
    {
      role: 'user',
      content: [
        { type: 'text', text: 'What is this?' },
        { type: 'image', source: { type: 'base64', media_type: 'image/png', data: pixel } },
        { type: 'image', source: { type: 'url', url: 'https://example.test/cat.jpg' } },
      ],
    },
  ])
  const json = await buyer.openai.chat.completions.create({
    model,
    messages,
    response_format: { type: 'json_object' },
  })
  expect(json.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: '{"colour":"red"}' } })
  expect(json.choices[0]?.message.tool_calls).toBeUndefined()
  await gateway.settleAndAudit()
})

test.each<[string, Record<string, unknown>, string]>([
  ['two choices', { n: 2 }, 'n'],
  ['log probabilities', { logprobs: true }, 'logprobs'],
  ['a spoken answer', { modalities: ['text', 'audio'] }, 'modalities'],
  ['a prediction', { prediction: { type: 'content', content: 'x' } }, 'prediction'],
  ['the old functions', { functions: [{ name: 'f', parameters: {} }] }, 'functions'],
  ['a tool of another kind', { tools: [{ type: 'custom', custom: { name: 'f' } }] }, 'tools[0].type'],
  [
    'sound in the prompt',
    {
      messages: [
        { role: 'user', content: [{ type: 'input_audio', input_audio: { data: '', format: 'wav' } }] },
      ],
    },
    'messages[0].content[0].type',
  ],
])(
  '%s, which the messages API has no words for, is refused with the field and costs nothing',
  async (_name, more, param) => {
    const model = 'anthropic/claude-opus-4-1'
    if (upstream.visitsOf('claude-strict').length === 0 && param === 'n') {
      const baseUrl = upstream.serve('claude-strict', (wire) => wire.json(200, message([])))
      await gateway.listing({ provider: 'anthropic', model, baseUrl })
    }
    for (const stream of [false, true]) {
      const error = await buyer.openai.chat.completions
        .create({
          model,
          messages: [question],
          max_tokens: 10,
          stream,
          ...more,
        } as OpenAI.ChatCompletionCreateParams)
        .catch((thrown) => thrown)
      expect(error).toMatchObject({
        status: 400,
        code: 'invalid_value',
        param,
        type: 'invalid_request_error',
      })
    }
    expect(upstream.visitsOf('claude-strict')).toEqual([])
    await gateway.settleAndAudit()
  },
)
