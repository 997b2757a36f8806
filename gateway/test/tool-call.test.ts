/** Tools and JSON modes, as agents use them with the real SDK. */
import type OpenAI from 'openai'
import { zodResponseFormat } from 'openai/helpers/zod'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { type Buyer, startTestGateway, type TestGateway } from './support/gateway.ts'
import {
  chunk,
  completion,
  type ScriptedUpstream,
  startScriptedUpstream,
} from './support/scripted-upstream.ts'
import { costIn, functionCalls, question, toolResult, weather } from './support/weather.ts'

const clock = { type: 'function' as const, function: { name: 'get_time', parameters: { type: 'object' } } }

let gateway: TestGateway
let upstream: ScriptedUpstream
let demo: Buyer
let buyer: Buyer

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  gateway = await startTestGateway()
  demo = await gateway.buyer({ demo: true })
  buyer = await gateway.buyer()
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})

test('a model calls a tool, is told the result, and answers with it', async () => {
  const ask = { model: 'gpt-4o-mini', tools: [weather] }
  const first = await demo.openai.chat.completions.create({ ...ask, messages: [question] })
  expect(first.choices[0]).toMatchObject({ index: 0, finish_reason: 'tool_calls', logprobs: null })
  const asked = first.choices[0]?.message as OpenAI.ChatCompletionMessage
  expect(asked).toMatchObject({ role: 'assistant', content: null, refusal: null })
  const [call] = functionCalls(asked)
  expect(call).toMatchObject({ id: expect.stringMatching(/^call_/), type: 'function' })
  expect(call?.function.name).toBe('get_weather')
  expect(JSON.parse(call?.function.arguments as string)).toEqual({ city: 'Paris' })

  const messages = [question, asked, toolResult(call as { id: string }, '18 degrees')]
  const second = await demo.openai.chat.completions.create({ ...ask, messages })
  expect(second.choices[0]?.finish_reason).toBe('stop')
  expect(second.choices[0]?.message.content).toContain('18 degrees')
  for (const { id, usage } of [first, second]) {
    expect(Number(await gateway.bookedNanos(id)) / 1e9).toBeCloseTo(costIn(usage), 12)
  }
  await gateway.settleAndAudit()
})

test("the SDK's own tool loop and its streaming helper run over the gateway", async () => {
  const asked: unknown[] = []
  const runner = demo.openai.chat.completions.runTools({
    model: 'gpt-4o-mini',
    stream: true,
    messages: [question],
    tools: [
      {
        type: 'function',
        function: {
          name: 'get_weather',
          description: 'The weather now',
          parameters: { type: 'object', properties: { city: { type: 'string' } } },
          parse: JSON.parse,
          function: (given: unknown) => {
            asked.push(given)
            return '21 degrees'
          },
        },
      },
    ],
  })
  expect(await runner.finalContent()).toContain('21 degrees')
  expect(asked).toEqual([{ city: 'Paris' }])

  const stream = demo.openai.chat.completions.stream({
    model: 'gpt-4o-mini',
    messages: [question],
    tools: [weather],
  })
  let deltas = ''
  const done: string[] = []
  stream.on('tool_calls.function.arguments.delta', ({ arguments_delta }) => {
    deltas += arguments_delta
  })
  stream.on('tool_calls.function.arguments.done', ({ name, arguments: given }) =>
    done.push(`${name} ${given}`),
  )
  const final = await stream.finalChatCompletion()
  expect(final.choices[0]?.finish_reason).toBe('tool_calls')
  expect(done).toEqual([`get_weather ${deltas}`])
  expect(JSON.parse(deltas)).toEqual({ city: 'Paris' })
  await gateway.settleAndAudit()
})

