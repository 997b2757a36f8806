/** A buyer who says what one request may cost at most: it never costs more, and the answer says why it is short. */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Buyer, startTestGateway, type TestGateway } from './support/gateway.ts'
import {
  chunk,
  completion,
  type ScriptedUpstream,
  startScriptedUpstream,
} from './support/scripted-upstream.ts'

// $2 and $8 a million tokens.
const MODEL = 'openai/gpt-4.1'
const OUTPUT_NANOS = 8_000n

let gateway: TestGateway
let upstream: ScriptedUpstream
let buyer: Buyer

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  gateway = await startTestGateway()
  // Whatever maximum it is told, it goes on: what the gateway sends on is then all that stops it.
  const baseUrl = upstream.serve('deaf', async (wire) => {
    if (wire.visit.json.stream !== true) {
      await wire.json(
        200,
        completion('word '.repeat(500), {
          usage: { prompt_tokens: 20, completion_tokens: 500, total_tokens: 520 },
        }),
      )
      return
    }
    await wire.stream()
    for (let index = 0; index < 400 && !wire.gone(); index += 1) {
      await wire.event(chunk({ content: ' word' }))
      // Slow enough that it is still writing when it is stopped.
      if (index > 150) await delay(4)
    }
    await wire.event(chunk({}, 'stop'))
    await wire.event('[DONE]')
    await wire.endStream()
  })
  await gateway.listing({ model: MODEL, baseUrl })
  buyer = await gateway.buyer()
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})

function ask(body: Record<string, unknown>, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${gateway.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${buyer.key}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model: MODEL, messages: [{ role: 'user', content: 'Go on.' }], ...body }),
  })
}

const eventsIn = (text: string) =>
  text
    .split('\n\n')
    .filter((event) => event.startsWith('data: {'))
    .map((event) => JSON.parse(event.slice(6)))

test('a stream ends before it would cost more, with finish_reason length, and says why', async () => {
  const response = await ask({ stream: true, stream_options: { include_usage: true }, max_cost: 0.001 })
  const events = eventsIn(await response.text())
  const last = events.find(({ gateway: note }) => note !== undefined)
  expect(last.choices).toEqual([{ index: 0, delta: {}, finish_reason: 'length' }])
  expect(last.gateway).toEqual({ stopped_by: 'max_cost', max_cost: 0.001 })
  const { cost, completion_tokens: told } = events.at(-1).usage
  const costNanos = await gateway.bookedNanos(events[0].id)
  expect(costNanos).toBe(BigInt(Math.round(cost * 1e9)))
  // Not a token more than the limit has room for, and not many fewer: 0.001 buys some 120 of them.
  expect(costNanos).toBeLessThanOrEqual(1_000_000n)
  expect(costNanos).toBeGreaterThan(1_000_000n - 2n * OUTPUT_NANOS)
  expect(events.filter(({ choices }) => choices[0]?.delta?.content)).toHaveLength(told)
  await expect.poll(() => upstream.visitsOf('deaf').at(-1)?.abortedAtMs).toBeDefined()
  await gateway.settleAndAudit()
  const { rows } = await gateway.database.database.pool.query(
    `SELECT billed, finish_reason, usage_source FROM ledger.usage_record WHERE model = $1`,
    [MODEL],
  )
  expect(rows).toEqual([{ billed: 'delivered', finish_reason: 'max_cost', usage_source: 'counted' }])
})

test('with several choices each of them ends', async () => {
  const response = await ask({ stream: true, n: 2, max_cost: '0.001' })
  const last = eventsIn(await response.text()).find(({ gateway: note }) => note !== undefined)
  expect(last.choices.map(({ index }: { index: number }) => index)).toEqual([0, 1])
  await gateway.settleAndAudit()
})

test('the upstream is told how many tokens there is room for, and so is the client', async () => {
  const response = await ask({ stream: true, max_cost: 0.001, max_tokens: 5_000 })
  const [, cap] =
    /^(\d+); reason=max_cost$/.exec(response.headers.get('x-gateway-max-output-tokens') ?? '') ?? []
  await response.text()
  const sent = upstream.visitsOf('deaf').at(-1)?.json as Record<string, number>
  expect(String(sent.max_completion_tokens)).toBe(cap)
  expect(sent.max_cost).toBeUndefined()
  expect(BigInt(cap as string) * OUTPUT_NANOS).toBeLessThan(1_000_000n)
})

test('a limit with room to spare changes nothing', async () => {
  const response = await ask({ stream: true, max_cost: 1, max_tokens: 10_000 })
  const text = await response.text()
  expect(text).not.toContain('stopped_by')
  expect(text).toContain('"finish_reason":"stop"')
  expect(response.headers.get('x-gateway-max-output-tokens')).toBe('10000; reason=requested')
  await gateway.settleAndAudit()
})

test('an answer that comes whole and costs more is billed up to the limit, told by the header or the body', async () => {
  for (const limited of [() => ask({ max_cost: 0.002 }), () => ask({}, { 'x-gateway-max-cost': '0.002' })]) {
    const response = await limited()
    const { id, usage } = JSON.parse(await response.text())
    expect([usage.cost, await gateway.bookedNanos(id)]).toEqual([0.002, 2_000_000n])
  }
  await gateway.settleAndAudit()
})

test('a prompt that alone may cost more is refused before any upstream hears of it, with what it needs', async () => {
  const before = upstream.visitsOf('deaf').length
  const response = await ask({ max_cost: 0.000001 })
  expect(response.status).toBe(400)
  const { error } = JSON.parse(await response.text())
  expect(error).toMatchObject({ code: 'invalid_value', param: 'max_cost' })
  expect(error.message).toMatch(/max_cost is \$0\.000001, and the prompt alone may cost \$0\.0/)
  expect(BigInt(error.metadata.needed_nanos)).toBeGreaterThan(1_000n)
  expect(upstream.visitsOf('deaf')).toHaveLength(before)
  await gateway.settleAndAudit()
})

test.each([0, -1, 'much', '1e-3', '0.0000000001', '', Number.MAX_VALUE, true, {}])(
  'max_cost %j is refused with a sentence',
  async (value) => {
    const response = await ask({ max_cost: value })
    expect(response.status).toBe(400)
    expect(JSON.parse(await response.text()).error).toMatchObject({ param: 'max_cost' })
  },
)

test('digits below a nano-dollar do not count, so that a charge is never above the number that was sent', async () => {
  const { usage } = JSON.parse(await (await ask({ max_cost: 0.0020000009 })).text())
  expect(usage.cost).toBe(0.002)
  await gateway.settleAndAudit()
})

test('a header that is no amount is refused by its own name; null in the body is no limit', async () => {
  const refused = await ask({}, { 'x-gateway-max-cost': 'cheap' })
  expect(JSON.parse(await refused.text()).error).toMatchObject({
    code: 'invalid_value',
    param: 'x-gateway-max-cost',
  })
  expect((await ask({ max_cost: null })).status).toBe(200)
  await gateway.settleAndAudit()
})
