/** The wire, box by box: what goes to the upstream, what comes back, and what every answer has. */
import { request } from 'node:http'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { faultsOf, hasDocument, schemaOf } from './providers/openai-document.ts'
import type { Json } from './providers/read-recording.ts'
import { type Buyer, startTestGateway, type TestGateway } from './support/gateway.ts'
import {
  chunk,
  completion,
  type Script,
  type ScriptedUpstream,
  startScriptedUpstream,
  streaming,
  type UpstreamVisit,
} from './support/scripted-upstream.ts'

const MODEL = 'openai/gpt-4.1'

let gateway: TestGateway
let upstream: ScriptedUpstream
let buyer: Buyer
/** What the upstream behind `MODEL` does next. */
let script: Script
let visit: UpstreamVisit

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  gateway = await startTestGateway()
  buyer = await gateway.buyer({ usd: '1000' })
  const baseUrl = upstream.serve('wire', (wire) => {
    visit = wire.visit
    return script(wire)
  })
  await gateway.listing({ model: MODEL, baseUrl })
})
afterAll(async () => {
  await gateway.settleAndAudit()
  await gateway.close()
  await upstream.close()
})

const answer: Script = (wire) => wire.json(200, completion('Hello'))
const either: Script = (wire) => (wire.visit.json.stream ? streaming(['Hel', 'lo'])(wire) : answer(wire))

/** Posts the very text; `answered` tells the upstream what to say to it. */
async function post(answered: Script, body: string | object, headers: Record<string, string> = {}) {
  script = answered
  const response = await fetch(`${gateway.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${buyer.key}`, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, text }
}

const hi = { role: 'user', content: 'hi' }
const ask = (more: object = {}) => ({ model: MODEL, messages: [hi], ...more })
const eventsIn = (text: string): Json[] =>
  [...text.matchAll(/^data: (\{.*\})$/gm)].map(([, json]) => JSON.parse(json as string))

