/** A buyer's proof, from the answer to the program that checks it without us. */

import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { getReceipt } from '../src/settlement/api.ts'
import { type Buyer, startTestGateway, type TestGateway } from './support/gateway.ts'

interface Given {
  receiptText: string
  jwksText: string
  request?: Buffer
  response?: Buffer
  key?: string
}
interface Verdict {
  receipt: Record<string, unknown>
  proved: string[]
}
const tool = fileURLToPath(new URL('../tools/verify-receipt.mjs', import.meta.url))
const { checkReceipt } = (await import(tool)) as { checkReceipt: (given: Given) => Verdict }

let gateway: TestGateway
let buyer: Buyer
beforeAll(async () => {
  gateway = await startTestGateway()
  buyer = await gateway.buyer({ usd: '10', demo: true })
})
afterAll(() => gateway.close())

/** A chat by raw bytes: what was sent, what came, and the id it goes by. */
async function chat({ key = buyer.key, ...body }: { key?: string; stream?: boolean } = {}) {
  const request = JSON.stringify({
    model: 'openai/gpt-4o-mini',
    messages: [{ role: 'user', content: 'Grüße, what does a receipt prove?' }],
    ...body,
  })
  const response = await fetch(`${gateway.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: request,
  })
  expect(response.status).toBe(200)
  return {
    id: response.headers.get('x-request-id') as string,
    cost: response.headers.get('x-gateway-cost'),
    request: Buffer.from(request),
    response: Buffer.from(await response.arrayBuffer()),
  }
}

const get = (path: string, token?: string) =>
  fetch(gateway.origin + path, { headers: token === undefined ? {} : { authorization: `Bearer ${token}` } })
const read = async (path: string, token?: string) => {
  const response = await get(path, token)
  const text = await response.text()
  expect(response.status, text).toBe(200)
  return text
}

test.each([
  ['a whole answer', {}],
  ['a streamed answer', { stream: true }],
])(
  '%s has a receipt that ties it to its bytes, its key and its price, checked without us',
  async (_name, how) => {
    const answer = await chat(how)
    const jwksText = await read('/.well-known/jwks.json')
    for (const format of ['', '?format=jws']) {
      const receiptText = await read(`/api/receipts/${answer.id}${format}`, buyer.key)
      const { request, response } = answer
      const { receipt, proved } = checkReceipt({ receiptText, jwksText, request, response, key: buyer.key })
      expect(proved.map((sentence) => sentence.split(':')[0])).toEqual([
        'kid',
        'amount_nanos',
        'request_sha256',
        'response_sha256',
        'key_fingerprint',
      ])
      expect(receipt).toMatchObject({
        request_id: answer.id,
        organisation: buyer.organisationId,
        model: 'openai/gpt-4o-mini',
        mode: 'play',
        billed: 'whole',
        amount_nanos: String(await gateway.bookedNanos(answer.id)),
      })
      expect(() =>
        checkReceipt({ receiptText, jwksText, response: Buffer.concat([response, Buffer.of(10)]) }),
      ).toThrow(/response_sha256/)
    }
  },
)

test('a client that left has a receipt over what was delivered', async () => {
  const leaving = new AbortController()
  const response = await fetch(`${gateway.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${buyer.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'openai/gpt-4o-mini',
      messages: [{ role: 'user', content: 'Tell me everything.' }],
      stream: true,
      max_tokens: 2_000,
    }),
    signal: leaving.signal,
  })
  const id = response.headers.get('x-request-id') as string
  await response.body?.getReader().read()
  leaving.abort()
  const receiptText = await read(`/api/receipts/${id}`, buyer.key)
  const { receipt } = checkReceipt({ receiptText, jwksText: await read('/.well-known/jwks.json') })
  expect(getReceipt.answer.parse(JSON.parse(receiptText)).receipt).toEqual(receipt)
  expect(receipt).toMatchObject({ billed: 'delivered', amount_nanos: String(await gateway.bookedNanos(id)) })
})

test('a receipt is for the organisation that paid, and for no other', async () => {
  const { id } = await chat()
  const stranger = await gateway.buyer()
  const codeOf = async (token?: string) => {
    const response = await get(`/api/receipts/${id}`, token)
    return [response.status, ((await response.json()) as { error?: { code: string } }).error?.code]
  }
  expect(await codeOf(stranger.key)).toEqual([404, 'not_found'])
  expect(await codeOf(gateway.operator.token)).toEqual([404, 'not_found'])
  expect(await codeOf()).toEqual([401, 'not_signed_in'])
  expect(await codeOf('sk-brs-nonsense')).toEqual([401, 'invalid_api_key'])
  expect(await codeOf(buyer.key)).toEqual([200, undefined])
})

