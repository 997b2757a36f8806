import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Buyer, startTestGateway, type TestGateway } from './support/gateway.ts'
import { completion, type ScriptedUpstream, startScriptedUpstream } from './support/scripted-upstream.ts'

let gateway: TestGateway
let upstream: ScriptedUpstream
let buyer: Buyer
const listings: Record<'cheap' | 'dear' | 'deepseek', string> = { cheap: '', dear: '', deepseek: '' }

// The demo sellers do not have it.
const MODEL = 'openai/gpt-4-turbo'

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  gateway = await startTestGateway({ env: { GATEWAY_PRICE_NOTICE_S: '3600' } })
  const served = (name: string) => upstream.serve(name, (wire) => wire.json(200, completion('hello')))
  listings.cheap = await gateway.listing({
    model: MODEL,
    ppm: 500_000,
    baseUrl: served('cheap'),
    name: 'cove',
  })
  listings.dear = await gateway.listing({
    models: [MODEL, 'openai/gpt-4.1-mini'],
    ppm: 2_000_000,
    baseUrl: served('dear'),
    name: 'bay',
    capacity: { requestsPerMinute: 100 },
  })
  listings.deepseek = await gateway.listing({
    model: MODEL,
    provider: 'deepseek',
    price: {
      kind: 'scheduled',
      base: { kind: 'multiplier', ppm: 1_000_000 },
      load: { floorPpm: 900_000, ceilingPpm: 1_100_000 },
    },
    baseUrl: served('deep'),
    name: 'dock',
  })
  buyer = await gateway.buyer({ key: { scopes: ['inference', 'read'] } })
})
afterAll(async () => {
  await gateway.settleAndAudit()
  await gateway.close()
  await upstream.close()
})

interface Shown {
  name: string
  listing: string
  [field: string]: unknown
}

async function offers(
  query: string,
  token = gateway.operator.token,
): Promise<{ data: Shown[]; nextCursor: string | null }> {
  const answer = await fetch(`${gateway.origin}/api/marketplace/offers?${query}`, {
    headers: { authorization: `Bearer ${token}` },
  })
  const text = await answer.text()
  expect(answer.status, text).toBe(200)
  return JSON.parse(text)
}

const names = ({ data }: { data: Shown[] }) => data.map(({ name }) => name)
const ours = `model=${encodeURIComponent(MODEL)}`

test('a buyer compares the offers of a model, the cheapest first, and sees no figure that nobody has', async () => {
  const found = await offers(ours)
  expect(names(found)).toEqual(['cove', 'dock', 'bay'])
  expect(found.data[0]).toMatchObject({
    listing: listings.cheap,
    provider: 'openai',
    backing: 'endpoint',
    standing: 'available',
    speed: { ttftMsP50: null, tokensPerSP50: null },
    reliability: { successShare: null, attempts: 0 },
    reputation: null,
    headroom: null,
    schedule: null,
    announced: null,
  })
  const [, dock, bay] = found.data
  expect(bay).toMatchObject({ headroom: 1 })
  expect(dock?.schedule).toMatchObject({ load: { floorPpm: 900_000 } })
})

test('offers are filtered by what a request needs, by price, by name and by provider', async () => {
  expect(names(await offers(`${ours}&features=vision`))).toEqual(['cove', 'bay'])
  expect(names(await offers(`${ours}&features=vision,tools&provider=openai&q=BA`))).toEqual(['bay'])
  const [cheapest] = (await offers(ours)).data as unknown as { usdPerMTok: { input: string } }[]
  expect(names(await offers(`${ours}&maxInputUsdPerMTok=${cheapest?.usdPerMTok.input}`))).toEqual(['cove'])
  expect(names(await offers(`${ours}&listing=${listings.dear}`))).toEqual(['bay'])
  expect(names(await offers('model=gpt-4-turbo&provider=deepseek'))).toEqual(['dock'])
  expect(names(await offers('model=openai/no-such-model'))).toEqual([])
})

test('pages follow each other in every order without a gap or a repetition', async () => {
  for (const sort of ['price', 'speed', 'reliability', 'reputation']) {
    const whole = names(await offers(`${ours}&sort=${sort}`))
    const paged: string[] = []
    let cursor: string | null = null
    do {
      const page = await offers(`${ours}&sort=${sort}&limit=1${cursor ? `&cursor=${cursor}` : ''}`)
      paged.push(...names(page))
      cursor = page.nextCursor
    } while (cursor !== null)
    expect(paged, sort).toEqual(whole)
    expect(new Set(whole).size).toBe(3)
  }
  const bad = await gateway.api('get', '/api/marketplace/offers?cursor=not-ours')
  expect([bad.status, bad.body.error.param]).toEqual([400, 'cursor'])
})

