import { connect } from 'node:net'
import OpenAI from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Buyer, startTestGateway, type TestGateway } from './support/gateway.ts'
import { completion, type ScriptedUpstream, startScriptedUpstream } from './support/scripted-upstream.ts'

let gateway: TestGateway
let upstream: ScriptedUpstream
let buyer: Buyer

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  gateway = await startTestGateway()
  buyer = await gateway.buyer({ demo: true })
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})

interface Answer {
  status: number
  headers: Headers
  // Whatever the gateway says; the assertions look at its parts.
  body: { error?: Record<string, unknown> } & Record<string, unknown>
}

async function post(
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
  path = '/v1/chat/completions',
): Promise<Answer> {
  const response = await fetch(gateway.origin + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${buyer.key}`, 'content-type': 'application/json', ...headers },
    body,
  })
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Answer['body'],
  }
}

const chat = (more: Record<string, unknown> = {}) =>
  JSON.stringify({
    model: 'gpt-4o-mini',
    messages: [{ role: 'user', content: 'hi' }],
    max_tokens: 5,
    ...more,
  })

/** Every refusal has all of OpenAI's keys, the request id, and leaves nothing held. */
function expectRefusal(
  answer: Answer,
  expected: { status: number; code: string; param?: string | null; retry?: string },
): void {
  expect(answer.status, JSON.stringify(answer.body)).toBe(expected.status)
  const error = answer.body.error as Record<string, unknown>
  expect(Object.keys(error)).toEqual(
    expect.arrayContaining(['message', 'type', 'param', 'code', 'request_id']),
  )
  expect(error.code).toBe(expected.code)
  if (expected.param !== undefined) expect(error.param).toBe(expected.param)
  expect(error.request_id).toBe(answer.headers.get('x-request-id'))
  expect(answer.headers.get('content-type')).toMatch(/application\/json/)
  expect(answer.headers.get('x-should-retry')).toBe(expected.retry ?? 'false')
}

test.each<
  [string, string | Uint8Array<ArrayBuffer>, { status: number; code: string; param?: string | null }]
>([
  ['nothing at all', '', { status: 400, code: 'invalid_json' }],
  ['half a JSON', '{"model":"gpt-4o-mini","messages":[', { status: 400, code: 'invalid_json' }],
  ['an array', '[]', { status: 400, code: 'invalid_json' }],
  [
    'the same key twice',
    '{"model":"a","model":"b","messages":[{"role":"user","content":"x"}]}',
    { status: 400, code: 'invalid_json', param: 'model' },
  ],
  ['a hundred thousand brackets', `{"a":${'['.repeat(100_000)}`, { status: 400, code: 'invalid_json' }],
  [
    'invalid UTF-8',
    new Uint8Array([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x7d]),
    { status: 400, code: 'invalid_json' },
  ],
  [
    'half an emoji',
    '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"\\ud83d"}]}',
    { status: 400, code: 'invalid_json' },
  ],
  [
    'no model',
    '{"messages":[{"role":"user","content":"x"}]}',
    { status: 400, code: 'invalid_value', param: 'model' },
  ],
  ['no messages', '{"model":"gpt-4o-mini"}', { status: 400, code: 'invalid_value', param: 'messages' }],
  [
    'an empty conversation',
    '{"model":"gpt-4o-mini","messages":[]}',
    { status: 400, code: 'invalid_value', param: 'messages' },
  ],
  [
    'an unknown role',
    chat({ messages: [{ role: 'wizard', content: 'x' }] }),
    { status: 400, code: 'invalid_value', param: 'messages[0].role' },
  ],
  [
    'a number as content',
    chat({ messages: [{ role: 'user', content: 5 }] }),
    { status: 400, code: 'invalid_value', param: 'messages[0].content' },
  ],
  [
    'a text as maximum',
    chat({ max_tokens: 'many' }),
    { status: 400, code: 'invalid_value', param: 'max_tokens' },
  ],
  [
    'a negative maximum',
    chat({ max_tokens: -1 }),
    { status: 400, code: 'invalid_value', param: 'max_tokens' },
  ],
  [
    'an infinite maximum',
    '{"model":"gpt-4o-mini","max_tokens":1e400,"messages":[{"role":"user","content":"x"}]}',
    { status: 400, code: 'invalid_value', param: 'max_tokens' },
  ],
  [
    'a temperature of 9',
    chat({ temperature: 9 }),
    { status: 400, code: 'invalid_value', param: 'temperature' },
  ],
  ['99 choices', chat({ n: 99 }), { status: 400, code: 'invalid_value', param: 'n' }],
  ['stream as text', chat({ stream: 'yes' }), { status: 400, code: 'invalid_value', param: 'stream' }],
  [
    'a model nobody knows',
    chat({ model: 'gpt-5o' }),
    { status: 404, code: 'model_not_found', param: 'model' },
  ],
  [
    'a model name of markup',
    chat({ model: '<script>' }),
    { status: 404, code: 'model_not_found', param: 'model' },
  ],
  [
    'the prototype as a model',
    chat({ model: '__proto__' }),
    { status: 404, code: 'model_not_found', param: 'model' },
  ],
])('%s is refused with the right status and says what to do', async (_name, body, expected) => {
  expectRefusal(await post(body), expected)
})

test('a body that is not JSON by its own word, or compressed, is refused before it is read', async () => {
  expectRefusal(await post(chat(), { 'content-type': 'text/plain' }), {
    status: 415,
    code: 'unsupported_media_type',
  })
  expectRefusal(await post(chat(), { 'content-encoding': 'gzip' }), {
    status: 415,
    code: 'unsupported_media_type',
  })
})

test('a body above 32 MiB is refused, announced or not', async () => {
  const announced = await rawRequest(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${buyer.key}\r\ncontent-type: application/json\r\ncontent-length: 99999999999\r\n\r\n`,
  )
  expect(announced).toMatch(/^HTTP\/1\.1 413 /)
  expect(announced).toContain('request_too_large')
  const oversized = await post(
    `{"model":"gpt-4o-mini","messages":[{"role":"user","content":"${'x'.repeat(33 * 1024 * 1024)}"}]}`,
  ).catch(() => undefined)
  // A client that is still sending may see its connection closed instead of the answer.
  if (oversized) expectRefusal(oversized, { status: 413, code: 'request_too_large' })
})

