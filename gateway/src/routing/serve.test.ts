import { expect, test } from 'vitest'
import { makeMarket, makeOffer, testModel } from '../../test/support/market.ts'
import type { Offer } from '../marketplace/offer.ts'
import { GatewayError } from '../platform/errors.ts'
import type { UpstreamFailure } from '../providers/outcome.ts'
import type { Attempted, Plan } from './router.ts'

type Market = ReturnType<typeof makeMarket>
type Script = (offer: Offer) => Attempted<string>

const failing = (
  failed: UpstreamFailure['class'],
  more: Partial<UpstreamFailure> = {},
): Attempted<string> => ({
  failure: { class: failed, message: '', ...more },
})
const strange400 = failing('user_error', { status: 400, callerMessage: 'computer says no' })
const known400 = failing('user_error', { status: 400, callerMessage: 'n must be positive', recognised: true })

function planOf(offers: readonly Offer[], buyer = 'a buyer'): Plan {
  return {
    model: 'test/model',
    buyer,
    requestId: 'gen-planned',
    offers,
    excluded: {},
    panic: false,
    decisions: [],
    asks: new Map([['test/model', { model: testModel, inputTokens: 10, maxOutputTokens: 100 }]]),
  }
}

async function serve(
  market: Market,
  plan: Plan,
  script: Script,
): Promise<{ answer?: string; error?: GatewayError; tried: string[] }> {
  const tried: string[] = []
  try {
    const answer = await market.router.serve(plan, async ({ offer, lease }) => {
      tried.push(offer.listingId)
      const result = script(offer)
      if ('served' in result) lease.end('ok', { tokens: 50 })
      return result
    })
    return { answer, tried }
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    return { error, tried }
  }
}

const answering: Script = ({ listingId }) => ({ served: listingId })
const by = (script: Record<string, Attempted<string>>): Script => {
  return (offer) => script[offer.listingId] ?? answering(offer)
}

function three(): { market: Market; plan: Plan; offers: [Offer, Offer, Offer] } {
  const offers: [Offer, Offer, Offer] = [makeOffer('a'), makeOffer('b'), makeOffer('c')]
  return { market: makeMarket(offers), plan: planOf(offers), offers }
}

test('a 400 that says nothing is tried once elsewhere; if that serves, the first seller was at fault', async () => {
  const { market, offers } = three()
  for (let buyer = 0; buyer < 5; buyer += 1) {
    const { answer, tried } = await serve(market, planOf(offers, `buyer ${buyer}`), by({ a: strange400 }))
    expect(answer).toBe('b')
    expect(tried).toEqual(['a', 'b'])
  }
  expect(market.breakers.standing(offers[0]).state).toBe('open')
})

test('a buyer whose own listing takes what another refuses can neither put that one out nor have it looked at', async () => {
  const { market, offers } = three()
  const ended: string[] = []
  market.onAttempt(({ offer, buyer, outcome }) => offer === offers[0] && ended.push(`${buyer}: ${outcome}`))
  for (let times = 0; times < 40; times += 1) {
    for (const buyer of ['x', 'y'])
      expect((await serve(market, planOf(offers, buyer), by({ a: strange400 }))).answer).toBe('b')
    market.wait(1_000)
  }
  expect(ended.filter((each) => each.endsWith('malformed'))).toEqual(['x: malformed', 'y: malformed'])
  expect(market.breakers.standing(offers[0]).state).toBe('closed')
  expect(market.paused).toEqual([])
})

test('after ten minutes a verdict that a buyer brings about counts again', async () => {
  const { market, plan, offers } = three()
  for (let times = 0; times < 5; times += 1) {
    await serve(market, plan, by({ a: strange400 }))
    await serve(market, plan, by({ a: strange400 }))
    expect(market.breakers.standing(offers[0]).state).toBe(times < 4 ? 'closed' : 'open')
    market.wait(600_000)
  }
})

test('what many buyers find out by a second opinion puts a listing out, never off the market', async () => {
  const { market, offers } = three()
  for (let buyer = 0; buyer < 5; buyer += 1)
    await serve(market, planOf(offers, `buyer ${buyer}`), by({ a: strange400 }))
  expect(market.breakers.standing(offers[0]).state).toBe('open')
  expect(market.paused).toEqual([])
})