describe('the request', () => {
  test('goes on byte for byte but for the model and the cap: big numbers, unknown keys, escapes, order', async () => {
    const kept = [
      '"messages":[ {"role":"user","content":"h\\u00e9llo \\ud83d\\ude00 \\/ é😀","x_cache" : {"ttl":1.0} } ]',
      '"seed":9223372036854775807',
      '"temperature":0.10000000000000000555111512312578270211815834045410156250',
      '"x_big":[123456789012345678901234567890,1e400,-0,1.50]',
      '"tools":[{"type":"function","function":{"name":"f","parameters":{"b":1,"a":2},"strict":false}}]',
      '"__proto__":{"x":1},"constructor":null',
    ]
    const body = (model: string, cap: string) =>
      `{${[...kept.slice(0, 2), model, ...kept.slice(2), cap].join(',')}}`
    const sent = body(`"model":"${MODEL}"`, '"max_completion_tokens":77')
    expect((await post(answer, sent)).status).toBe(200)
    expect(visit.body).toBe(body('"model":"gpt-4.1"', '"max_completion_tokens":77'))
  })

  test('carries no header of the caller but what the upstream needs', async () => {
    await post(answer, ask(), {
      'openai-organization': 'org-buyer',
      'openai-project': 'proj-buyer',
      'openai-beta': 'assistants=v2',
      'x-stainless-lang': 'js',
      'idempotency-key': 'once',
      'x-request-id': 'mine',
      cookie: 'session=1',
      'user-agent': 'buyer/1.0',
      'x-forwarded-for': '10.1.2.3',
      'accept-encoding': 'gzip, br',
    })
    expect(Object.keys(visit.headers).sort()).toEqual([
      'accept',
      'authorization',
      'connection',
      'content-length',
      'content-type',
      'host',
    ])
    expect(visit.headers).toMatchObject({
      accept: 'application/json',
      authorization: 'Bearer sk-upstream-secret',
      'content-type': 'application/json',
    })
  })

  test.each<[string, object, number, string]>([
    ['max_completion_tokens', { max_completion_tokens: 40 }, 40, 'requested'],
    ['the legacy max_tokens', { max_tokens: 41 }, 41, 'requested'],
    ['both, of which the new one counts', { max_tokens: 9, max_completion_tokens: 42 }, 42, 'requested'],
    ['null, which is none', { max_tokens: null, max_completion_tokens: null }, 16_384, 'key_default'],
    ['more than the model writes', { max_tokens: 1_000_000 }, 32_768, 'model'],
  ])(
    'bounds the answer by %s, in the one field that the provider knows',
    async (_name, caps, expected, reason) => {
      const { headers } = await post(answer, ask(caps))
      expect(visit.json.max_completion_tokens).toBe(expected)
      expect(visit.json).not.toHaveProperty('max_tokens')
      expect(headers.get('x-gateway-max-output-tokens')).toBe(`${expected}; reason=${reason}`)
    },
  )

  test('tells a vendor that knows only max_tokens in his word', async () => {
    const model = 'deepseek/deepseek-chat'
    await gateway.listing({ provider: 'deepseek', model, baseUrl: upstream.serve('other', either) })
    const { status } = await post(answer, { ...ask({ max_completion_tokens: 30 }), model })
    expect(status).toBe(200)
    const [other] = upstream.visitsOf('other')
    expect(other?.json).toMatchObject({ model: 'deepseek-chat', max_tokens: 30 })
    expect(other?.json).not.toHaveProperty('max_completion_tokens')
  })

  test('may speak in every role, with content as text, as parts, or null beside tool calls', async () => {
    const call = { id: 'call_1', type: 'function', function: { name: 'f', arguments: '{}' } }
    const messages = [
      { role: 'system', content: 'a' },
      { role: 'developer', content: [{ type: 'text', text: 'b' }] },
      {
        role: 'user',
        name: 'ann',
        content: [
          { type: 'text', text: 'c' },
          { type: 'image_url', image_url: { url: 'https://x.test/y.png' } },
        ],
      },
      { role: 'assistant', content: null, tool_calls: [call] },
      { role: 'tool', tool_call_id: 'call_1', content: 'd' },
      { role: 'assistant', content: null, function_call: { name: 'f', arguments: '{}' } },
      { role: 'function', name: 'f', content: 'e' },
      { role: 'assistant', content: [{ type: 'refusal', refusal: 'no' }], reasoning_content: 'hm' },
      { role: 'user', content: '' },
    ]
    expect((await post(answer, ask({ messages }))).status).toBe(200)
    expect(visit.json.messages).toEqual(messages)
  })

  test('keeps every option as it was given, and gains none that was not', async () => {
    const options = {
      stop: ['END', '\n'],
      n: 2,
      logprobs: true,
      top_logprobs: 20,
      logit_bias: { 50256: -100 },
      response_format: {
        type: 'json_schema',
        json_schema: { name: 's', strict: false, schema: { type: 'object' } },
      },
      tools: [{ type: 'function', function: { name: 'f' } }],
      tool_choice: { type: 'function', function: { name: 'f' } },
      parallel_tool_calls: false,
      reasoning_effort: 'low',
      verbosity: 'high',
      prediction: { type: 'content', content: 'x' },
      modalities: ['text', 'audio'],
      audio: { voice: 'alloy', format: 'wav' },
      web_search_options: {},
      store: false,
      metadata: { a: 'b' },
      service_tier: 'flex',
      user: 'u',
      safety_identifier: 's',
      prompt_cache_key: 'k',
      functions: [],
      function_call: 'none',
      x_unknown: null,
    }
    await post(answer, ask({ ...options, max_completion_tokens: 5 }))
    expect(visit.json).toEqual({ ...ask(options), model: 'gpt-4.1', max_completion_tokens: 5 })
    await post(answer, ask({ stop: 'END', tool_choice: 'auto' }))
    expect(visit.json).toEqual({
      ...ask({ stop: 'END', tool_choice: 'auto' }),
      model: 'gpt-4.1',
      max_completion_tokens: 16_384,
    })
    await post(
      either,
      ask({ stream: true, stream_options: { include_obfuscation: false }, max_completion_tokens: 5 }),
    )
    expect(visit.json.stream_options).toEqual({ include_obfuscation: false, include_usage: true })
    await post(either, ask({ stream: true, max_completion_tokens: 5 }))
    expect(Object.keys(visit.json).sort()).toEqual([
      'max_completion_tokens',
      'messages',
      'model',
      'stream',
      'stream_options',
    ])
  })
})

