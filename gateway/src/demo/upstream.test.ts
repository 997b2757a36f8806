import OpenAI, { APIError } from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { countPrompt, countText } from '../metering/count-tokens.ts'
import { chatRequest } from '../providers/chat.ts'
import { type DemoUpstream, startDemoUpstream } from './upstream.ts'

let upstream: DemoUpstream
beforeAll(async () => {
  upstream = await startDemoUpstream()
})
afterAll(() => upstream.close())

const clientFor = (apiKey = 'demo') => new OpenAI({ apiKey, baseURL: `${upstream.origin}/v1`, maxRetries: 0 })
const ask = {
  model: 'demo-gpt-4o-mini',
  messages: [{ role: 'user' as const, content: 'What is the capital of France?' }],
}
const weather = {
  type: 'function' as const,
  function: {
    name: 'get_weather',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string' }, days: { type: 'integer', minimum: 3 } },
      required: ['city', 'days'],
    },
  },
}

async function lines(key: string, body: object): Promise<string[]> {
  const reply = await fetch(`${upstream.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return (await reply.text()).split('\n\n').filter((event) => event !== '')
}

async function failure(action: Promise<unknown>): Promise<APIError> {
  const error = await action.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (error instanceof APIError) return error
  throw new Error(`no API error but ${String(error)}`)
}

/** The log entry of the last request, once its connection is closed. */
async function lastServed() {
  const served = upstream.log().at(-1)
  await expect.poll(() => served?.finished || served?.aborted).toBe(true)
  return served
}

test('the answer says that it is a demo, repeats the question, and is the same every time', async () => {
  const first = await clientFor().chat.completions.create(ask)
  const again = await clientFor().chat.completions.create(ask)
  const text = first.choices[0]?.message.content ?? ''
  expect(text).toMatch(
    /^This is Bourse's built-in demo upstream\. You asked: What is the capital of France\?/,
  )
  expect(first).toMatchObject({ object: 'chat.completion', model: 'demo-gpt-4o-mini' })
  expect(first.choices[0]).toMatchObject({ index: 0, finish_reason: 'stop', logprobs: null })
  expect(again.choices).toEqual(first.choices)
  expect(again.id).not.toBe(first.id)
  const other = await clientFor('demo:seed=9').chat.completions.create(ask)
  expect(other.choices[0]?.message.content).not.toBe(text)
})

test('usage is true to the text by the o200k tokenizer, in the answer and in the log', async () => {
  const reply = await clientFor().chat.completions.create(ask)
  const promptTokens = countPrompt(chatRequest.parse(ask), 'o200k')
  const completionTokens = countText(reply.choices[0]?.message.content ?? '', 'o200k')
  expect(reply.usage).toMatchObject({
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  })
  expect(await lastServed()).toMatchObject({
    id: reply.id,
    model: ask.model,
    status: 200,
    promptTokens,
    completionTokens,
    finished: true,
    aborted: false,
  })
})

test('a stream adds up to the JSON answer', async () => {
  const whole = await clientFor().chat.completions.create(ask)
  const stream = await clientFor().chat.completions.create({ ...ask, stream: true })
  let text = ''
  let pieces = 0
  const finishes: (string | null)[] = []
  for await (const chunk of stream) {
    expect('usage' in chunk).toBe(false)
    expect(chunk.choices).toHaveLength(1)
    text += chunk.choices[0]?.delta.content ?? ''
    pieces += 1
    finishes.push(chunk.choices[0]?.finish_reason ?? null)
  }
  expect(text).toBe(whole.choices[0]?.message.content)
  expect(pieces).toBeGreaterThan(10)
  expect(finishes.filter((reason) => reason !== null)).toEqual(['stop'])
  expect(await lastServed()).toMatchObject({
    stream: true,
    completionTokens: whole.usage?.completion_tokens,
    finished: true,
  })
})

test('include_usage is OpenAI`s: null on every chunk, then one chunk without a choice, then [DONE]', async () => {
  const events = await lines('demo', { ...ask, stream: true, stream_options: { include_usage: true } })
  expect(events.at(-1)).toBe('data: [DONE]')
  const chunks = events.slice(0, -1).map((event) => JSON.parse(event.slice('data: '.length)))
  const last = chunks.pop()
  expect(chunks.every((chunk) => chunk.usage === null && chunk.choices.length === 1)).toBe(true)
  expect(last.choices).toEqual([])
  expect(last.usage.total_tokens).toBe(last.usage.prompt_tokens + last.usage.completion_tokens)
  expect(chunks[0].choices[0].delta).toEqual({ role: 'assistant', content: '', refusal: null })
  expect(
    new Set(chunks.map((chunk) => `${chunk.id} ${chunk.created} ${chunk.model} ${chunk.object}`)).size,
  ).toBe(1)
})