test('no key, a wrong key, a mistyped key and a revoked key are 401 and say so', async () => {
  const mistyped = `${buyer.key.slice(0, 20)}${buyer.key[20] === 'a' ? 'b' : 'a'}${buyer.key.slice(21)}`
  for (const authorization of [
    '',
    'Bearer ',
    'Bearer sk-wrong',
    `Bearer ${mistyped}`,
    'Basic dXNlcjpwYXNz',
  ]) {
    const answer = await post(chat(), { authorization })
    expectRefusal(answer, { status: 401, code: 'invalid_api_key' })
    expect(JSON.stringify(answer.body)).not.toContain(mistyped)
  }
  const other = await gateway.buyer({ demo: true })
  const [key] = (await gateway.api('get', `/api/keys?organisation=${other.organisationId}`)).body.data
  expect((await post(chat(), { authorization: `Bearer ${other.key}` })).status).toBe(200)
  await gateway.api('delete', `/api/keys/${key.id}`)
  await expect
    .poll(async () => (await post(chat(), { authorization: `Bearer ${other.key}` })).status, {
      timeout: 5_000,
    })
    .toBe(401)
})

test("a key for one model may not use another, and a key without 'inference' may use none", async () => {
  const narrow = await gateway.buyer({ demo: true, key: { models: ['openai/gpt-4o'] } })
  expectRefusal(await post(chat(), { authorization: `Bearer ${narrow.key}` }), {
    status: 403,
    code: 'model_not_allowed',
    param: 'model',
  })
  const reader = await gateway.buyer({ demo: true, key: { scopes: ['read'] } })
  expectRefusal(await post(chat(), { authorization: `Bearer ${reader.key}` }), {
    status: 403,
    code: 'forbidden',
  })
})

test('a buyer without money is told 402, what is available and what is held, and SDKs do not retry', async () => {
  const poor = await gateway.buyer({ usd: '0', demo: true })
  const answer = await post(chat(), { authorization: `Bearer ${poor.key}` })
  expectRefusal(answer, { status: 402, code: 'insufficient_quota' })
  expect(answer.body.error).toMatchObject({
    type: 'insufficient_quota',
    message: expect.stringMatching(/\$0 is available/),
  })
  let tries = 0
  const client = new OpenAI({
    apiKey: poor.key,
    baseURL: `${gateway.origin}/v1`,
    fetch: (url, init) => {
      tries += 1
      return fetch(url, init)
    },
  })
  await expect(
    client.chat.completions.create({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }] }),
  ).rejects.toThrow(/402/)
  expect(tries).toBe(1)
  await gateway.settleAndAudit()
})

test('five hundred requests at once on a balance for seven: seven reach the upstream, nobody goes below zero', async () => {
  let served = 0
  let release = () => {}
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  const baseUrl = upstream.serve('seven', async (wire) => {
    served += 1
    await gate
    await wire.json(
      200,
      completion('ok', { usage: { prompt_tokens: 10, completion_tokens: 1, total_tokens: 11 } }),
    )
  })
  await gateway.listing({ model: 'openai/gpt-4.1', baseUrl })
  const probe = await gateway.buyer({ usd: '0' })
  const body = JSON.stringify({
    model: 'gpt-4.1',
    messages: [{ role: 'user', content: 'hi' }],
    max_tokens: 1000,
  })
  const refused = await post(body, { authorization: `Bearer ${probe.key}` })
  const needed = BigInt(
    String((refused.body.error?.metadata as Record<string, string> | undefined)?.needed_nanos),
  )
  const seven = await gateway.buyer({ usd: '0' })
  await gateway
    .api('post', `/api/users/${seven.userId}/credits`)
    .set('idempotency-key', 'seven')
    .send({ amountNanos: (needed * 7n + needed / 2n).toString(), reason: 'seven and a half requests' })
  // The seven are answered only when all others have theirs, so that no settled request makes room for an eighth.
  let refusals = 0
  const answers = await Promise.all(
    Array.from({ length: 500 }, async () => {
      const answer = await post(body, { authorization: `Bearer ${seven.key}` })
      if (answer.status === 402) refusals += 1
      if (refusals === 493) release()
      return answer
    }),
  )
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(7)
  expect(answers.filter(({ status }) => status === 402)).toHaveLength(493)
  expect(served).toBe(7)
  await gateway.settleAndAudit()
})