describe('a whole answer', () => {
  test('has every key that clients index, whatever the vendor left out, and a time in seconds', async () => {
    const bare = { created: 1_700_000_000_000, choices: [{ message: { content: 'Hello' } }] }
    const { text } = await post((wire) => wire.json(200, bare), ask())
    const reply = JSON.parse(text)
    expect(reply).toMatchObject({
      id: expect.stringMatching(/^gen-/),
      object: 'chat.completion',
      model: MODEL,
    })
    expect(reply.choices).toEqual([
      {
        index: 0,
        message: { role: 'assistant', content: 'Hello', refusal: null },
        finish_reason: 'stop',
        logprobs: null,
      },
    ])
    expect(Math.abs(reply.created - Date.now() / 1000)).toBeLessThan(60)
    const { prompt_tokens: prompt, completion_tokens: completed, total_tokens: total } = reply.usage
    expect(total).toBe(prompt + completed)
    expect([prompt, completed].every((count) => Number.isInteger(count) && count > 0)).toBe(true)
    expect(text).toMatch(/"cost":0\.\d+[},]/)
  })

  test('keeps what the vendor said beside it, byte for byte, and none of his headers', async () => {
    const more =
      '"system_fingerprint":"fp_1","service_tier":"default","x_big":12345678901234567890,"x_float":1.50'
    const body = JSON.stringify(completion('Hé 😀')).replace('"object"', `${more},"object"`)
    const headers = {
      'set-cookie': 'a=b',
      'openai-organization': 'seller',
      'x-ratelimit-limit-requests': '9',
      server: 'v',
    }
    const reply = await post((wire) => wire.json(200, body, headers), ask())
    expect(reply.text).toContain(more)
    for (const name of [...Object.keys(headers), 'content-encoding', 'transfer-encoding'])
      expect(reply.headers.get(name), name).toBeNull()
    expect(Number(reply.headers.get('content-length'))).toBe(Buffer.byteLength(reply.text))
  })

  test('with several choices has each index once, whole and in a stream, and the usage counts them all', async () => {
    const demo = await gateway.buyer({ demo: true })
    const params = { model: 'gpt-4o-mini', n: 3, messages: [{ role: 'user' as const, content: 'Pick' }] }
    const whole = await demo.openai.chat.completions.create(params)
    expect(whole.choices.map(({ index }) => index)).toEqual([0, 1, 2])
    const stream = await demo.openai.chat.completions.create({
      ...params,
      stream: true,
      stream_options: { include_usage: true },
    })
    const texts = ['', '', '']
    const finishes: [number, string][] = []
    let usage: OpenAI.CompletionUsage | null | undefined
    for await (const part of stream) {
      for (const { index, delta, finish_reason: finish } of part.choices) {
        texts[index] += delta.content ?? ''
        if (finish) finishes.push([index, finish])
      }
      usage = part.usage ?? usage
    }
    expect(texts).toEqual(whole.choices.map(({ message }) => message.content))
    expect(finishes).toEqual([0, 1, 2].map((index) => [index, 'stop']))
    expect(usage?.completion_tokens).toBe(whole.usage?.completion_tokens)
  })
})

