import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestGateway, type TestGateway } from './support/gateway.ts'
import { completion, type ScriptedUpstream, startScriptedUpstream } from './support/scripted-upstream.ts'

let gateway: TestGateway
let upstream: ScriptedUpstream

const MODEL = 'openai/gpt-4o-mini'
const path = '/api/marketplace/prices/preview'

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  gateway = await startTestGateway({ env: { GATEWAY_PRICE_NOTICE_S: '0' } })
})
afterAll(async () => {
  await gateway.settleAndAudit()
  await gateway.close()
  await upstream.close()
})

async function preview(body: object) {
  const answer = await gateway.api('post', path).send(body)
  expect(answer.status, answer.text).toBe(200)
  return answer.body
}

test('what a preview says is what is charged when the price is asked', async () => {
  const usage = { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 }
  const baseUrl = upstream.serve('previewed', (wire) =>
    wire.json(200, completion('one two three', { usage })),
  )
  const before = { kind: 'fixed', perMTok: { input: '0.333333', output: '1.7' } }
  const listing = await gateway.listing({ model: MODEL, baseUrl, price: before })
  const buyer = await gateway.buyer({ key: { policy: { only: [listing] } } })
  const calls = async (count: number) => {
    for (let done = 0; done < count; done += 1)
      await buyer.openai.chat.completions.create({
        model: MODEL,
        messages: [{ role: 'user', content: 'hello hello' }],
      })
    await gateway.settleAndAudit()
  }
  await calls(3)

  const same = await preview({ model: MODEL, price: before, listing })
  expect(same.replay).toMatchObject({ requests: 3, isComplete: true })
  expect(same.replay.idle).toEqual(same.replay.was)
  expect(same.replay.full).toEqual(same.replay.was)

  const next = { kind: 'fixed', perMTok: { input: '2.123457', output: '9.5' }, perRequest: '0.000001' }
  const asked = await preview({ model: MODEL, price: next, listing })
  const put = await gateway
    .api('put', `/api/marketplace/listings/${listing}`)
    .send({ models: [{ model: MODEL, price: next }] })
  expect(put.status, put.text).toBe(200)
  await calls(3)
  const { replay } = await preview({ model: MODEL, price: next, listing })
  expect(replay.requests).toBe(6)
  const earned = BigInt(replay.was.sellerNanos) - BigInt(same.replay.was.sellerNanos)
  expect(earned).toBe(BigInt(asked.replay.idle.sellerNanos))
  expect(earned).toBeGreaterThan(0n)
})

test('the price against the fill goes from the floor to the ceiling, and the week shows each window', async () => {
  const shown = await preview({
    model: MODEL,
    price: {
      kind: 'scheduled',
      base: { kind: 'fixed', perMTok: { input: '1', output: '2' } },
      windows: [
        {
          from: '22:00',
          to: '06:00',
          timeZone: 'UTC',
          price: { kind: 'fixed', perMTok: { input: '0.5', output: '1' } },
        },
      ],
      load: { floorPpm: 900_000, ceilingPpm: 1_200_000 },
    },
  })
  expect(shown.fill).toHaveLength(21)
  const ratio = Number(shown.fill[20].input) / Number(shown.fill[0].input)
  expect(ratio).toBeCloseTo(1.2 / 0.9)
  expect(new Set(shown.week.map(({ input }: { input: string }) => input))).toEqual(new Set(['0.9', '0.45']))
  expect(shown.week.length).toBeGreaterThanOrEqual(14)
  expect(shown.replay).toBeNull()
})

test('a preview refuses what a listing would refuse, and shows nobody another seller’s requests', async () => {
  const refused = await gateway
    .api('post', path)
    .send({ model: MODEL, price: { kind: 'multiplier', ppm: 1 } })
  expect(refused.status).toBe(400)
  const unknown = await gateway
    .api('post', path)
    .send({ model: 'openai/no-such', price: { kind: 'multiplier', ppm: 1_000_000 } })
  expect([unknown.status, unknown.body.error.param]).toEqual([400, 'model'])
  const listing = await gateway.listing({
    model: MODEL,
    baseUrl: upstream.serve('mine', (wire) => wire.json(200, completion('x'))),
  })
  const person = await gateway.api('post', '/api/users').send({
    email: 'rival@example.test',
    name: 'Rival',
    roles: ['seller'],
    password: 'a long enough password',
  })
  expect(person.status, person.text).toBe(201)
  const login = await fetch(`${gateway.origin}/api/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'rival@example.test', password: 'a long enough password' }),
  })
  const { token } = (await login.json()) as { token: string }
  const spied = await fetch(`${gateway.origin}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ model: MODEL, price: { kind: 'multiplier', ppm: 1_000_000 }, listing }),
  })
  expect(spied.status).toBe(404)
})
