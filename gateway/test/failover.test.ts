import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseId } from '../src/platform/ids.ts'
import { startTestGateway, type TestGateway } from './support/gateway.ts'
import {
  chunk,
  completion,
  type Script,
  type ScriptedUpstream,
  startScriptedUpstream,
  streaming,
} from './support/scripted-upstream.ts'

let gateway: TestGateway
let upstream: ScriptedUpstream

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  gateway = await startTestGateway({
    env: { GATEWAY_FIRST_BYTE_SECONDS: '1', GATEWAY_STREAM_IDLE_SECONDS: '1', GATEWAY_STREAM_SECONDS: '3' },
  })
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})

const healthy: Script = async (wire) => {
  if (wire.visit.json.stream === true) await streaming(['all', ' good'])(wire)
  else await wire.json(200, completion('all good'))
}

// Each model has a sick listing that is far cheaper, so that it is tried first, and a healthy one.
const sicknesses: [string, string, Script][] = [
  [
    'refuses with 500',
    'openai/gpt-4.1',
    (wire) => wire.json(500, { error: { message: 'boom sk-upstream-secret' } }),
  ],
  [
    'says its key is wrong',
    'openai/gpt-4.1-mini',
    (wire) =>
      wire.json(401, {
        error: { message: 'Incorrect API key provided: sk-upstream-secret', code: 'invalid_api_key' },
      }),
  ],
  [
    'has no quota left',
    'openai/gpt-4.1-nano',
    (wire) =>
      wire.json(429, { error: { message: 'You exceeded your current quota', code: 'insufficient_quota' } }),
  ],
  [
    'is rate limited',
    'openai/gpt-4o',
    (wire) => wire.json(429, { error: { message: 'slow down' } }, { 'retry-after': '30' }),
  ],
  ['wants payment', 'openai/o3-mini', (wire) => wire.json(402, { error: { message: 'pay' } })],
  [
    'sends garbage',
    'openai/o1',
    (wire) =>
      wire
        .raw('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n<html></h')
        .then(() => undefined),
  ],
  ['closes the connection', 'openai/o3', (wire) => wire.close()],
  [
    'says 200 and sends an error',
    'openai/o4-mini',
    (wire) => wire.json(200, { error: { message: 'internal', type: 'server_error' } }),
  ],
  ['redirects', 'openai/gpt-4-turbo', (wire) => wire.json(302, {}, { location: 'http://169.254.169.254/' })],
  ['answers nothing', 'openai/gpt-3.5-turbo', () => undefined],
]

for (const stream of [false, true]) {
  test.each(sicknesses)(
    `a client never notices a seller that %s (stream: ${stream})`,
    async (_name, model, sick) => {
      const name = `${model.split('/')[1]}-${stream}`
      const only = [
        await gateway.listing({ model, ppm: 50_000, baseUrl: upstream.serve(`sick-${name}`, sick) }),
        await gateway.listing({ model, ppm: 10_000_000, baseUrl: upstream.serve(`well-${name}`, healthy) }),
      ]
      const buyer = await gateway.buyer({ key: { policy: { sort: 'price', only } } })
      const response = await fetch(`${gateway.origin}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${buyer.key}`, 'content-type': 'application/json' },
        body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }], stream, max_tokens: 100 }),
      })
      const text = await response.text()
      expect(response.status, text).toBe(200)
      expect(text).toMatch(stream ? /all.*good.*\[DONE\]/s : /all good/)
      expect(text).not.toContain('sk-upstream-secret')
      expect(upstream.visitsOf(`sick-${name}`)).toHaveLength(1)
      expect(upstream.visitsOf(`well-${name}`)).toHaveLength(1)
      await gateway.settleAndAudit()
      const { rows } = await gateway.database.database.pool.query(
        'SELECT count(*)::int AS n FROM ledger.usage_record WHERE id = $1',
        [requestUuid(response)],
      )
      expect(rows).toEqual([{ n: 1 }])
    },
  )
}

function requestUuid(response: Response): string | undefined {
  return parseId('gen-', response.headers.get('x-request-id') ?? '')
}

test('a stream that fails before its first content is replaced; the client sees one clean stream', async () => {
  const model = 'openai/gpt-4'
  await gateway.listing({
    model,
    ppm: 50_000,
    baseUrl: upstream.serve('early', async (wire) => {
      await wire.stream()
      await wire.event(chunk({ role: 'assistant', content: '' }))
      wire.reset()
    }),
  })
  await gateway.listing({ model, ppm: 10_000_000, baseUrl: upstream.serve('late', healthy) })
  const buyer = await gateway.buyer({ key: { policy: { sort: 'price', only: ['openai'] } } })
  const stream = await buyer.openai.chat.completions.create({
    model,
    messages: [{ role: 'user', content: 'hi' }],
    stream: true,
    max_tokens: 100,
  })
  const roles: string[] = []
  let text = ''
  for await (const part of stream) {
    if (part.choices[0]?.delta.role) roles.push(part.choices[0].delta.role)
    text += part.choices[0]?.delta.content ?? ''
  }
  expect(text).toBe('all good')
  expect(roles).toEqual(['assistant'])
  expect(upstream.visitsOf('early')).toHaveLength(1)
  await gateway.settleAndAudit()
})

test("when every offer is broken the buyer gets one clear error that is not the seller's, and pays nothing", async () => {
  const model = 'openai/gpt-5-mini'
  await gateway.listing({
    model,
    baseUrl: upstream.serve('only', (wire) =>
      wire.json(401, { error: { message: 'bad key sk-upstream-secret' } }),
    ),
  })
  const buyer = await gateway.buyer({ key: { policy: { only: ['openai'] } } })
  const response = await fetch(`${gateway.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${buyer.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }], max_tokens: 10 }),
  })
  const body = (await response.json()) as { error: Record<string, unknown> }
  expect([502, 503]).toContain(response.status)
  expect(JSON.stringify(body)).not.toContain('sk-upstream-secret')
  expect(body.error).toMatchObject({
    type: 'server_error',
    param: null,
    request_id: response.headers.get('x-request-id'),
  })
  await gateway.settleAndAudit()
  expect((await gateway.balanceNanos(buyer)).availableNanos).toBe(10_000_000_000n)
})

test("the buyer's own mistake is told once, in the upstream's words, and is nobody else's fault", async () => {
  const model = 'openai/gpt-5-nano'
  const refuse: Script = (wire) =>
    wire.json(400, {
      error: {
        message: "Unsupported value: 'temperature' does not support 3",
        type: 'invalid_request_error',
        param: 'temperature',
        code: 'unsupported_value',
      },
    })
  await gateway.listing({ model, baseUrl: upstream.serve('strict-a', refuse) })
  await gateway.listing({ model, baseUrl: upstream.serve('strict-b', refuse) })
  const buyer = await gateway.buyer({ key: { policy: { only: ['openai'] } } })
  const error = await buyer.openai.chat.completions
    .create({ model, messages: [{ role: 'user', content: 'hi' }], max_tokens: 10 })
    .catch((thrown) => thrown)
  expect(error.status).toBe(400)
  expect(error.message).toContain("'temperature' does not support 3")
  await gateway.settleAndAudit()
})