describe('a stream', () => {
  test('is clean whatever the framing upstream: comments, CRLF, a BOM, data on two lines, cuts at any byte', async () => {
    const words = ['Hé', 'llo 😀', ' \r\n', '"\\']
    const lines = [
      '\uFEFF: welcome',
      'retry: 10',
      ...[{ role: 'assistant', content: '' }, ...words.map((content) => ({ content }))].flatMap(
        (delta, at) => [
          `id: ${at}`,
          `data:${JSON.stringify(chunk(delta)).replace('"choices"', '\r\ndata: "choices"')}`,
          '',
          ': still here',
        ],
      ),
      'event: message',
      `data: ${JSON.stringify(chunk({}, 'stop'))}`,
      '',
      'data: [DONE]',
      '',
      '',
    ]
    const bytes = Buffer.from(lines.join('\r\n'))
    for (const size of [1, 7, bytes.length]) {
      const { text } = await post(
        async (wire) => {
          await wire.stream()
          const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
            bytes.subarray(at * size, (at + 1) * size),
          )
          await wire.body(...pieces)
          await wire.endStream()
        },
        ask({ stream: true }),
      )
      expect(text).toMatch(/^(data: \{.*\}\n\n)+data: \[DONE\]\n\n$/)
      expect(text).not.toMatch(/\r|welcome|still here/)
      const events = eventsIn(text)
      expect(events.map(({ choices }) => choices[0].delta.content ?? '').join('')).toBe(words.join(''))
      expect(
        new Set(events.map(({ id, created, model, object }) => `${id} ${created} ${model} ${object}`)).size,
      ).toBe(1)
      expect(events.map(({ choices }) => choices[0].delta.role)).toEqual([
        'assistant',
        ...Array(words.length + 1).fill(undefined),
      ])
      expect(events.map(({ choices }) => choices[0].finish_reason)).toEqual([
        ...Array(words.length + 1).fill(null),
        'stop',
      ])
    }
  })

  test('is never compressed, and passes refusals, thoughts and log probabilities through', async () => {
    const { headers, text } = await post(
      async (wire) => {
        await wire.stream()
        await wire.event(chunk({ role: 'assistant', reasoning_content: 'Hm.' }))
        await wire.event({ ...chunk({ refusal: 'I cannot.' }), obfuscation: 'xyz' })
        await wire.event(
          chunk({ content: 'a' }, null, {
            choices: [
              {
                index: 0,
                delta: { content: 'a' },
                logprobs: { content: [{ token: 'a', logprob: -0.5 }] },
                finish_reason: null,
              },
            ],
          }),
        )
        await wire.event(chunk({}, 'stop'))
        await wire.event('[DONE]')
        await wire.endStream()
      },
      ask({ stream: true }),
      { 'accept-encoding': 'gzip, br' },
    )
    expect(headers.get('content-encoding')).toBeNull()
    const choices = eventsIn(text).map((event) => event.choices[0])
    expect(choices.map(({ delta }) => delta)).toMatchObject([
      { reasoning_content: 'Hm.' },
      { refusal: 'I cannot.' },
      { content: 'a' },
      {},
    ])
    expect(choices[2].logprobs.content[0]).toEqual({ token: 'a', logprob: -0.5 })
  })

  test('that was asked for usage says null in every chunk until the one at the end', async () => {
    const { text } = await post(
      streaming(['Hel', 'lo']),
      ask({ stream: true, stream_options: { include_usage: true } }),
    )
    const events = eventsIn(text)
    expect(events.at(-1)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 10, completion_tokens: 2, total_tokens: 12 },
    })
    expect(
      events.slice(0, -1).every(({ usage, choices }) => (usage ?? null) === null && choices.length === 1),
    ).toBe(true)
  })

  test.each<[string, Script]>([
    ['ends politely without a finish', () => undefined],
    ['says [DONE] without a finish', (wire) => wire.event('[DONE]')],
    ['sends an error', (wire) => wire.event({ error: { message: 'sk-upstream-secret is broken' } })],
    ['sends half a JSON', (wire) => wire.event('{"choices":[{"delta":{"content":"secret')],
  ])(
    'whose upstream %s tells that to SDKs as JSON, without [DONE] and without the words of the upstream',
    async (_name, breakOff) => {
      const text = await readBroken(breakOff)
      expect(text).toMatch(/^(data: \{.*\}\n\n)+$/)
      expect(text).not.toMatch(/DONE|secret/)
      const error = eventsIn(text).at(-1)?.error
      expect(error).toMatchObject({ code: 'upstream_failed', type: 'server_error', param: null })
      expect(await gateway.bookedNanos(error.request_id)).toBeUndefined()
    },
  )

  test('that nobody reads holds the upstream back, and is whole when it is read after all', async () => {
    const EVENT_BYTES = 64 * 1024
    const EVENTS = 50 * 16
    let written = 0
    script = async (wire) => {
      await wire.stream()
      await wire.event(chunk({ role: 'assistant', content: 'Listen:' }))
      // Sound is not counted in tokens of text, so that the test measures the relay and nothing else.
      for (let at = 0; at < EVENTS && !wire.gone(); at += 1) {
        await wire.event(chunk({ audio: { data: 'A'.repeat(EVENT_BYTES) } }))
        written += EVENT_BYTES
      }
      await wire.event(chunk({}, 'stop'))
      await wire.event({
        ...chunk({}),
        choices: [],
        usage: { prompt_tokens: 10, completion_tokens: 9, total_tokens: 19 },
      })
      await wire.event('[DONE]')
      await wire.endStream()
    }
    const response = await openUnread(ask({ stream: true }))
    await stalled(() => written)
    // What fits into the socket buffers of two connections; the rest of the 50 MB waits in the upstream.
    expect(written).toBeLessThan(20 * 1024 * 1024)
    let sound = 0
    let tail = ''
    for await (const bytes of response as AsyncIterable<Buffer>) {
      for (const byte of bytes) if (byte === 0x41) sound += 1
      tail = (tail + bytes.toString('latin1')).slice(-100)
    }
    expect(sound).toBe(EVENTS * EVENT_BYTES)
    expect(tail).toMatch(/data: \[DONE\]\n\n$/)
  })
})

