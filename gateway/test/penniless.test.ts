/** What costs nobody anything must take nothing: a buyer without money, and an answer without a word. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestGateway, type TestGateway } from './support/gateway.ts'
import { completion, type ScriptedUpstream, startScriptedUpstream } from './support/scripted-upstream.ts'

let gateway: TestGateway
let upstream: ScriptedUpstream
beforeAll(async () => {
  upstream = await startScriptedUpstream()
  gateway = await startTestGateway()
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})

async function ask(key: string, model: string) {
  const response = await fetch(`${gateway.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, max_tokens: 20, messages: [{ role: 'user', content: 'hi' }] }),
  })
  return { status: response.status, id: String(response.headers.get('x-request-id')) }
}

test('a buyer without money takes nothing of what a seller has for the others', async () => {
  await gateway.listing({
    model: 'openai/gpt-4.1',
    baseUrl: upstream.serve('small', (wire) => wire.json(200, completion('hello'))),
    capacity: { requestsPerMinute: 5, concurrency: 1 },
  })
  const penniless = await gateway.buyer({ usd: '0' })
  for (let count = 0; count < 20; count += 1) expect((await ask(penniless.key, 'gpt-4.1')).status).toBe(402)
  const buyer = await gateway.buyer()
  for (let count = 0; count < 5; count += 1) expect((await ask(buyer.key, 'gpt-4.1')).status).toBe(200)
  expect((await ask(buyer.key, 'gpt-4.1')).status).toBe(503)
  expect(upstream.visitsOf('small')).toHaveLength(5)
})

test("a seller's own server is paid nothing for an answer without a word, whatever tokens it reports", async () => {
  await gateway.listing({
    model: 'openai/gpt-4o',
    baseUrl: upstream.serve('blank', (wire) =>
      wire.json(
        200,
        completion('', { usage: { prompt_tokens: 9, completion_tokens: 16, total_tokens: 25 } }),
      ),
    ),
  })
  const buyer = await gateway.buyer()
  const { status, id } = await ask(buyer.key, 'gpt-4o')
  expect(status).toBe(200)
  expect((await gateway.bookedNanos(id)) ?? 0n).toBe(0n)
  expect((await gateway.balanceNanos(buyer)).balanceNanos).toBe(10_000_000_000n)
})
