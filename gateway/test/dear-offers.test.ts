/** One seller's fancy price is his own affair: it binds no money of buyers whom others serve. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Buyer, startTestGateway, type TestGateway } from './support/gateway.ts'
import { completion, type ScriptedUpstream, startScriptedUpstream } from './support/scripted-upstream.ts'

// $2 and $8 a million tokens.
const MODEL = 'openai/gpt-4.1'

let gateway: TestGateway
let upstream: ScriptedUpstream
beforeAll(async () => {
  upstream = await startScriptedUpstream()
  gateway = await startTestGateway()
  const serve = (name: string) => upstream.serve(name, (wire) => wire.json(200, completion('hello')))
  await gateway.listing({ model: MODEL, baseUrl: serve('usual') })
  await gateway.listing({ model: MODEL, baseUrl: serve('twice'), ppm: 2_000_000 })
  const price = { kind: 'fixed', perMTok: { input: '9000', output: '9000' } }
  await gateway.listing({ model: MODEL, baseUrl: serve('fancy'), price })
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})

async function ask({ key }: Buyer, body: Record<string, unknown> = {}) {
  const response = await fetch(`${gateway.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: MODEL, messages: [{ role: 'user', content: 'hi' }], ...body }),
  })
  await response.text()
  return { status: response.status, cap: response.headers.get('x-gateway-max-output-tokens') }
}

test('an answer that the usual price affords is not refused because somebody asks a thousand times as much', async () => {
  const buyer = await gateway.buyer({ usd: '1' })
  expect(await ask(buyer, { max_tokens: 2_000 })).toEqual({ status: 200, cap: '2000; reason=requested' })
  await gateway.settleAndAudit()
})

test('nor is an answer without a maximum cut short', async () => {
  const buyer = await gateway.buyer({ usd: '10' })
  expect((await ask(buyer)).cap).toBe('16384; reason=key_default')
  await gateway.settleAndAudit()
})

test("nor does it use up a small budget of a rich payer's key", async () => {
  const buyer = await gateway.buyer({
    usd: '900',
    key: { budget: { limitNanos: '1000000000', period: 'month' } },
  })
  expect((await ask(buyer, { max_tokens: 2_000 })).status).toBe(200)
  await gateway.settleAndAudit()
})