describe('headers and errors', () => {
  test('every answer has an id of its own, whatever id the caller sends', async () => {
    const told = async (response: Response) => {
      await response.arrayBuffer()
      return response.headers.get('x-request-id')
    }
    const headers = { authorization: `Bearer ${buyer.key}`, 'x-request-id': 'mine' }
    script = answer
    const ids = [
      await told(
        await fetch(`${gateway.origin}/v1/chat/completions`, {
          method: 'POST',
          headers,
          body: JSON.stringify(ask()),
        }),
      ),
      await told(
        await fetch(`${gateway.origin}/v1/chat/completions`, { method: 'POST', headers, body: '{' }),
      ),
      await told(await fetch(`${gateway.origin}/v1/chat/completions`, { headers })),
      await told(await fetch(`${gateway.origin}/v1/models`, { headers })),
      await told(await fetch(`${gateway.origin}/v1/models`)),
      await told(await fetch(`${gateway.origin}/v1/nothing`, { headers })),
    ]
    expect(ids.every((id) => /^gen-[0-9a-z]{26}$/.test(id ?? ''))).toBe(true)
    expect(new Set(ids).size).toBe(ids.length)
  })

  test('an answer says who served it, what it cost, and what is left of the limits, as OpenAI writes durations', async () => {
    const limited = await gateway.buyer({ key: { requestsPerMinute: 100, tokensPerMinute: 100_000 } })
    const { headers } = await post(answer, ask({ max_tokens: 500 }), {
      authorization: `Bearer ${limited.key}`,
    })
    expect(headers.get('x-gateway-model')).toBe(MODEL)
    expect(headers.get('x-gateway-provider')).toBe('openai')
    expect(headers.get('x-gateway-attempts')).toBe('1')
    expect(headers.get('x-gateway-cost')).toMatch(/^0\.\d+$/)
    expect(headers.get('x-ratelimit-limit-requests')).toBe('100')
    expect(headers.get('x-ratelimit-remaining-requests')).toBe('99')
    expect(headers.get('x-ratelimit-limit-tokens')).toBe('100000')
    // 15 tokens were used, not the 500 that were reserved.
    expect(headers.get('x-ratelimit-remaining-tokens')).toBe('99985')
    for (const scope of ['requests', 'tokens'])
      expect(headers.get(`x-ratelimit-reset-${scope}`)).toMatch(/^(\d+m)?\d+(\.\d+)?(ms|s)$/)
  })

  test('a request that was refused or failed takes nothing from the tokens of its minute', async () => {
    const limited = await gateway.buyer({ usd: '0', key: { tokensPerMinute: 1_000 } })
    const authorization = `Bearer ${limited.key}`
    for (let at = 0; at < 3; at += 1)
      expect((await post(answer, ask({ max_tokens: 500 }), { authorization })).status).toBe(402)
    const credit = gateway.api('post', `/api/users/${limited.userId}/credits`).set('idempotency-key', 'late')
    await credit.send({ amountNanos: '1000000000', reason: 'a story' })
    for (let at = 0; at < 3; at += 1) {
      const broken = await post(
        (wire) => wire.json(400, { error: { message: 'no' } }),
        ask({ max_tokens: 500 }),
        { authorization },
      )
      expect(broken.status).toBe(400)
    }
    expect((await post(answer, ask({ max_tokens: 500 }), { authorization })).status).toBe(200)
  })

  test('credit counts at once: a buyer who was just refused is answered in full length', async () => {
    const poor = await gateway.buyer({ usd: '0' })
    const authorization = `Bearer ${poor.key}`
    expect((await post(answer, ask(), { authorization })).status).toBe(402)
    const credit = gateway.api('post', `/api/users/${poor.userId}/credits`).set('idempotency-key', 'top-up')
    await credit.send({ amountNanos: '100000000000', reason: 'a story' })
    const { status, headers } = await post(answer, ask(), { authorization })
    expect(status).toBe(200)
    expect(headers.get('x-gateway-max-output-tokens')).toBe('16384; reason=key_default')
  })

  test.each([
    ['GET', '/v1/chat/completions', 405, 'POST, OPTIONS'],
    ['DELETE', '/v1/chat/completions/', 405, 'POST, OPTIONS'],
    ['HEAD', '/v1/chat/completions', 405, 'POST, OPTIONS'],
    ['POST', '/v1/models', 405, 'GET, HEAD, OPTIONS'],
    ['PUT', '/api/v1/models/openai/gpt-4.1', 405, 'GET, HEAD, OPTIONS'],
    ['HEAD', '/v1/models', 200, null],
    ['HEAD', '/v1/models/openai/gpt-4.1', 200, null],
    ['OPTIONS', '/v1/models', 204, null],
    ['OPTIONS', '/chat/completions', 204, null],
  ])('%s %s is answered %i and says what is allowed', async (method, path, status, allow) => {
    const headers = { authorization: `Bearer ${buyer.key}` }
    const response = await fetch(gateway.origin + path, { method, headers })
    expect(response.status).toBe(status)
    expect(response.headers.get('allow')).toBe(allow)
    const text = await response.text()
    if (method === 'HEAD' || status === 204) expect(text).toBe('')
    else expect(JSON.parse(text).error).toMatchObject({ code: 'method_not_allowed', param: null })
  })

  test('what is not there is a 404 that SDKs can read, never a stub', async () => {
    const { openai } = buyer
    const calls: (() => Promise<unknown>)[] = [
      () => openai.completions.create({ model: MODEL, prompt: 'x' }),
      () => openai.embeddings.create({ model: MODEL, input: 'x' }),
      () => openai.moderations.create({ input: 'x' }),
      () => openai.images.generate({ model: MODEL, prompt: 'x' }),
      () => openai.audio.speech.create({ model: MODEL, voice: 'alloy', input: 'x' }),
      () => openai.files.list(),
      () => openai.batches.list(),
    ]
    for (const call of calls) {
      const error = await call().catch((thrown) => thrown)
      expect(error).toBeInstanceOf(OpenAI.NotFoundError)
      expect(error).toMatchObject({
        code: 'unknown_route',
        type: 'invalid_request_error',
        requestID: expect.any(String),
      })
    }
  })
})