test('a maximum cuts the answer and says length', async () => {
  for (const most of [1, 2, 7, 20]) {
    const reply = await clientFor().chat.completions.create({ ...ask, max_completion_tokens: most })
    expect(reply.choices[0]?.finish_reason).toBe('length')
    expect(reply.usage?.completion_tokens).toBeLessThanOrEqual(most)
    expect(reply.usage?.completion_tokens).toBe(countText(reply.choices[0]?.message.content ?? '', 'o200k'))
  }
})

test('stop sequences and several choices work', async () => {
  const stopped = await clientFor().chat.completions.create({ ...ask, stop: ['never said', ' You asked'] })
  expect(stopped.choices[0]).toMatchObject({
    finish_reason: 'stop',
    message: { content: "This is Bourse's built-in demo upstream." },
  })
  const three = await clientFor().chat.completions.create({ ...ask, n: 3 })
  expect(three.choices.map(({ index }) => index)).toEqual([0, 1, 2])
  const texts = three.choices.map(({ message }) => message.content ?? '')
  expect(three.usage?.completion_tokens).toBe(texts.reduce((sum, text) => sum + countText(text, 'o200k'), 0))
  const joined = ['', '', '']
  for await (const chunk of await clientFor().chat.completions.create({ ...ask, n: 3, stream: true })) {
    for (const { index, delta } of chunk.choices) joined[index] += delta.content ?? ''
  }
  expect(joined).toEqual(texts)
})

test('a tool is called when it is required, named, or spoken of, with arguments that fit its schema', async () => {
  const required = await clientFor().chat.completions.create({
    ...ask,
    tools: [weather],
    tool_choice: 'required',
  })
  const [choice] = required.choices
  expect(choice).toMatchObject({ finish_reason: 'tool_calls', message: { content: null } })
  const [call] = choice?.message.tool_calls ?? []
  if (call?.type !== 'function') throw new Error('no function call')
  expect(call.function.name).toBe('get_weather')
  expect(JSON.parse(call.function.arguments)).toEqual({ city: 'France', days: 3 })

  const named = await clientFor().chat.completions.create({
    ...ask,
    tools: [{ type: 'function', function: { name: 'other' } }, weather],
    tool_choice: { type: 'function', function: { name: 'get_weather' } },
  })
  expect(named.choices[0]?.message.tool_calls?.[0]).toMatchObject({ function: { name: 'get_weather' } })

  const question = [{ role: 'user' as const, content: 'How is the weather in Paris?' }]
  const spoken = await clientFor().chat.completions.create({ ...ask, messages: question, tools: [weather] })
  expect(spoken.choices[0]?.finish_reason).toBe('tool_calls')
  const unspoken = await clientFor().chat.completions.create({ ...ask, tools: [weather] })
  expect(unspoken.choices[0]?.finish_reason).toBe('stop')
  const refused = await clientFor().chat.completions.create({
    ...ask,
    messages: question,
    tools: [weather],
    tool_choice: 'none',
  })
  expect(refused.choices[0]?.finish_reason).toBe('stop')
})

test('a streamed tool call is put together by the SDK, and its result is answered in words', async () => {
  const messages = [{ role: 'user' as const, content: 'How is the weather in Paris?' }]
  const streamed = await clientFor()
    .chat.completions.stream({ ...ask, messages, tools: [weather] })
    .finalChatCompletion()
  const message = streamed.choices[0]?.message
  const call = message?.tool_calls?.[0]
  if (!message || call?.type !== 'function') throw new Error('no function call')
  expect(JSON.parse(call.function.arguments)).toEqual({ city: 'Paris', days: 3 })
  const answered = await clientFor().chat.completions.create({
    ...ask,
    messages: [...messages, message, { role: 'tool', tool_call_id: call.id, content: '21 degrees' }],
    tools: [weather],
  })
  expect(answered.choices[0]?.message.content).toContain('The tool answered: 21 degrees')
})

test('JSON modes answer with JSON', async () => {
  const object = await clientFor().chat.completions.create({
    ...ask,
    response_format: { type: 'json_object' },
  })
  expect(JSON.parse(object.choices[0]?.message.content ?? '')).toMatchObject({ demo: true })
  const schema = {
    type: 'object',
    properties: { ok: { type: 'boolean' }, tags: { type: 'array', items: { type: 'string' } } },
    required: ['ok', 'tags'],
  }
  const structured = await clientFor().chat.completions.create({
    ...ask,
    response_format: { type: 'json_schema', json_schema: { name: 'x', schema } },
  })
  expect(JSON.parse(structured.choices[0]?.message.content ?? '')).toEqual({ ok: true, tags: ['France'] })
})