test('a key with a budget stops at it, whatever the wallet holds', async () => {
  const capped = await gateway.buyer({ demo: true, key: { budget: { limitNanos: '1000', period: 'month' } } })
  const answer = await post(chat(), { authorization: `Bearer ${capped.key}` })
  expectRefusal(answer, { status: 402, code: 'budget_exceeded' })
  await gateway.settleAndAudit()
})

test('a key over its requests per minute is told 429 and how long to wait', async () => {
  const slow = await gateway.buyer({ demo: true, key: { requestsPerMinute: 2 } })
  const headers = { authorization: `Bearer ${slow.key}` }
  const first = await post(chat(), headers)
  expect(first.status).toBe(200)
  expect(first.headers.get('x-ratelimit-limit-requests')).toBe('2')
  expect(first.headers.get('x-ratelimit-remaining-requests')).toBe('1')
  await post(chat(), headers)
  const third = await post(chat(), headers)
  expectRefusal(third, { status: 429, code: 'rate_limit_exceeded', retry: 'true' })
  const waitS = Number(third.headers.get('retry-after'))
  expect(waitS).toBeGreaterThan(0)
  expect(waitS).toBeLessThanOrEqual(61)
})

test('unknown routes, wrong methods and broken paths get JSON, never HTML', async () => {
  expectRefusal(await post('{}', {}, '/v1/nonsense'), { status: 404, code: 'unknown_route' })
  expectRefusal(await post('{}', {}, '/v1/%E0%A4%A'), { status: 404, code: 'unknown_route' })
  const wrongMethod = await fetch(`${gateway.origin}/v1/chat/completions`)
  expect(wrongMethod.status).toBe(405)
  expect(wrongMethod.headers.get('allow')).toBe('POST, OPTIONS')
  expect(((await wrongMethod.json()) as Answer['body']).error?.code).toBe('method_not_allowed')
})

test.each([
  ['not HTTP at all', 'hello\r\n\r\n', /^HTTP\/1\.1 400 /],
  [
    'a header line without a name',
    'POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n: y\r\n\r\n',
    /^HTTP\/1\.1 400 /,
  ],
  [
    'a transfer encoding nobody knows',
    'POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n',
    /^HTTP\/1\.1 (400|401|501) /,
  ],
  [
    'both a length and chunks',
    'POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    /^HTTP\/1\.1 400 /,
  ],
  [
    'headers without end',
    `POST / HTTP/1.1\r\nhost: x\r\n${'a: b\r\n'.repeat(10_000)}\r\n`,
    /^HTTP\/1\.1 431 /,
  ],
])('a connection that speaks %s is answered and closed', async (_name, bytes, expected) => {
  const answer = await rawRequest(bytes)
  expect(answer).toMatch(expected)
  expect(answer).toContain('"error"')
  expect(answer).toContain('x-request-id')
})

test('a browser from an allowed origin passes its preflight and may read what SDKs read', async () => {
  const preflight = await fetch(`${gateway.origin}/v1/chat/completions`, {
    method: 'OPTIONS',
    headers: {
      origin: 'https://app.example',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type,x-stainless-lang',
    },
  })
  expect(preflight.status).toBe(204)
  expect(preflight.headers.get('access-control-allow-origin')).toBe('*')
  for (const name of [
    'authorization',
    'content-type',
    'x-stainless-lang',
    'openai-organization',
    'openai-project',
  ]) {
    expect(preflight.headers.get('access-control-allow-headers')).toContain(name)
  }
  const answer = await post(chat(), { origin: 'https://app.example' })
  expect(answer.headers.get('access-control-expose-headers')).toContain('x-request-id')
  const refused = await post('{}', { origin: 'https://app.example' })
  expect(refused.headers.get('access-control-allow-origin')).toBe('*')
})

function rawRequest(bytes: string): Promise<string> {
  const { hostname, port } = new URL(gateway.origin)
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(bytes))
    let answer = ''
    socket.on('data', (data) => {
      answer += data.toString()
    })
    socket.on('close', () => resolve(answer))
    socket.on('error', (error) => (answer === '' ? reject(error) : resolve(answer)))
  })
}