describe('models', () => {
  test('are those that the key may use, by any of their names', async () => {
    const narrow = await gateway.buyer({ demo: true, key: { models: ['openai/gpt-4o', 'gpt-4o-mini'] } })
    const listed = (await narrow.openai.models.list()).data
    expect(listed.map(({ id }) => id).sort()).toEqual(['openai/gpt-4o', 'openai/gpt-4o-mini'])
    expect(await narrow.openai.models.retrieve('openai/gpt-4o-mini')).toEqual(
      listed.find(({ id }) => id.endsWith('mini')),
    )
    expect(await narrow.openai.models.retrieve('gpt-4o-mini')).toMatchObject({ id: 'openai/gpt-4o-mini' })
    await expect(narrow.openai.models.retrieve(MODEL)).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
    })
  })

  test('need a key, and only one that may call models', async () => {
    const reader = await gateway.buyer({ key: { scopes: ['read'] } })
    const list = (authorization: string) =>
      fetch(`${gateway.origin}/v1/models`, { headers: { authorization } })
    expect((await list('')).status).toBe(401)
    expect((await list('Bearer sk-wrong')).status).toBe(401)
    expect((await list(`Bearer ${gateway.operator.token}`)).status).toBe(401)
    expect((await list(`Bearer ${reader.key}`)).status).toBe(403)
  })
})

