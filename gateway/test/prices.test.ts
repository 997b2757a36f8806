import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { countPrompt } from '../src/metering/count-tokens.ts'
import { parseId } from '../src/platform/ids.ts'
import { type Buyer, startTestGateway, type TestGateway } from './support/gateway.ts'
import {
  chunk,
  completion,
  type ScriptedUpstream,
  startScriptedUpstream,
  streaming,
} from './support/scripted-upstream.ts'

const MODEL = 'openai/gpt-4o-mini'
// As many tokens as the upstream reports: a server of the seller's is billed by our own count where it says more.
const words = (count: number) => ' hello'.repeat(count)
const messagesOf = (count: number) => [{ role: 'user' as const, content: words(count) }]
const overhead = countPrompt({ model: MODEL, messages: messagesOf(1) }, 'o200k') - 1
const messages = messagesOf(1_000 - overhead)
const usage = { prompt_tokens: 1_000, completion_tokens: 200, total_tokens: 1_200 }
const fixed = (input: string, more: object = {}) => ({
  kind: 'fixed',
  perMTok: { input, output: '10' },
  ...more,
})

let gateway: TestGateway
let upstream: ScriptedUpstream

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  // A changed price holds at once here, unless a story names a time.
  gateway = await startTestGateway({ env: { GATEWAY_PRICE_NOTICE_S: '0' } })
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})

/** A listing at `price` whose upstream answers with `usage`, and a buyer whose key uses no other. */
async function sold(price: object, { name, capacity }: { name: string; capacity?: Record<string, number> }) {
  const baseUrl = upstream.serve(name, async (wire) => {
    if (wire.visit.json.stream === true) await streaming([words(100), words(100)], usage)(wire)
    else await wire.json(200, completion(words(200), { usage }))
  })
  const listing = await gateway.listing({ baseUrl, model: MODEL, price, ...(capacity ? { capacity } : {}) })
  const buyer = await gateway.buyer({ key: { policy: { only: [listing] } } })
  return { listing, buyer }
}

async function reprice(listing: string, price: object, more: object = {}) {
  const put = gateway.api('put', `/api/marketplace/listings/${listing}`)
  return put.send({ models: [{ model: MODEL, price }], ...more })
}