test('the second opinion is another seller’s, and only of the same model does it tell on the first', async () => {
  const sellerOrganisationId = 'seller of a'
  const own = makeOffer('own', { sellerOrganisationId })
  const [a, b] = [makeOffer('a'), makeOffer('b')]
  const market = makeMarket([a, own, b])
  expect((await serve(market, planOf([a, own, b]), by({ a: strange400 }))).tried).toEqual(['a', 'b'])
  const other = makeOffer('other', { model: 'test/other', id: 'other:test/other' })
  for (const offers of [
    [a, own],
    [a, other],
  ]) {
    const lenient = makeMarket(offers)
    for (let buyer = 0; buyer < 8; buyer += 1) {
      const plan = planOf(offers, `buyer ${buyer}`)
      const asks = new Map([...plan.asks].flatMap(([id, ask]) => [[id, ask] as const, ['test/other', ask]]))
      expect((await serve(lenient, { ...plan, asks }, by({ a: strange400 }))).answer).toBeDefined()
    }
    expect(lenient.breakers.state(10)).toEqual([])
  }
})

test('a call that nobody asked for, by a vendor’s model, is not its seller’s fault', async () => {
  for (const [backing, paused] of [
    ['key', 0],
    ['endpoint', 1],
  ] as const) {
    const [a, b] = [makeOffer('a', { backing }), makeOffer('b')]
    const market = makeMarket([a, b])
    const calls = by({ a: failing('malformed', { integrity: 'undeclared_tool' }) })
    for (let times = 0; times < 8; times += 1) {
      const { answer } = await serve(market, planOf([a, b], `buyer ${times}`), calls)
      expect(answer).toBe('b')
    }
    expect(market.paused).toHaveLength(paused)
    expect(market.breakers.standing(a).state).toBe('closed')
  }
})

test('a 400 that two sellers give is the buyer’s, and no third is asked', async () => {
  const { market, plan } = three()
  const { error, tried } = await serve(market, plan, by({ a: strange400, b: known400 }))
  expect(tried).toEqual(['a', 'b'])
  expect(error).toMatchObject({ code: 'upstream_rejected_request', message: 'n must be positive' })
  expect(market.breakers.state(10)).toEqual([])
})

test('a refusal in strange words is tried elsewhere whatever its status', async () => {
  for (const status of [400, 413, 415, 422]) {
    const { market, plan } = three()
    const { tried } = await serve(market, plan, by({ a: failing('user_error', { status }) }))
    expect(tried).toEqual(['a', 'b'])
  }
})

test('a refusal in the usual words is told at once', async () => {
  const { market, plan } = three()
  const recognised = true
  for (const refusal of [
    known400,
    failing('user_error', { status: 413, recognised }),
    failing('user_error', { status: 422, recognised }),
    failing('user_error'),
  ]) {
    const { error, tried } = await serve(market, plan, by({ a: refusal }))
    expect(tried).toEqual(['a'])
    expect(error?.status).toBe(400)
    expect(error?.retryable).toBe(false)
  }
})

test('when the second opinion cannot be had, the first stands', async () => {
  const { market, offers } = three()
  const alone = await serve(market, planOf(offers.slice(0, 1)), by({ a: strange400 }))
  expect(alone.error).toMatchObject({ code: 'upstream_rejected_request', message: 'computer says no' })
  const broken = await serve(market, planOf(offers), by({ a: strange400, b: failing('server_error') }))
  expect(broken.tried).toEqual(['a', 'b'])
  expect(broken.error).toMatchObject({ code: 'upstream_rejected_request', message: 'computer says no' })
})

test('a second opinion gives the place back that the first held', async () => {
  const a = makeOffer('a', { concurrency: 1 })
  const b = makeOffer('b')
  const market = makeMarket([a, b])
  await serve(market, planOf([a, b]), (offer) => {
    if (offer.listingId === 'b')
      expect(market.router.state().capacity[0]).toMatchObject({ listingId: 'a', running: 0 })
    return offer.listingId === 'a' ? strange400 : { served: 'b' }
  })
})

test('malformed answers time and again, to several buyers, take a listing off the market for a look', async () => {
  const { market, offers } = three()
  const malformed = by({ a: failing('malformed') })
  for (const buyer of ['x', 'x', 'x', 'x']) {
    await serve(market, planOf([offers[0], offers[1]], buyer), malformed)
    await serve(market, planOf([offers[0]], buyer), answering)
  }
  // One buyer may have found a way to provoke it.
  expect(market.paused).toEqual([])
  await serve(market, planOf([offers[0], offers[1]], 'y'), malformed)
  expect(market.paused).toEqual([{ listingId: 'a', state: 'quarantined', reason: 'malformed_answers' }])
  expect((await serve(market, planOf([offers[0]], 'z'), answering)).tried).toEqual([])
})