test('a share of requests fails with the status asked for, the same ones in every run', async () => {
  const outcomes = async (key: string) => {
    const statuses: number[] = []
    for (let request = 0; request < 40; request += 1) {
      const reply = await fetch(`${upstream.origin}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}` },
        body: JSON.stringify(ask),
      })
      await reply.arrayBuffer()
      statuses.push(reply.status)
    }
    return statuses
  }
  const statuses = await outcomes('demo:fail=0.5,status=503,seed=3')
  expect(new Set(statuses)).toEqual(new Set([200, 503]))
  const fresh = await startDemoUpstream()
  const first = upstream
  upstream = fresh
  try {
    expect(await outcomes('demo:fail=0.5,status=503,seed=3')).toEqual(statuses)
  } finally {
    upstream = first
    await fresh.close()
  }
})

test('failures look like a vendor`s', async () => {
  const limited = await failure(clientFor('demo:fail=1,status=429,retryAfter=7').chat.completions.create(ask))
  expect([limited.status, limited.code, limited.headers?.get('retry-after')]).toEqual([
    429,
    'rate_limit_exceeded',
    '7',
  ])
  const rejected = await failure(clientFor('demo:fail=1,status=401').chat.completions.create(ask))
  expect(rejected.message).toContain('demo:fail=1,status=401')
  expect((await failure(clientFor('sk-wrong').chat.completions.create(ask))).status).toBe(401)
  expect((await failure(clientFor('demo:lattency=3').chat.completions.create(ask))).status).toBe(401)
  expect((await failure(clientFor().chat.completions.create({ ...ask, messages: [] }))).status).toBe(400)
  expect((await failure(clientFor().embeddings.create({ model: 'x', input: 'y' }))).status).toBe(404)
})

test('garbage, silence about usage, lies about it, and an empty answer', async () => {
  const page = await lines('demo:garbage=1', ask)
  expect(page.join()).toContain('<!doctype html>')
  expect((await clientFor('demo:silent=1').chat.completions.create(ask)).usage).toBeUndefined()
  const silent = await lines('demo:silent=1', {
    ...ask,
    stream: true,
    stream_options: { include_usage: true },
  })
  expect(silent.filter((event) => event.includes('"choices":[]'))).toEqual([])
  const honest = await clientFor().chat.completions.create(ask)
  const lie = await clientFor('demo:inflate=10').chat.completions.create(ask)
  expect(lie.usage?.completion_tokens).toBe((honest.usage?.completion_tokens ?? 0) * 10)
  expect((await lastServed())?.completionTokens).toBe(honest.usage?.completion_tokens)
  const empty = await clientFor('demo:empty=1').chat.completions.create(ask)
  expect([empty.choices[0]?.message.content, empty.usage?.completion_tokens]).toEqual(['', 0])
})

test('a stream that is cut ends without [DONE], and the log knows what was written', async () => {
  let text = ''
  const reading = (async () => {
    for await (const chunk of await clientFor('demo:cut=5').chat.completions.create({ ...ask, stream: true }))
      text += chunk.choices[0]?.delta.content ?? ''
  })()
  await expect(reading).rejects.toThrow()
  const served = await lastServed()
  expect(served).toMatchObject({ aborted: true, finished: false })
  expect(served?.completionTokens).toBe(countText(text, 'o200k'))
  expect(served?.completionTokens).toBeGreaterThan(0)
  await expect(clientFor('demo:cut=0').chat.completions.create(ask)).rejects.toThrow()
})

test('an error inside the stream reaches the SDK as one', async () => {
  const reading = (async () => {
    for await (const _ of await clientFor('demo:error=3').chat.completions.create({ ...ask, stream: true }));
  })()
  await expect(reading).rejects.toThrow('told to fail in the stream')
})

test('a client that leaves is noticed: while waiting, in a stalled stream and in a slow one', async () => {
  for (const key of ['demo:hang=1', 'demo:latency=60000', 'demo:ttft=60000', 'demo:stall=2', 'demo:rate=1']) {
    const leave = new AbortController()
    const before = upstream.log().length
    const leaving = clientFor(key).chat.completions.create({ ...ask, stream: true }, { signal: leave.signal })
    const reading = leaving.then(async (stream) => {
      for await (const chunk of stream) if (chunk.choices[0]?.delta.content) leave.abort()
    })
    reading.catch(() => undefined)
    await expect.poll(() => upstream.log().length).toBe(before + 1)
    leave.abort()
    await reading.catch(() => undefined)
    const served = await lastServed()
    expect(served).toMatchObject({ aborted: true, finished: false })
    expect(served?.abortedAtMs).toBeGreaterThan(0)
  }
})

test('a slow reader is waited for, and a long answer arrives whole', async () => {
  const reply = await clientFor('demo:words=3000').chat.completions.create({ ...ask, stream: true })
  let text = ''
  for await (const chunk of reply) text += chunk.choices[0]?.delta.content ?? ''
  expect(text.split(' ').length).toBeGreaterThanOrEqual(3_000)
})

test('the models it offers are listed', async () => {
  const ids: string[] = []
  for await (const model of clientFor().models.list()) ids.push(model.id)
  expect(ids).toContain('demo-gpt-4o-mini')
})