test('JSON mode and structured output answer JSON, and the SDK parses it by its schema', async () => {
  const messages = [{ role: 'user' as const, content: 'Say it as JSON' }]
  const plain = await demo.openai.chat.completions.create({
    model: 'gpt-4o-mini',
    messages,
    response_format: { type: 'json_object' },
  })
  expect(JSON.parse(plain.choices[0]?.message.content as string)).toBeTypeOf('object')
  const person = z.object({ name: z.string(), age: z.int(), tags: z.array(z.string()) })
  const parsed = await demo.openai.chat.completions.parse({
    model: 'gpt-4o-mini',
    messages,
    response_format: zodResponseFormat(person, 'person'),
  })
  expect(person.parse(parsed.choices[0]?.message.parsed)).toEqual(parsed.choices[0]?.message.parsed)
  await gateway.settleAndAudit()
})

test('parallel calls that a vendor mixes up reach the client under stable indices, each begun once', async () => {
  const piece = (call: Record<string, unknown>) => chunk({ tool_calls: [call] })
  await gateway.listing({
    model: 'openai/gpt-4.1',
    baseUrl: upstream.serve('parallel', async (wire) => {
      await wire.stream()
      await wire.event(chunk({ role: 'assistant', content: null }))
      // Every call has index 0, and every piece repeats id, type and name.
      for (const [id, name, ...pieces] of [
        ['call_a', 'get_weather', '{"city"', ':"Paris"}'],
        ['call_b', 'get_time', '{"zone":', '"CET"}'],
      ]) {
        for (const given of pieces)
          await wire.event(piece({ index: 0, id, type: 'function', function: { name, arguments: given } }))
      }
      await wire.event(chunk({}, 'tool_calls'))
      await wire.event('[DONE]')
      await wire.endStream()
    }),
  })
  const stream = await buyer.openai.chat.completions.create({
    model: 'gpt-4.1',
    messages: [question],
    tools: [weather, clock],
    stream: true,
  })
  const seen: OpenAI.ChatCompletionChunk.Choice.Delta.ToolCall[] = []
  for await (const { choices } of stream) seen.push(...(choices[0]?.delta.tool_calls ?? []))
  expect(seen.map(({ index, id, type, function: called }) => [index, id, type, called?.name])).toEqual([
    [0, 'call_a', 'function', 'get_weather'],
    [0, undefined, undefined, undefined],
    [1, 'call_b', 'function', 'get_time'],
    [1, undefined, undefined, undefined],
  ])
  const final = await buyer.openai.chat.completions
    .stream({ model: 'gpt-4.1', messages: [question], tools: [weather, clock] })
    .finalChatCompletion()
  expect(functionCalls(final.choices[0]?.message).map((call) => call.function)).toMatchObject([
    { name: 'get_weather', arguments: '{"city":"Paris"}' },
    { name: 'get_time', arguments: '{"zone":"CET"}' },
  ])
  await gateway.settleAndAudit()
})

test('a call without an id gets one, the same in a stream as the client needs to answer it', async () => {
  const call = { function: { name: 'get_weather', arguments: { city: 'Paris' } } }
  await gateway.listing({
    model: 'openai/gpt-4.1-mini',
    baseUrl: upstream.serve('nameless', async (wire) => {
      if (wire.visit.json.stream === true) {
        await wire.stream()
        await wire.event(chunk({ role: 'assistant', tool_calls: [call] }))
        await wire.event(chunk({}, 'tool_calls'))
        await wire.event('[DONE]')
        return wire.endStream()
      }
      const answer = completion(null)
      Object.assign(answer.choices[0]?.message as object, { tool_calls: [call] })
      return wire.json(200, answer)
    }),
  })
  const ask = { model: 'gpt-4.1-mini', messages: [question], tools: [weather] }
  const whole = await buyer.openai.chat.completions.create(ask)
  const streamed = await buyer.openai.chat.completions.stream(ask).finalChatCompletion()
  for (const { choices } of [whole, streamed]) {
    expect(choices[0]?.message.tool_calls).toMatchObject([
      {
        id: expect.stringMatching(/^call_\w+/),
        type: 'function',
        function: { name: 'get_weather', arguments: '{"city":"Paris"}' },
      },
    ])
  }
  await gateway.settleAndAudit()
})