test('malformed answers of many sellers behind one provider are not the sellers’', async () => {
  const offers = ['a', 'b', 'c'].map((id) => makeOffer(id, { baseUrl: 'https://provider.test/v1' }))
  const market = makeMarket(offers)
  for (let times = 0; times < 12; times += 1) {
    await serve(market, planOf(offers, `buyer ${times}`), () => failing('malformed'))
    market.wait(1_000)
  }
  expect(market.paused).toEqual([])
})

test('an upstream whose name leads where it must not is quarantined at once, and is no outage of ours', async () => {
  const { market, plan, offers } = three()
  const blocked = failing('network', { blocked: true })
  const { error } = await serve(market, plan, () => blocked)
  expect(error?.code).toBe('upstream_failed')
  expect(market.paused).toEqual([
    { listingId: 'a', state: 'quarantined', reason: 'upstream_blocked' },
    { listingId: 'b', state: 'quarantined', reason: 'upstream_blocked' },
    { listingId: 'c', state: 'quarantined', reason: 'upstream_blocked' },
  ])
  expect((await serve(market, planOf([offers[0]]), answering)).tried).toEqual([])
})

test('when our own network is down, buyers hear `unavailable` and nobody is ejected', async () => {
  const { market, plan, offers } = three()
  for (let times = 0; times < 20; times += 1) {
    const { error } = await serve(market, plan, () => failing('network'))
    expect(error?.code).toBe(times === 0 ? 'upstream_failed' : 'unavailable')
    expect(error?.status).toBe(times === 0 ? 502 : 503)
    market.wait(100)
  }
  for (const offer of offers) expect(market.breakers.standing(offer).state).toBe('closed')
})

test("one buyer's poison uses up that buyer's retries and leaves the others theirs", async () => {
  const offers = Array.from({ length: 60 }, (_, index) => makeOffer(`l${index}`))
  const market = makeMarket(offers)
  let attempts = 0
  for (let request = 0; request < 200; request += 1) {
    const first = (request * 3) % 57
    await serve(market, planOf(offers.slice(first, first + 3), 'poisoner'), () => {
      attempts += 1
      return failing('server_error')
    })
    // Between them everybody is well, so that no breaker opens.
    for (const offer of [...offers.slice(first, first + 3), ...offers.slice(first, first + 3)])
      await serve(market, planOf([offer], ''), answering)
  }
  expect(attempts).toBeLessThanOrEqual(200 + 50)
  const { tried } = await serve(
    market,
    planOf(offers.slice(0, 2), 'honest'),
    by({ l0: failing('server_error') }),
  )
  expect(tried).toEqual(['l0', 'l1'])
})

test('twenty requests at once whose listing dies all move on to listings that work', async () => {
  const { market, plan } = three()
  const attempts = await Promise.all(
    Array.from({ length: 20 }, () => serve(market, plan, by({ a: failing('server_error') }))),
  )
  for (const { answer } of attempts) expect(answer).toBe('b')
})

test('an SDK is asked to try again only when that can be of use', async () => {
  const { market, plan, offers } = three()
  const down: Script = () => failing('server_error')
  const tried = await serve(market, plan, down)
  expect(tried.tried).toHaveLength(3)
  expect(tried.error).toMatchObject({ code: 'upstream_failed', retryable: false })
  const only = await serve(market, planOf([offers[0]]), down)
  expect(only.error).toMatchObject({ retryable: true, details: { retryAfterMs: 1_000 } })
  for (let times = 0; times < 3; times += 1) await serve(market, plan, down)
  const { error } = await serve(market, plan, down)
  // All are open now: the soonest is due in about ten seconds.
  expect(error?.retryable).toBe(true)
  expect(error?.details.retryAfterMs).toBeGreaterThan(5_000)
  expect(error?.details.retryAfterMs).toBeLessThanOrEqual(12_000)
})

test('BRK-18: after a 429 nobody calls before the time the vendor named, and soon after somebody does', async () => {
  const a = makeOffer('a')
  const market = makeMarket([a])
  const storm = await serve(market, planOf([a]), () =>
    failing('rate_limited', { status: 429, retryAfterMs: 20_000 }),
  )
  expect(storm.error?.details.retryAfterMs).toBeGreaterThanOrEqual(20_000)
  let calledAfterMs: number | undefined
  for (let ms = 0; ms < 30_000 && calledAfterMs === undefined; ms += 100) {
    if ((await serve(market, planOf([a]), answering)).tried.length > 0) calledAfterMs = ms
    market.wait(100)
  }
  expect(calledAfterMs).toBeGreaterThanOrEqual(20_000)
  expect(calledAfterMs).toBeLessThanOrEqual(22_100)
})
