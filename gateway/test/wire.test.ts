/** The wire, box by box: what goes to the upstream, and what every answer has. Answers and streams stand apart. */
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { completion, type Script, streaming } from './support/scripted-upstream.ts'
import { ask, MODEL, startWireScene, type WireScene } from './support/wire-scene.ts'

let scene: WireScene

beforeAll(async () => {
  scene = await startWireScene()
})
afterAll(() => scene.close())

const answer: Script = (wire) => wire.json(200, completion('Hello'))
const either: Script = (wire) => (wire.visit.json.stream ? streaming(['Hel', 'lo'])(wire) : answer(wire))

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
    expect((await scene.post(answer, sent)).status).toBe(200)
    expect(scene.asked().body).toBe(body('"model":"gpt-4.1"', '"max_completion_tokens":77'))
  })

  test('carries no header of the caller but what the upstream needs', async () => {
    await scene.post(answer, ask(), {
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
    expect(Object.keys(scene.asked().headers).sort()).toEqual([
      'accept',
      'accept-encoding',
      'authorization',
      'connection',
      'content-length',
      'content-type',
      'host',
      'user-agent',
    ])
    expect(scene.asked().headers).toMatchObject({
      'accept-encoding': 'identity',
      'user-agent': 'bourse',
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
      const { headers } = await scene.post(answer, ask(caps))
      expect(scene.asked().json.max_completion_tokens).toBe(expected)
      expect(scene.asked().json).not.toHaveProperty('max_tokens')
      expect(headers.get('x-gateway-max-output-tokens')).toBe(`${expected}; reason=${reason}`)
    },
  )

  test('tells a vendor that knows only max_tokens in his word', async () => {
    const model = 'deepseek/deepseek-chat'
    await scene.gateway.listing({
      provider: 'deepseek',
      model,
      baseUrl: scene.upstream.serve('other', either),
    })
    const { status } = await scene.post(answer, { ...ask({ max_completion_tokens: 30 }), model })
    expect(status).toBe(200)
    const [other] = scene.upstream.visitsOf('other')
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
    expect((await scene.post(answer, ask({ messages }))).status).toBe(200)
    expect(scene.asked().json.messages).toEqual(messages)
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
      store: false,
      metadata: { a: 'b' },
      user: 'u',
      safety_identifier: 's',
      prompt_cache_key: 'k',
      functions: [],
      function_call: 'none',
      x_unknown: null,
    }
    await scene.post(answer, ask({ ...options, max_completion_tokens: 5 }))
    expect(scene.asked().json).toEqual({ ...ask(options), model: 'gpt-4.1', max_completion_tokens: 5 })
    await scene.post(answer, ask({ stop: 'END', tool_choice: 'auto' }))
    expect(scene.asked().json).toEqual({
      ...ask({ stop: 'END', tool_choice: 'auto' }),
      model: 'gpt-4.1',
      max_completion_tokens: 16_384,
    })
    await scene.post(
      either,
      ask({ stream: true, stream_options: { include_obfuscation: false }, max_completion_tokens: 5 }),
    )
    expect(scene.asked().json.stream_options).toEqual({ include_obfuscation: false, include_usage: true })
    await scene.post(either, ask({ stream: true, max_completion_tokens: 5 }))
    expect(Object.keys(scene.asked().json).sort()).toEqual([
      'max_completion_tokens',
      'messages',
      'model',
      'stream',
      'stream_options',
    ])
  })
})

describe('headers and errors', () => {
  test('every answer has an id of its own, whatever id the caller sends', async () => {
    const headers = { authorization: `Bearer ${scene.buyer.key}`, 'x-request-id': 'mine' }
    const idOf = async (path: string, init: RequestInit = { headers }) => {
      const response = await fetch(scene.gateway.origin + path, init)
      await response.arrayBuffer()
      return response.headers.get('x-request-id')
    }
    const ids = [
      (await scene.post(answer, ask(), headers)).headers.get('x-request-id'),
      (await scene.post(either, ask({ stream: true }), headers)).headers.get('x-request-id'),
      (await scene.post(answer, '{', headers)).headers.get('x-request-id'),
      await idOf('/v1/chat/completions'),
      await idOf('/v1/models'),
      await idOf('/v1/models', {}),
      await idOf('/v1/nothing'),
    ]
    expect(ids.every((id) => /^gen-[0-9a-z]{26}$/.test(id ?? ''))).toBe(true)
    expect(new Set(ids).size).toBe(ids.length)
  })

  test('an answer says who served it, what it cost, and what is left of the limits, as OpenAI writes durations', async () => {
    const limited = await scene.gateway.buyer({ key: { requestsPerMinute: 100, tokensPerMinute: 100_000 } })
    const { headers } = await scene.post(answer, ask({ max_tokens: 500 }), {
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
    const limited = await scene.gateway.buyer({ usd: '0', key: { tokensPerMinute: 1_000 } })
    const authorization = `Bearer ${limited.key}`
    for (let at = 0; at < 3; at += 1)
      expect((await scene.post(answer, ask({ max_tokens: 500 }), { authorization })).status).toBe(402)
    const credit = scene.gateway
      .api('post', `/api/users/${limited.userId}/credits`)
      .set('idempotency-key', 'late')
    await credit.send({ amountNanos: '1000000000', reason: 'a story' })
    for (let at = 0; at < 3; at += 1) {
      const broken = await scene.post(
        (wire) => wire.json(400, { error: { message: 'no' } }),
        ask({ max_tokens: 500 }),
        { authorization },
      )
      expect(broken.status).toBe(400)
    }
    expect((await scene.post(answer, ask({ max_tokens: 500 }), { authorization })).status).toBe(200)
  })

  test('credit counts at once: a buyer who was just refused is answered in full length', async () => {
    const poor = await scene.gateway.buyer({ usd: '0' })
    const authorization = `Bearer ${poor.key}`
    expect((await scene.post(answer, ask(), { authorization })).status).toBe(402)
    const credit = scene.gateway
      .api('post', `/api/users/${poor.userId}/credits`)
      .set('idempotency-key', 'top-up')
    await credit.send({ amountNanos: '100000000000', reason: 'a story' })
    const { status, headers } = await scene.post(answer, ask(), { authorization })
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
    const headers = { authorization: `Bearer ${scene.buyer.key}` }
    const response = await fetch(scene.gateway.origin + path, { method, headers })
    expect(response.status).toBe(status)
    expect(response.headers.get('allow')).toBe(allow)
    const text = await response.text()
    if (method === 'HEAD' || status === 204) expect(text).toBe('')
    else expect(JSON.parse(text).error).toMatchObject({ code: 'method_not_allowed', param: null })
  })

  test('what is not there is a 404 that SDKs can read, never a stub', async () => {
    const { openai } = scene.buyer
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
