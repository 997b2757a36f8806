import { expect, test } from 'vitest'
import { makeMarket, makeOffer, testModel } from '../../test/support/market.ts'
import type { Offer } from '../marketplace/offer.ts'
import { GatewayError } from '../platform/errors.ts'
import type { UpstreamFailure } from '../providers/outcome.ts'
import type { Attempted, Plan } from './router.ts'

type Market = ReturnType<typeof makeMarket>

const failing = (
  failed: UpstreamFailure['class'],
  more: Partial<UpstreamFailure> = {},
): { failure: UpstreamFailure } => ({
  failure: { class: failed, message: `secret words of the seller about ${failed}`, ...more },
})

/** Serves a request by a script of what each listing does; listings without one answer. */
async function serve(
  market: Market,
  script: Record<string, Attempted<string>> = {},
  plan: Plan = market.plan(),
): Promise<{ answer?: string; error?: GatewayError; tried: string[] }> {
  const tried: string[] = []
  try {
    const answer = await market.router.serve(plan, async ({ offer, lease }) => {
      tried.push(offer.listingId)
      const result = script[offer.listingId] ?? { served: `answer of ${offer.listingId}` }
      if ('served' in result) lease.end('ok', { tokens: 50 })
      return result
    })
    return { answer, tried }
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    return { error, tried }
  }
}

/** A plan in this order, whatever the draw says. */
function planOf(...offers: Offer[]): Plan {
  return {
    model: 'test/model',
    buyer: '',
    requestId: 'gen-planned',
    offers,
    excluded: {},
    panic: false,
    decisions: [],
    asks: new Map([['test/model', { model: testModel, inputTokens: 10, maxOutputTokens: 100 }]]),
  }
}

function three(): { market: Market; a: Offer; b: Offer; c: Offer } {
  const [a, b, c] = [makeOffer('a'), makeOffer('b'), makeOffer('c')]
  return { market: makeMarket([a, b, c]), a, b, c }
}

test('a request whose first upstream fails is served by the second, at once', async () => {
  const { market, a, b, c } = three()
  const { answer, tried } = await serve(market, { a: failing('server_error') }, planOf(a, b, c))
  expect(answer).toBe('answer of b')
  expect(tried).toEqual(['a', 'b'])
  expect(market.slept).toEqual([])
})

test('the third try comes after a short random pause, and there is no fourth', async () => {
  const { market, a, b, c } = three()
  const d = makeOffer('d')
  const broken = { a: failing('server_error'), b: failing('malformed'), c: failing('server_error') }
  const { error, tried } = await serve(market, broken, planOf(a, b, c, d))
  expect(tried).toEqual(['a', 'b', 'c'])
  expect(market.slept).toHaveLength(1)
  expect(market.slept[0]).toBeGreaterThanOrEqual(50)
  expect(market.slept[0]).toBeLessThanOrEqual(250)
  expect(error?.code).toBe('upstream_failed')
  expect(error?.message).not.toContain('secret')
  expect(JSON.stringify(error?.details.cause)).toContain('secret words')
})

test('after a failed connection another origin is preferred to the next offer', async () => {
  const [a, twin, other] = [
    makeOffer('a'),
    makeOffer('twin', { baseUrl: 'https://a.test/v2' }),
    makeOffer('other'),
  ]
  for (const [failed, second] of [
    ['network', 'other'],
    ['server_error', 'twin'],
  ] as const) {
    const market = makeMarket([a, twin, other])
    const { tried } = await serve(market, { a: failing(failed) }, planOf(a, twin, other))
    expect(tried).toEqual(['a', second])
  }
})

test("what the buyer did wrong is told in the buyer's words and tried nowhere else", async () => {
  const { market, a, b } = three()
  const failure = failing('user_error', {
    status: 401,
    callerMessage: 'temperature must be at most 2.',
    param: 'temperature',
    code: 'bad_value',
  })
  const { error, tried } = await serve(market, { a: failure }, planOf(a, b))
  expect(tried).toEqual(['a'])
  expect(error).toMatchObject({
    code: 'upstream_rejected_request',
    status: 400,
    message: 'temperature must be at most 2.',
  })
  expect(error?.details).toMatchObject({ param: 'temperature', metadata: { upstream_code: 'bad_value' } })
  expect(market.router.state().breakers).toEqual([])
  const tooLong = await serve(
    market,
    { a: failing('user_error', { code: 'context_length_exceeded' }) },
    planOf(a),
  )
  expect(tooLong.error?.code).toBe('context_length_exceeded')
})

test("a seller's 401, 402, 403 or 429 is never the buyer's", async () => {
  const { market, a, b, c } = three()
  const refusals = {
    a: failing('key_rejected', { status: 401 }),
    b: failing('quota_exhausted', { status: 402 }),
    c: failing('rate_limited', { status: 429, retryAfterMs: 7_000 }),
  }
  const { error } = await serve(market, refusals, planOf(a, b, c))
  expect(error?.status).toBe(503)
  expect(error?.code).toBe('no_capacity')
  expect(error?.details.retryAfterMs).toBeGreaterThanOrEqual(7_000)
  expect(error?.details.retryAfterMs).toBeLessThanOrEqual(7_700)
})