describe.runIf(hasDocument)("OpenAI's document", () => {
  test('describes what clients get: answers, chunks, models and errors', async () => {
    const demo = await gateway.buyer({ demo: true })
    const get = (path: string) =>
      fetch(gateway.origin + path, { headers: { authorization: `Bearer ${demo.key}` } })
    const asDemo = { authorization: `Bearer ${demo.key}` }
    const tools = [{ type: 'function', function: { name: 'get_weather', parameters: { type: 'object' } } }]
    const requests = [
      { n: 2 },
      { tools, tool_choice: 'required' },
      { response_format: { type: 'json_object' } },
      { max_tokens: 3 },
    ]
    const faults: unknown[] = []
    const [whole, part] = [
      schemaOf('CreateChatCompletionResponse'),
      schemaOf('CreateChatCompletionStreamResponse'),
    ]
    for (const more of requests) {
      const body = { model: 'gpt-4o-mini', messages: [hi], ...more }
      faults.push(...faultsOf(whole, JSON.parse((await post(answer, body, asDemo)).text)))
      const streamed = { ...body, stream: true, stream_options: { include_usage: true } }
      const events = eventsIn((await post(answer, streamed, asDemo)).text)
      expect(events.length).toBeGreaterThan(2)
      for (const event of events) faults.push(...faultsOf(part, event))
    }
    const refused = await post(answer, '{', asDemo)
    faults.push(...faultsOf(schemaOf('ErrorResponse'), JSON.parse(refused.text)))
    faults.push(...faultsOf(schemaOf('ListModelsResponse'), await (await get('/v1/models')).json()))
    faults.push(...faultsOf(schemaOf('Model'), await (await get('/v1/models/gpt-4o-mini')).json()))
    expect(faults).toEqual([])
    // The positive control: the document is really asked.
    expect(faultsOf(whole, { ...completion('x'), object: 'something' })).not.toEqual([])
  })
})

/** A stream whose upstream breaks off only when the client has its first content. */
async function readBroken(breakOff: Script): Promise<string> {
  let contentRead = () => {}
  const gate = new Promise<void>((resolve) => {
    contentRead = resolve
  })
  script = async (wire) => {
    await wire.stream()
    await wire.event(chunk({ role: 'assistant', content: 'Once' }))
    await gate
    await breakOff(wire)
    await wire.endStream()
  }
  let text = ''
  for await (const bytes of await openUnread(ask({ stream: true }))) {
    text += bytes.toString()
    if (text.includes('Once')) contentRead()
  }
  return text
}

/** Sends a request and leaves its answer in the socket. */
function openUnread(body: object): Promise<AsyncIterable<Buffer>> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${buyer.key}`, 'content-type': 'application/json' }
    request(`${gateway.origin}/v1/chat/completions`, { method: 'POST', headers }, resolve)
      .on('error', reject)
      .end(JSON.stringify(body))
  })
}

/** Resolves when `read` has begun to grow and has not grown for half a second. */
async function stalled(read: () => number): Promise<void> {
  let last = -1
  while (last <= 0 || read() !== last) {
    last = read()
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}