async function chat(buyer: Buyer, more: object = {}) {
  const response = await fetch(`${gateway.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${buyer.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: MODEL,
      messages,
      max_tokens: 500,
      ...more,
    }),
  })
  const id = response.headers.get('x-request-id') ?? ''
  const text = await response.text()
  expect(response.status, text).toBe(200)
  return { id, text }
}

/** What was booked for a request, and what PostgreSQL makes of its usage and the price beside it. */
async function recordOf(id: string) {
  await gateway.settleAndAudit()
  const { rows } = await gateway.database.database.pool.query(
    `SELECT u.cost_nanos::text AS billed, (u.price->>'version')::int AS version, u.price->>'multiplierPpm' AS ppm,
       ceil(
         ( u.uncached_input * (b->>'uncachedInput')::numeric + u.cache_read * (b->>'cacheRead')::numeric
         + u.cache_write_5m * (b->>'cacheWrite5m')::numeric + u.cache_write_1h * (b->>'cacheWrite1h')::numeric
         + u.audio_input * (b->>'audioInput')::numeric + u.output * (b->>'output')::numeric
         + u.audio_output * (b->>'audioOutput')::numeric + (u.price->>'nanosPerRequest')::numeric * 1000
         ) * (u.price->>'multiplierPpm')::numeric / 1000000000
       )::text AS computed
     FROM ledger.usage_record u CROSS JOIN LATERAL (SELECT u.price->'table'->'base' AS b) t WHERE u.id = $1`,
    [parseId('gen-', id)],
  )
  expect(rows).toHaveLength(1)
  expect(rows[0].computed).toBe(rows[0].billed)
  return { nanos: BigInt(rows[0].billed), version: rows[0].version as number, ppm: rows[0].ppm as string }
}

test('a stream that runs while its price changes is billed at the price it began with', async () => {
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  let hold = false
  const baseUrl = upstream.serve('slow', async (wire) => {
    if (wire.visit.json.stream !== true) return wire.json(200, completion(words(200), { usage }))
    await wire.stream()
    await wire.event(chunk({ role: 'assistant', content: words(100) }))
    if (hold) await held
    await wire.event(chunk({ content: words(100) }, 'stop'))
    await wire.event({ ...chunk({}), choices: [], usage })
    await wire.event('[DONE]')
    await wire.endStream()
  })
  const listing = await gateway.listing({ baseUrl, model: MODEL, price: fixed('1') })
  const buyer = await gateway.buyer({ key: { policy: { only: [listing] } } })
  hold = true
  const stream = await buyer.openai.chat.completions
    .create({ model: MODEL, messages, max_tokens: 500, stream: true })
    .withResponse()
  const reader = stream.data[Symbol.asyncIterator]()
  await reader.next()
  expect((await reprice(listing, fixed('3'))).body.models[0]).toMatchObject({
    priceVersion: 2,
    price: fixed('3'),
  })
  const later = await chat(buyer)
  release()
  while (!(await reader.next()).done) {
    // to its end
  }
  const id = stream.response.headers.get('x-request-id') ?? ''
  // 1,000 prompt tokens at $1 and $3 a million, 200 of the answer at $10.
  expect(await recordOf(id)).toMatchObject({ nanos: 3_000_000n, version: 1 })
  expect(await recordOf(later.id)).toMatchObject({ nanos: 5_000_000n, version: 2 })
  const receipt = await gateway.context.receipts.get(id, {
    organisationId: parseId('org-', buyer.organisationId) as string,
  })
  expect(JSON.parse(receipt.payload)).toMatchObject({
    amount_nanos: '3000000',
    price: { picos_per_token: { uncached_input: '1000000', output: '10000000' } },
  })
})

test('what is billed is the usage at the price that held, for all four kinds of price', async () => {
  const per = await sold(fixed('1', { perRequest: '0.001' }), { name: 'fixed' })
  expect(await recordOf((await chat(per.buyer)).id)).toMatchObject({ nanos: 4_000_000n, ppm: '1000000' })

  // gpt-4o-mini's list price is $0.15 and $0.60 a million.
  const half = await sold({ kind: 'multiplier', ppm: 500_000 }, { name: 'multiplier' })
  expect(await recordOf((await chat(half.buyer)).id)).toMatchObject({ nanos: 135_000n, ppm: '500000' })

  const clock = (hours: number) =>
    `${String((new Date().getUTCHours() + hours + 24) % 24).padStart(2, '0')}:00`
  const window = (from: number, to: number) => ({
    kind: 'scheduled',
    base: fixed('1'),
    windows: [
      { from: clock(from), to: clock(to), timeZone: 'UTC', price: { kind: 'multiplier', ppm: 2_000_000 } },
    ],
  })
  const inside = await sold(window(-1, 2), { name: 'inside' })
  expect(await recordOf((await chat(inside.buyer)).id)).toMatchObject({ nanos: 540_000n, ppm: '2000000' })
  const outside = await sold(window(3, 5), { name: 'outside' })
  expect(await recordOf((await chat(outside.buyer)).id)).toMatchObject({ nanos: 3_000_000n })
})

test('a price that follows the load is dearer for who comes while others are served', async () => {
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  let hold = false
  let arrived = () => {}
  const begun = new Promise<void>((resolve) => {
    arrived = resolve
  })
  const baseUrl = upstream.serve('load', async (wire) => {
    if (hold) {
      hold = false
      arrived()
      await held
    }
    await wire.json(200, completion(words(200), { usage }))
  })
  const price = { kind: 'scheduled', base: fixed('1'), load: { floorPpm: 1_000_000, ceilingPpm: 2_000_000 } }
  const listing = await gateway.listing({ baseUrl, model: MODEL, price, capacity: { concurrency: 2 } })
  const buyer = await gateway.buyer({ key: { policy: { only: [listing] } } })
  hold = true
  const first = chat(buyer)
  await begun
  // The fill that prices follow may be a second old.
  await new Promise((resolve) => setTimeout(resolve, 1_100))
  const [second, told] = [await chat(buyer), await presentPrice(listing)]
  release()
  expect(await recordOf((await first).id)).toMatchObject({ nanos: 3_000_000n, ppm: '1000000' })
  expect(await recordOf(second.id)).toMatchObject({ nanos: 4_500_000n, ppm: '1500000' })
  const metrics = await (await fetch(`${gateway.origin}/metrics`)).text()
  expect(metrics).toMatch(
    /gateway_cheapest_price_usd_per_mtok\{model="openai\/gpt-4o-mini",kind="input"\} 0\.\d+/,
  )
  expect(told).toMatchObject({ fill: 0.5, usdPerMTok: { input: '1.5' }, schedule: price })
})

async function presentPrice(listing: string) {
  const { body } = await gateway.api('get', `/api/marketplace/prices?listing=${listing}`)
  return body.data[0]
}

test('an announced price is told to whoever asks or follows, and holds at its moment without the database', async () => {
  const { listing, buyer } = await sold(fixed('1'), { name: 'announced' })
  const reader = await gateway.buyer({ key: { scopes: ['read'] } })
  const follower = await followPrices(`listing=${listing}`, reader.key)
  expect(await follower.until('snapshot')).toMatchObject({
    complete: true,
    data: [{ version: 1, announced: null }],
  })
  const effectiveAt = new Date(Date.now() + 2_500).toISOString()
  const { body } = await reprice(listing, fixed('3'), { effectiveAt })
  const soon = { version: 2, effectiveFrom: effectiveAt, usdPerMTok: { input: '3', output: '10' } }
  expect(body.models[0]).toMatchObject({ priceVersion: 1, price: fixed('1'), announcedPrice: soon })
  expect(await presentPrice(listing)).toMatchObject({ version: 1, announced: soon })
  expect(await follower.until('announced')).toMatchObject({ version: 1, announced: soon })
  const deaf = withoutMarketReads()
  expect(await recordOf((await chat(buyer)).id)).toMatchObject({ nanos: 3_000_000n, version: 1 })
  expect(await follower.until('price')).toMatchObject({
    version: 2,
    announced: null,
    usdPerMTok: { input: '3' },
  })
  expect(await recordOf((await chat(buyer)).id)).toMatchObject({ nanos: 5_000_000n, version: 2 })
  deaf.mockRestore()
  await follower.leave()
})

/** From now on nobody can read from the database what is on offer. */
function withoutMarketReads() {
  const { pool } = gateway.context.database
  const query = pool.query.bind(pool) as (...args: unknown[]) => unknown
  return vi.spyOn(pool, 'query').mockImplementation(((...args: [{ name?: string }]) => {
    return args[0].name === 'marketplace_offers' ? Promise.reject(new Error('not now')) : query(...args)
  }) as never)
}

test('the history of a listing’s prices is told in pages, newest first', async () => {
  const { listing } = await sold(fixed('1'), { name: 'history' })
  await reprice(listing, fixed('2'))
  await reprice(listing, fixed('3'), { effectiveAt: new Date(Date.now() + 86_400_000).toISOString() })
  await reprice(listing, fixed('4'), { effectiveAt: new Date(Date.now() + 86_400_000).toISOString() })
  const path = `/api/marketplace/listings/${listing}/prices`
  const seen: string[] = []
  let cursor = ''
  do {
    const { body } = await gateway.api('get', `${path}?limit=3${cursor}`)
    seen.push(...body.data.map((each: Record<string, string>) => `${each.version} ${each.state}`))
    cursor = body.nextCursor ? `&cursor=${body.nextCursor}` : ''
  } while (cursor)
  expect(seen).toEqual(['4 announced', '3 cancelled', '2 in_force', '1 past'])
  expect((await gateway.api('get', `${path}?cursor=nonsense`)).status).toBe(400)
  expect((await gateway.api('get', path.replace(/.prices$/, 'x/prices'))).status).toBe(404)
})

test.each([
  ['in the past', { effectiveAt: '2020-01-01T00:00:00Z' }],
  ['further ahead than a month', { effectiveAt: new Date(Date.now() + 32 * 86_400_000).toISOString() }],
  ['that is none', { effectiveAt: 'tomorrow' }],
])('a price cannot begin at a time %s', async (_what, more) => {
  const { listing } = await sold(fixed('1'), { name: 'timing' })
  const refused = await reprice(listing, fixed('2'), more)
  expect([refused.status, refused.body.error.param]).toEqual([400, 'effectiveAt'])
  expect((await presentPrice(listing)).announced).toBeNull()
})

test('the estimate of a request holds what it is billed, offer by offer, the cheapest first', async () => {
  const cheap = await sold(fixed('1', { perRequest: '0.0001' }), { name: 'cheap' })
  const dear = await sold({ kind: 'multiplier', ppm: 10_000_000 }, { name: 'dear' })
  const scopes = { scopes: ['inference', 'read'], policy: { only: [cheap.listing, dear.listing] } }
  const buyer = await gateway.buyer({ key: scopes })
  const question = { model: MODEL, messages, max_tokens: 500 }
  const answer = await estimate(buyer.key, { ...question, expectedOutputTokens: 200 })
  expect(answer.body).toMatchObject({
    tokenizer: { name: 'o200k', exact: true },
    maxOutputTokens: 500,
    maxOutputTokensFrom: 'requested',
    choices: 1,
  })
  expect(answer.body.offers.map(({ listing }: { listing: string }) => listing)).toEqual([
    dear.listing,
    cheap.listing,
  ])
  for (const [offer, { buyer: only }] of [
    [answer.body.offers[1], cheap],
    [answer.body.offers[0], dear],
  ]) {
    const { nanos } = await recordOf((await chat(only, question)).id)
    expect(nanos).toBeGreaterThanOrEqual(BigInt(offer.minNanos))
    expect(nanos).toBeLessThanOrEqual(BigInt(offer.maxNanos))
    expect(BigInt(offer.expectedNanos)).toBeLessThan(BigInt(offer.maxNanos))
  }
  // 1,000 and 500 tokens at $1 and $10 a million, and a hundredth of a cent.
  const bySize = await estimate(buyer.key, { model: MODEL, inputTokens: 1_000, maxOutputTokens: 500 })
  expect(bySize.body.tokenizer).toBeNull()
  expect(bySize.body.offers[1]).toMatchObject({ minNanos: '1110000', maxNanos: '6100000', now: 'usable' })
})

async function estimate(key: string, question: object) {
  const response = await fetch(`${gateway.origin}/api/marketplace/estimate`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(question),
  })
  return { status: response.status, body: JSON.parse(await response.text()) }
}

test('an estimate needs the scope to read, a model that exists and a size', async () => {
  const reader = await gateway.buyer({ key: { scopes: ['read'] } })
  const worker = await gateway.buyer({ key: { scopes: ['inference'] } })
  const question = { model: MODEL, inputTokens: 10 }
  expect((await estimate(reader.key, question)).status).toBe(200)
  expect((await estimate(gateway.operator.token, question)).status).toBe(200)
  expect((await estimate(worker.key, question)).status).toBe(403)
  expect((await estimate('nonsense', question)).status).toBe(401)
  expect((await estimate(reader.key, { ...question, model: 'gpt-5o' })).body.error.code).toBe(
    'model_not_found',
  )
  expect((await estimate(reader.key, { model: MODEL })).body.error.param).toBe('inputTokens')
  expect((await estimate(reader.key, { ...question, inputTokns: 1 })).body.error.param).toBe('inputTokns')
})

test('prices are followed by people and by keys that may read, ten times at most for one organisation', async () => {
  const worker = await gateway.buyer({ key: { scopes: ['inference'] } })
  const reader = await gateway.buyer({ key: { scopes: ['read'] } })
  const open = (key: string) =>
    fetch(`${gateway.origin}/api/marketplace/prices/stream?model=gpt-4o-mini`, {
      headers: { authorization: `Bearer ${key}` },
    })
  expect((await open(worker.key)).status).toBe(403)
  const followers = await Promise.all(Array.from({ length: 10 }, () => followPrices('', reader.key)))
  const refused = await open(reader.key)
  expect([refused.status, ((await refused.json()) as { error: { code: string } }).error.code]).toEqual([
    429,
    'rate_limit_exceeded',
  ])
  const other = await followPrices('model=gpt-4o-mini', gateway.operator.token)
  expect(await other.until('snapshot')).toMatchObject({ complete: true })
  for (const follower of [...followers, other]) await follower.leave()
})

/** Reads the stream of prices; `until` answers the data of the next event of a kind. */
async function followPrices(query: string, token: string) {
  const response = await fetch(`${gateway.origin}/api/marketplace/prices/stream?${query}`, {
    headers: { authorization: `Bearer ${token}` },
  })
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream'])
  const reader = (response.body as ReadableStream<Uint8Array>)
    .pipeThrough(new TextDecoderStream())
    .getReader()
  let text = ''
  return {
    async until(type: string) {
      while (true) {
        const found = new RegExp(`event: ${type}\ndata: (.*)\n\n`).exec(text)
        if (found) {
          text = text.slice(found.index + found[0].length)
          return JSON.parse(found[1] as string)
        }
        const { value, done } = await reader.read()
        if (done) throw new Error(`the stream ended before '${type}': ${text}`)
        text += value
      }
    },
    leave: () => reader.cancel(),
  }
}