test('a rejected key disables its listing at once and for good; a spent quota and a 429 rest', async () => {
  const { market, a, b, c } = three()
  const refusals = {
    a: failing('key_rejected'),
    b: failing('quota_exhausted'),
    c: failing('rate_limited', { retryAfterMs: 10_000 }),
  }
  await serve(market, refusals, planOf(a, b, c))
  expect(market.paused).toEqual([{ listingId: 'a', state: 'disabled', reason: 'key_rejected' }])
  expect((await serve(market, {}, planOf(a, b, c))).tried).toEqual([])
  market.wait(11_001)
  expect((await serve(market, {}, planOf(a, b, c))).tried).toEqual(['c'])
  market.wait(15 * 60_000)
  expect((await serve(market, {}, planOf(a, b, c))).tried).toEqual(['b'])
  const renewed = makeOffer('a', { revision: 1 })
  expect((await serve(market, {}, planOf(renewed))).tried).toEqual(['a'])
})

test('an upstream that is silent is a 504, and one that breaks a 502, whatever else refused', async () => {
  const { market, a, b } = three()
  const silent = await serve(market, { a: failing('timeout'), b: failing('rate_limited') }, planOf(a, b))
  expect(silent.error?.code).toBe('upstream_timeout')
  const other = three()
  const broken = await serve(other.market, { a: failing('network') }, planOf(other.a))
  expect(broken.error?.code).toBe('upstream_failed')
  expect(broken.error?.retryable).toBe(true)
})

test('a client that leaves ends it: nothing else is tried and nobody is blamed', async () => {
  const { market, a, b } = three()
  const { tried, error } = await serve(market, { a: failing('client_gone') }, planOf(a, b))
  expect(tried).toEqual(['a'])
  expect(error?.code).toBe('request_timeout')
  const leaving = new AbortController()
  const seen: string[] = []
  await expect(
    market.router.serve(
      planOf(a, b),
      async ({ offer }) => {
        seen.push(offer.listingId)
        leaving.abort()
        return failing('server_error')
      },
      { signal: leaving.signal },
    ),
  ).rejects.toThrow(GatewayError)
  expect(seen).toEqual(['a'])
})

test('our own faults are tried elsewhere, blamed on nobody, and never told as an upstream failure', async () => {
  const { market, a, b } = three()
  for (let count = 0; count < 10; count += 1) {
    const { error, tried } = await serve(
      market,
      { a: failing('own_fault'), b: failing('own_fault') },
      planOf(a, b),
    )
    expect(tried).toEqual(['a', 'b'])
    expect(error?.code).toBe('unavailable')
  }
  expect(market.router.state().breakers).toEqual([])
})

test('an attempt that throws gives its place back and blames nobody', async () => {
  const a = makeOffer('a', { concurrency: 1 })
  const market = makeMarket([a])
  for (let count = 0; count < 10; count += 1) {
    await expect(
      market.router.serve(planOf(a), async () => {
        throw new TypeError('a bug of ours')
      }),
    ).rejects.toThrow('a bug of ours')
    // What we cut off is counted a moment longer.
    market.wait(1_000)
  }
  expect((await serve(market)).tried).toEqual(['a'])
  expect(market.router.state().breakers).toEqual([])
})

test('a full listing is skipped, and its place is free when the answer is over, once', async () => {
  const a = makeOffer('a', { concurrency: 1 })
  const b = makeOffer('b')
  const market = makeMarket([a, b])
  const held = await market.router.serve(planOf(a, b), async ({ lease, offer }) => ({
    served: { lease, offer },
  }))
  expect(held.offer.listingId).toBe('a')
  expect((await serve(market, {}, planOf(a, b))).tried).toEqual(['b'])
  held.lease.end('ok', { tokens: 5 })
  held.lease.end('server_error')
  expect((await serve(market, {}, planOf(a, b))).tried).toEqual(['a'])
  expect(market.router.state()).toMatchObject({ breakers: [], pools: [{ active: 0, retrying: 0 }] })
})

test('a stream that breaks after its first content counts against its listing', async () => {
  const { market, a } = three()
  for (let count = 0; count < 5; count += 1) {
    const lease = await market.router.serve(planOf(a), async (attempt) => ({ served: attempt.lease }))
    lease.end('server_error', { tokens: 5 })
  }
  expect(market.breakers.standing(a).state).toBe('open')
})