test('the market is for people and for keys that may read, and for nobody else', async () => {
  expect(names(await offers(ours, buyer.key))).toHaveLength(3)
  expect((await fetch(`${gateway.origin}/api/marketplace/offers`)).status).toBe(401)
  const callsOnly = await gateway.buyer({ key: { scopes: ['inference'] } })
  const refused = await fetch(`${gateway.origin}/api/marketplace/offers`, {
    headers: { authorization: `Bearer ${callsOnly.key}` },
  })
  expect(refused.status).toBe(403)
})

test('the models on offer come with their cheapest price and how many would serve', async () => {
  const { body } = await gateway.api('get', '/api/marketplace/models?q=gpt-4-turbo&limit=50')
  const model = body.data.find(({ id }: { id: string }) => id === MODEL)
  expect(model).toMatchObject({ offers: 3, healthyOffers: 3, cheapest: { listing: listings.cheap } })
  expect(model.providers).toEqual(['deepseek', 'openai'])
  const { body: other } = await gateway.api('get', '/api/marketplace/models?provider=deepseek')
  expect(other.data.map(({ id }: { id: string }) => id)).toEqual([MODEL])
})

test('“use this seller” sends the key there, “avoid” keeps it away, and what was served shows in his record', async () => {
  const answering = async (policy: object) => {
    const chosen = await gateway.buyer({ key: { policy } })
    const before = upstream.visitsOf('dear').length
    for (let count = 0; count < 3; count += 1)
      await chosen.openai.chat.completions.create({
        model: MODEL,
        messages: [{ role: 'user', content: 'hi' }],
      })
    return upstream.visitsOf('dear').length - before
  }
  expect(await answering({ only: [listings.dear] })).toBe(3)
  expect(await answering({ order: [listings.dear] })).toBe(3)
  expect(await answering({ ignore: [listings.dear, 'demo'] })).toBe(0)
  await gateway.settleAndAudit()
  // What came of an attempt is weighed behind the answer.
  await expect
    .poll(async () => (await offers(`${ours}&listing=${listings.dear}`)).data[0])
    .toMatchObject({ reliability: { successShare: 1, attempts: 6 }, reputation: { samples: 6 } })
})

test('a buyer sees an announced price beside the one that holds', async () => {
  const put = await gateway.api('put', `/api/marketplace/listings/${listings.dear}`).send({
    models: [
      { model: MODEL, price: { kind: 'multiplier', ppm: 3_000_000 } },
      { model: 'openai/gpt-4.1-mini', price: { kind: 'multiplier', ppm: 2_000_000 } },
    ],
  })
  expect(put.status, put.text).toBe(200)
  const [bay] = (await offers(`${ours}&listing=${listings.dear}`)).data as unknown as {
    usdPerMTok: { input: string }
    announced: { usdPerMTok: { input: string }; effectiveFrom: string }
  }[]
  expect(Number(bay?.announced.usdPerMTok.input)).toBeCloseTo(Number(bay?.usdPerMTok.input) * 1.5)
  expect(Date.parse(bay?.announced.effectiveFrom ?? '')).toBeGreaterThan(Date.now())
})

test('an offer whose upstream fails is told as such, and “available only” leaves it out', async () => {
  const baseUrl = upstream.serve('sick', (wire) => wire.json(500, { error: { message: 'on fire' } }))
  const sick = await gateway.listing({ model: 'openai/gpt-4.1-nano', baseUrl, name: 'wreck' })
  const caller = await gateway.buyer({ key: { policy: { only: [sick] } } })
  const call = () =>
    caller.openai.chat.completions
      .create({ model: 'openai/gpt-4.1-nano', messages: [{ role: 'user', content: 'hi' }] })
      .catch(() => undefined)
  for (let count = 0; count < 12; count += 1) await call()
  const nano = `model=${encodeURIComponent('openai/gpt-4.1-nano')}&listing=${sick}`
  const [wreck] = (await offers(nano)).data
  expect(wreck?.standing).not.toBe('available')
  expect(wreck).toMatchObject({ reliability: { successShare: 0 } })
  expect(names(await offers(`${nano}&healthy=true`))).toEqual([])
})

test('a name with unseen characters is refused with the field that holds them', async () => {
  const answer = await gateway
    .api('put', `/api/marketplace/listings/${listings.cheap}`)
    .send({ name: 'cove\u202e.evil' })
  expect([answer.status, answer.body.error.param]).toEqual([400, 'name'])
  expect(answer.body.error.message).toMatch(/invisible/)
})
