/** A buyer asks why a request went where it went, and where one would go; and says who may answer, in OpenRouter's words. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Buyer, startTestGateway, type TestGateway } from './support/gateway.ts'
import {
  completion,
  type Script,
  type ScriptedUpstream,
  startScriptedUpstream,
} from './support/scripted-upstream.ts'

const MODEL = 'openai/gpt-4o-mini'
const OTHER = 'openai/gpt-4.1-mini'

let gateway: TestGateway
let upstream: ScriptedUpstream
let buyer: Buyer
const listings: Record<string, string> = {}

const healthy: Script = (wire) => wire.json(200, completion('all good'))
const broken: Script = (wire) => wire.json(500, { error: { message: 'boom' } })

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  gateway = await startTestGateway()
  buyer = await gateway.buyer()
  for (const [name, ppm, models] of [
    ['cheap', 500_000, [MODEL]],
    ['fair', 1_000_000, [MODEL]],
    ['dear', 3_000_000, [MODEL, OTHER]],
  ] as const)
    listings[name] = await gateway.listing({
      name,
      baseUrl: upstream.serve(name, healthy),
      models: [...models],
      ppm,
    })
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})

interface Told {
  id: string
  model: string
  error: { code: string; message: string; param: string; request_id: string }
  decisions: {
    model: string
    by: string
    replayed: boolean
    excluded: Record<string, number>
    wouldChange: string[]
    candidates: {
      listingId: string
      listing?: string
      rank?: number
      reason?: string
      chance?: number
      expectedUsd: string
    }[]
  }[]
  attempts: { listingId: string; model: string; outcome: string }[]
}

async function ask(body: Record<string, unknown>, headers: Record<string, string> = {}) {
  const response = await fetch(`${gateway.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${buyer.key}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({
      model: MODEL,
      max_tokens: 50,
      messages: [{ role: 'user', content: 'hello' }],
      ...body,
    }),
  })
  return { status: response.status, headers: response.headers, body: (await response.json()) as Told }
}

async function routeOf(id: string, token = buyer.key) {
  // Written behind the answer, in batches.
  for (let tries = 0; ; tries += 1) {
    const response = await fetch(`${gateway.origin}/api/requests/${id}/route`, {
      headers: { authorization: `Bearer ${token}` },
    })
    if (response.status === 200 || tries === 40)
      return { status: response.status, body: (await response.json()) as Told }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

test('a buyer sees who could have served a request, with what chance, and that the decision can be made again', async () => {
  const answer = await ask({}, { 'x-gateway-explain': '1' })
  expect(answer.status).toBe(200)
  expect(answer.headers.get('x-gateway-route')).toMatch(/^first=lst-\w+; by=draw; candidates=3; offers=\d+; /)
  const { body } = await routeOf(answer.body.id)
  const decision = body.decisions[0] as Told['decisions'][number]
  expect(decision.replayed).toBe(true)
  expect(decision.by).toBe('draw')
  const chances = Object.fromEntries(
    decision.candidates
      .filter(({ chance }) => chance !== undefined)
      .map(({ listingId, chance }) => [listingId, chance]),
  )
  // Price⁻²: 4, 1 and 1/9 parts of 5 1/9.
  expect(chances[listings.cheap as string]).toBeCloseTo(0.7826, 2)
  expect(chances[listings.fair as string]).toBeCloseTo(0.1957, 2)
  expect(chances[listings.dear as string]).toBeCloseTo(0.0217, 2)
  expect(body.attempts).toHaveLength(1)
  expect(body.attempts[0]).toMatchObject({ outcome: 'ok', model: MODEL })
  expect(decision.excluded.policy_ignore).toBeGreaterThan(0)
  expect(JSON.stringify(body)).not.toContain('hello')
})

test('every cheaper seller that was passed over has a reason, and the explanation says what would have changed it', async () => {
  const answer = await ask({ provider: { ignore: [listings.cheap], order: [listings.dear] } })
  const { body } = await routeOf(answer.body.id)
  const decision = body.decisions[0] as Told['decisions'][number]
  expect(decision.by).toBe('order')
  expect(decision.candidates[0]).toMatchObject({ listingId: listings.dear, listing: 'dear', rank: 1 })
  const reasons = new Map(decision.candidates.map(({ listingId, reason }) => [listingId, reason]))
  expect(reasons.get(String(listings.cheap))).toBe('policy_ignore')
  expect(reasons.get(String(listings.fair))).toBe('later_in_order')
  expect(decision.wouldChange.join()).toContain(`${listings.cheap} at $`)
})

test('attempts that failed stand in the explanation, and the refusal too', async () => {
  upstream.serve('cheap', broken)
  try {
    const answer = await ask({ provider: { sort: 'price' } })
    expect(answer.status).toBe(200)
    const { body } = await routeOf(answer.body.id)
    expect(body.attempts.map(({ outcome }) => outcome)).toEqual(['server_error', 'ok'])
    expect(body.attempts[0]?.listingId).toBe(listings.cheap)
    const refused = await ask({ provider: { only: [listings.cheap] } })
    expect(refused.status).toBe(502)
    const told = await routeOf(refused.body.error.request_id)
    expect(told.body).toMatchObject({ error: 'upstream_failed', attempts: [{ outcome: 'server_error' }] })
  } finally {
    upstream.serve('cheap', healthy)
  }
})

test('an explanation is the buyer’s and the operator’s, nobody else’s', async () => {
  const answer = await ask({})
  await routeOf(answer.body.id)
  const other = await gateway.buyer()
  const stranger = await fetch(`${gateway.origin}/api/requests/${answer.body.id}/route`, {
    headers: { authorization: `Bearer ${other.key}` },
  })
  expect(stranger.status).toBe(404)
  expect((await routeOf(answer.body.id, gateway.operator.token)).status).toBe(200)
  const nobody = await fetch(`${gateway.origin}/api/requests/${answer.body.id}/route`)
  expect(nobody.status).toBe(401)
})

test('a dry run tells where a request would go and takes nothing', async () => {
  const before = await gateway.balanceNanos(buyer)
  const response = await fetch(`${gateway.origin}/api/route`, {
    method: 'POST',
    headers: { authorization: `Bearer ${buyer.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: MODEL,
      inputTokens: 1_000,
      maxOutputTokens: 100,
      provider: { sort: 'price' },
    }),
  })
  expect(response.status).toBe(200)
  const { decisions } = (await response.json()) as Told
  expect(decisions[0]?.by).toBe('price')
  expect(decisions[0]?.candidates[0]).toMatchObject({ listingId: listings.cheap, rank: 1 })
  // 1,000 prompt tokens at $0.075 and 100 completion tokens at $0.30 per million.
  expect(decisions[0]?.candidates[0]?.expectedUsd).toBe('0.000105')
  expect(await gateway.balanceNanos(buyer)).toEqual(before)
  const empty = await fetch(`${gateway.origin}/api/route`, {
    method: 'POST',
    headers: { authorization: `Bearer ${buyer.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: MODEL }),
  })
  expect(empty.status).toBe(400)
})

test('sort, only, max_price and the suffixes steer the choice', async () => {
  const used = async (body: Record<string, unknown>) => {
    const { body: told } = await routeOf((await ask(body)).body.id)
    return told.attempts[0]?.listingId
  }
  expect(await used({ provider: { sort: 'price' } })).toBe(listings.cheap)
  expect(await used({ model: `${MODEL}:floor` })).toBe(listings.cheap)
  expect(await used({ provider: { only: [listings.dear] } })).toBe(listings.dear)
  expect((await ask({ model: `${MODEL}:nitro` })).status).toBe(200)
  const tooDear = await ask({ provider: { max_price: { prompt: 0.01 } } })
  expect(tooDear.status).toBe(404)
  expect(tooDear.body.error.message).toContain('policy_max_price')
})

test('what a request demands and nobody promises is refused by name', async () => {
  for (const [provider, param] of [
    [{ data_collection: 'deny' }, 'provider.data_collection'],
    [{ quantizations: ['fp8'] }, 'provider.quantizations'],
    [{ sort: 'luck' }, 'provider.sort'],
    [{ order: 'openai' }, 'provider.order'],
    [{ max_price: { prompt: 'cheap' } }, 'provider.max_price.prompt'],
  ] as const) {
    const { status, body } = await ask({ provider })
    expect(status).toBe(400)
    expect(body.error.param).toBe(param)
  }
})

test('when nobody can serve the first model, the next one named answers, under its own name and price', async () => {
  upstream.serve('cheap', broken)
  upstream.serve('fair', broken)
  try {
    const answer = await ask({ models: [MODEL, OTHER], provider: { ignore: [listings.dear] } })
    // Both sellers of the first fail, and the only seller of the other is ignored.
    expect(answer.status).toBe(502)
    const served = await ask({
      model: OTHER,
      models: [OTHER, MODEL],
      provider: { only: [listings.dear] },
    })
    expect(served.body.model).toBe(OTHER)
    const fallen = await ask({
      models: [MODEL, OTHER],
      provider: { ignore: [listings.cheap], order: [listings.fair], sort: 'price' },
    })
    expect(fallen.status).toBe(200)
    expect(fallen.headers.get('x-gateway-model')).toBe(fallen.body.model)
    const { body } = await routeOf(fallen.body.id)
    expect(body.decisions.map(({ model }) => model)).toEqual([MODEL, OTHER])
  } finally {
    upstream.serve('cheap', healthy)
    upstream.serve('fair', healthy)
  }
  const { body } = await ask({ models: ['openai/no-such-model'], model: undefined })
  expect(body.error.code).toBe('model_not_found')
})

test('a conversation goes back to the seller that has its prompt in the cache', async () => {
  const turns = { prompt_cache_key: 'conversation 1' }
  const first = await ask({ ...turns, provider: { only: [listings.fair] } })
  expect(first.status).toBe(200)
  for (let turn = 0; turn < 5; turn += 1) {
    const { body } = await routeOf((await ask({ ...turns, provider: { ignore: [listings.cheap] } })).body.id)
    expect(body.decisions[0]?.by).toBe('sticky')
    expect(body.attempts[0]?.listingId).toBe(listings.fair)
  }
})