test('a request that breaks two sellers who serve others is stopped before it breaks a third', async () => {
  const { market, a, b, c } = three()
  const tried: string[] = []
  const poison = market.router.serve(planOf(a, b, c), async ({ offer }) => {
    tried.push(offer.listingId)
    // Meanwhile the same listing serves somebody else.
    await serve(market, {}, planOf(offer))
    return failing('server_error')
  })
  const error = await poison.catch((thrown) => thrown as GatewayError)
  expect(tried).toEqual(['a', 'b'])
  expect(error).toMatchObject({ code: 'upstream_failed', retryable: false })
  // Only the first failure counts.
  expect(market.router.state().breakers.map(({ offerId }) => offerId)).toEqual([a.id])
})

test('two listings that are down are not taken for a poisonous request, nor are failed connections', async () => {
  const down = three()
  const { tried } = await serve(
    down.market,
    { a: failing('server_error'), b: failing('timeout') },
    planOf(down.a, down.b, down.c),
  )
  expect(tried).toEqual(['a', 'b', 'c'])
  const { market, a, b, c } = three()
  const seen: string[] = []
  await market.router.serve(planOf(a, b, c), async ({ offer, lease }) => {
    seen.push(offer.listingId)
    if (offer.listingId === 'c') {
      lease.end('ok')
      return { served: true }
    }
    await serve(market, {}, planOf(offer))
    return failing('network')
  })
  expect(seen).toEqual(['a', 'b', 'c'])
})

test('two listings of one seller do not make a request poisonous', async () => {
  const [a, b, c] = [
    makeOffer('a', { sellerOrganisationId: 's' }),
    makeOffer('b', { sellerOrganisationId: 's' }),
    makeOffer('c'),
  ]
  const market = makeMarket([a, b, c])
  const seen: string[] = []
  await market.router.serve(planOf(a, b, c), async ({ offer, lease }) => {
    seen.push(offer.listingId)
    await serve(market, {}, planOf(offer))
    lease.end(offer.listingId === 'c' ? 'ok' : 'server_error')
    return offer.listingId === 'c' ? { served: true } : failing('server_error')
  })
  expect(seen).toEqual(['a', 'b', 'c'])
})

test('a dead listing among three is found out after five requests and costs nobody an answer', async () => {
  const { market } = three()
  let wasted = 0
  for (let request = 0; request < 1_000; request += 1) {
    const { answer, tried } = await serve(market, { a: failing('server_error') })
    expect(answer).toBeDefined()
    wasted += tried.filter((listingId) => listingId === 'a').length
    market.wait(10)
  }
  expect(wasted).toBeLessThan(15)
})

test('a listing that comes back is found again within fifteen seconds and grows into its share', async () => {
  const { market, a } = three()
  for (let request = 0; request < 100; request += 1) await serve(market, { a: failing('network') })
  expect(market.breakers.standing(a).state).toBe('open')
  let back: number | undefined
  const share = { early: 0, late: 0 }
  for (let tenth = 0; tenth < 1_000; tenth += 1) {
    market.wait(100)
    const { tried } = await serve(market)
    if (back === undefined && market.breakers.standing(a).state === 'closed') back = tenth / 10
    if (back === undefined || tried[0] !== 'a') continue
    if (tenth / 10 < back + 10) share.early += 1
    if (tenth / 10 >= 90) share.late += 1
  }
  expect(back).toBeLessThan(15)
  expect(share.early).toBeLessThan(25)
  expect(share.late).toBeGreaterThan(share.early)
})

test('in a total outage the upstreams get at most a fifth more attempts than there are requests', async () => {
  const offers = Array.from({ length: 50 }, (_, index) => makeOffer(`l${index}`))
  const market = makeMarket(offers)
  let attempts = 0
  for (let request = 0; request < 1_000; request += 1) {
    const fail = async () => {
      attempts += 1
      return failing('server_error')
    }
    try {
      await market.router.serve({ ...market.plan({ requestId: `${request}` }), panic: true }, fail)
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
    }
    market.wait(20)
  }
  expect(attempts / 1_000).toBeLessThanOrEqual(1.2)
})

test('health pages see what is broken, busy and resting, within their bound', async () => {
  const offers = Array.from({ length: 10 }, (_, index) => makeOffer(`l${index}`, { concurrency: 4 }))
  const market = makeMarket(offers)
  for (const offer of offers)
    await serve(market, { [offer.listingId]: failing('rate_limited') }, planOf(offer))
  for (const offer of offers) market.breakers.end(offer, { epoch: 0 }, { outcome: 'server_error' })
  const state = market.router.state(3)
  expect([state.breakers, state.capacity, state.resting].map((list) => list.length)).toEqual([3, 3, 3])
  expect(state.breakers[0]).toMatchObject({ offerId: 'l0:test/model', state: 'closed' })
  expect(state.capacity[0]).toMatchObject({ listingId: 'l0', running: 0, headroom: 1 })
  expect(state.resting[0]).toMatchObject({ id: 'l0:test/model', reason: 'cooling' })
  expect(state.pools[0]).toMatchObject({ model: 'test/model', active: 0 })
})