test('a key that may only call models sees its own requests, and no totals', async () => {
  const narrow = await gateway.buyer({ key: { scopes: ['inference'] }, demo: true })
  const minted = await gateway
    .api('post', `/api/keys?organisation=${narrow.organisationId}`)
    .send({ name: 'reader', scopes: ['read'] })
  const other = await gateway
    .api('post', `/api/keys?organisation=${narrow.organisationId}`)
    .send({ name: 'other', scopes: ['inference'] })
  const { id } = await chat({ key: narrow.key })
  expect((await get(`/api/receipts/${id}`, narrow.key)).status).toBe(200)
  expect((await get(`/api/receipts/${id}`, minted.body.key)).status).toBe(200)
  expect((await get(`/api/receipts/${id}`, other.body.key)).status).toBe(404)
  expect((await get(`/v1/generation?id=${id}`, other.body.key)).status).toBe(404)
  expect((await get('/v1/credits', narrow.key)).status).toBe(403)
  expect((await get('/v1/credits', minted.body.key)).status).toBe(200)
})

test("OpenRouter's questions about money are answered in its words, at both of its bases", async () => {
  const shopper = await gateway.buyer({
    usd: '3',
    demo: true,
    key: { budget: { limitNanos: '1000000000', period: 'month' }, requestsPerMinute: 50 },
  })
  const { id, cost } = await chat({ key: shopper.key })
  for (const base of ['/v1', '/api/v1']) {
    const generation = await read(`${base}/generation?id=${id}`, shopper.key)
    expect(generation).toContain(`"total_cost":${cost},"usage":${cost}`)
    expect(JSON.parse(generation).data).toMatchObject({ id, model: 'openai/gpt-4o-mini', streamed: false })
    expect(await read(`${base}/credits`, shopper.key)).toBe(
      `{"data":{"total_credits":3,"total_usage":${cost}}}`,
    )
  }
  await gateway.context.receipts.idle()
  for (const path of ['/api/v1/key', '/v1/auth/key']) {
    const key = await read(path, shopper.key)
    expect(key).toContain(
      `"usage":${cost},"usage_daily":${cost},"usage_weekly":${cost},"usage_monthly":${cost}`,
    )
    expect(JSON.parse(key).data).toMatchObject({
      limit: 1,
      limit_reset: 'monthly',
      limit_remaining: 1 - Number(cost),
      rate_limit: { requests: 50 },
    })
    expect(key).not.toContain(shopper.key.slice(19))
  }
  expect((await get('/v1/generation', shopper.key)).status).toBe(400)
  expect((await get('/v1/key')).status).toBe(401)
})

test('a script in a browser may ask, and the public keys are for everybody', async () => {
  const preflight = await fetch(`${gateway.origin}/api/v1/credits`, {
    method: 'OPTIONS',
    headers: { origin: 'https://app.example.org', 'access-control-request-method': 'GET' },
  })
  expect(preflight.status).toBe(204)
  const keys = await get('/.well-known/jwks.json')
  expect(keys.headers.get('access-control-allow-origin')).toBe('*')
  expect(keys.headers.get('cache-control')).toBe('public, max-age=300')
  const posted = await fetch(`${gateway.origin}/v1/credits`, { method: 'POST' })
  expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS'])
})

test('every booked request is signed without anybody asking, and the metric counts it', async () => {
  const answers = await Promise.all(Array.from({ length: 40 }, () => chat({ stream: true })))
  await gateway.settleAndAudit()
  await gateway.context.receipts.idle()
  const { rows } = await gateway.database.database.pool.query(
    `SELECT count(*) FILTER (WHERE r.id IS NULL) AS unsigned, count(r.id) AS signed
     FROM ledger.usage_record u LEFT JOIN ledger.receipt r ON r.id = u.id`,
  )
  expect(rows[0].unsigned).toBe('0')
  expect(Number(rows[0].signed)).toBeGreaterThanOrEqual(answers.length)
  const metrics = await read('/metrics')
  expect(metrics).toContain(`gateway_receipts_signed_total ${rows[0].signed}\n`)
  expect(metrics).toContain('gateway_receipts_unsigned 0\n')
})
