import OpenAI from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestGateway, type TestGateway } from './support/gateway.ts'

let gateway: TestGateway

beforeAll(async () => {
  gateway = await startTestGateway()
})
afterAll(() => gateway.close())

/** Reads the cost from the bytes of an answer, without a float in between. */
const costIn = (text: string) => /"cost":([\d.]+)/.exec(text)?.[1] as string

function nanosOf(usd: string): bigint {
  const [whole = '0', fraction = ''] = usd.split('.')
  return BigInt(whole) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'))
}

test("OpenAI's quick start works with only the base URL and the key changed", async () => {
  const client = new OpenAI({ baseURL: gateway.summary.baseUrl, apiKey: gateway.summary.apiKey as string })
  const completion = await client.chat.completions.create({
    model: 'gpt-4o-mini',
    messages: [
      { role: 'developer', content: 'You are a helpful assistant.' },
      { role: 'user', content: 'Write a haiku about recursion in programming.' },
    ],
  })
  expect(completion.id).toMatch(/^gen-[0-9a-z]{26}$/)
  expect(completion.object).toBe('chat.completion')
  expect(completion.model).toBe('openai/gpt-4o-mini')
  expect(completion.choices[0]?.message.content).toMatch(/demo upstream/i)
  expect(completion.choices[0]?.finish_reason).toBe('stop')
  expect(completion.usage?.total_tokens).toBe(
    (completion.usage?.prompt_tokens ?? 0) + (completion.usage?.completion_tokens ?? 0),
  )
  expect(completion._request_id).toBe(completion.id)
  await gateway.settleAndAudit()
})

test('the cost in the answer is the cost in the books, to the nano-dollar, and the seller gets it less the fee', async () => {
  const buyer = await gateway.buyer({ usd: '5', demo: true })
  const before = await gateway.balanceNanos(buyer)
  const { data, response } = await buyer.openai.chat.completions
    .create({ model: 'openai/gpt-4o-mini', messages: [{ role: 'user', content: 'How much is this?' }] })
    .withResponse()
  const told = nanosOf(response.headers.get('x-gateway-cost') as string)
  expect(told).toBeGreaterThan(0n)
  expect((data.usage as unknown as { cost: number }).cost).toBeCloseTo(Number(told) / 1e9, 12)
  expect(await gateway.bookedNanos(data.id)).toBe(told)
  const after = await gateway.balanceNanos(buyer)
  expect(before.balanceNanos - after.balanceNanos).toBe(told)
  expect(after.heldNanos).toBe(0n)
  const { rows } = await gateway.database.database.pool.query(
    `SELECT a.code, e.amount::text FROM ledger.entry e JOIN ledger.account a ON a.id = e.account_id JOIN ledger.usage_record u ON u.id = e.journal_id
     WHERE u.organisation_id = (SELECT id FROM organisation o WHERE o.id IN (SELECT "organisationId" FROM membership WHERE "userId" IN (SELECT id FROM "user" WHERE email = 'buyer-1@example.test')))`,
  )
  const byCode = Object.fromEntries(rows.map(({ code, amount }) => [code, BigInt(amount)]))
  expect(byCode.buyer_cash).toBe(told)
  expect(-(byCode.seller_pending as bigint)).toBe((told * 9_500n) / 10_000n)
  expect((byCode.seller_pending as bigint) + (byCode.platform_fee as bigint)).toBe(-told)
  await gateway.settleAndAudit()
})

test('the API answers at /v1, at /api/v1 and bare, with and without a slash at the end', async () => {
  for (const path of [
    '/v1/chat/completions',
    '/api/v1/chat/completions',
    '/chat/completions',
    '/v1/chat/completions/',
    '/v1/chat/completions?beta=true',
  ]) {
    const response = await fetch(gateway.origin + path, {
      method: 'POST',
      headers: {
        authorization: `bearer ${gateway.summary.apiKey}`,
        'content-type': 'application/json; charset=utf-8',
      },
      body: '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hi"}],"max_tokens":5}',
    })
    const text = await response.text()
    expect(response.status, path + text).toBe(200)
    expect(response.headers.get('x-request-id')).toBe(JSON.parse(text).id)
    expect(nanosOf(costIn(text))).toBe(await gateway.bookedNanos(JSON.parse(text).id))
  }
})

test('models are listed with prices, and found by id with a slash raw or encoded and by alias', async () => {
  const client = new OpenAI({ baseURL: gateway.summary.baseUrl, apiKey: gateway.summary.apiKey as string })
  const listed = await client.models.list()
  const mini = listed.data.find(({ id }) => id === 'openai/gpt-4o-mini') as OpenAI.Model & {
    pricing: { prompt: string }
  }
  expect(mini).toMatchObject({
    object: 'model',
    owned_by: 'openai',
    pricing: { prompt: '0.00000015', completion: '0.0000006' },
  })
  expect(mini.created).toBeGreaterThan(1_600_000_000)
  expect(mini.created).toBeLessThan(2_500_000_000)
  const get = async (id: string) => {
    const response = await fetch(`${gateway.summary.baseUrl}/models/${id}`, {
      headers: { 'x-api-key': gateway.summary.apiKey as string },
    })
    return { status: response.status, body: (await response.json()) as { id: string } }
  }
  for (const id of ['openai/gpt-4o-mini', 'openai%2Fgpt-4o-mini', 'gpt-4o-mini', 'gpt-4o-mini/']) {
    expect((await get(id)).body.id, id).toBe('openai/gpt-4o-mini')
  }
  expect(await get('gpt-5o')).toMatchObject({
    status: 404,
    body: { error: { code: 'model_not_found', param: 'model' } },
  })
})

test('a missing maximum is capped, and the answer says at what and why', async () => {
  const response = await fetch(`${gateway.summary.baseUrl}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.summary.apiKey}`, 'content-type': 'application/json' },
    body: '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hi"}]}',
  })
  expect(response.headers.get('x-gateway-max-output-tokens')).toMatch(/^\d+; reason=\w+$/)
  await response.text()
})

test('twenty requests at once without a maximum pass on the demo balance', async () => {
  const client = new OpenAI({
    baseURL: gateway.summary.baseUrl,
    apiKey: gateway.summary.apiKey as string,
    maxRetries: 0,
  })
  const ask = (index: number) =>
    client.chat.completions.create({
      model: 'gpt-4o',
      messages: [{ role: 'user', content: `number ${index}` }],
    })
  const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => ask(index)))
  expect(new Set(answers.map(({ id }) => id)).size).toBe(20)
  await gateway.settleAndAudit()
})
