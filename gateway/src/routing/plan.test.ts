import { expect, test } from 'vitest'
import { makeMarket, makeOffer, makeProvider, testModel } from '../../test/support/market.ts'
import { GatewayError } from '../platform/errors.ts'
import type { OutcomeClass } from '../providers/outcome.ts'
import { planRequest } from './plan.ts'
import type { RoutingPolicy } from './policy.ts'
import { densify } from './pool.ts'

type Market = ReturnType<typeof makeMarket>

const names = (plan: { offers: readonly { listingId: string }[] }) =>
  plan.offers.map(({ listingId }) => listingId)

function refusal(act: () => unknown): GatewayError {
  try {
    act()
  } catch (error) {
    if (error instanceof GatewayError) return error
    throw error
  }
  throw new Error('was planned')
}

/** Opens the breaker of a listing. */
function break_(market: Market, listingId: string, outcome: OutcomeClass = 'server_error'): void {
  const offer = makeOffer(listingId)
  for (let count = 0; count < 5; count += 1) {
    const ticket = market.breakers.begin(offer)
    if (ticket) market.breakers.end(offer, ticket, { outcome })
  }
}

test('a model that nobody offers is not found', () => {
  const market = makeMarket([])
  expect(refusal(() => market.plan()).code).toBe('model_not_found')
})

test('a plan says how many offers were left out and why', () => {
  const market = makeMarket([
    makeOffer('usable'),
    makeOffer('ignored'),
    makeOffer('dear', { usd: '9' }),
    makeOffer('full', { concurrency: 1 }),
    makeOffer('broken'),
  ])
  market.capacity.take(makeOffer('full', { concurrency: 1 }), { tokens: 1 })
  break_(market, 'broken')
  const plan = market.plan({ policy: { ignore: ['ignored'], maxPrice: { prompt: '2' } } })
  expect(names(plan)).toEqual(['usable'])
  expect(plan.excluded).toEqual({ policy_ignore: 1, policy_max_price: 1, full: 1, breaker_open: 1 })
  expect(plan.panic).toBe(false)
})

test("a policy that excludes everything is the caller's to change, not a reason to retry", () => {
  const market = makeMarket([makeOffer('a'), makeOffer('b')])
  const error = refusal(() => market.plan({ policy: { only: ['nobody'] } }))
  expect(error.status).toBe(404)
  expect(error.message).toContain('2 policy_only')
})

test('when everything is full the caller learns when to come back', () => {
  const market = makeMarket([
    makeOffer('a', { requestsPerMinute: 1 }),
    makeOffer('b', { requestsPerMinute: 1 }),
  ])
  market.capacity.take(makeOffer('a', { requestsPerMinute: 1 }), { tokens: 1 })
  market.wait(20_000)
  market.capacity.take(makeOffer('b', { requestsPerMinute: 1 }), { tokens: 1 })
  const error = refusal(() => market.plan())
  expect(error.code).toBe('no_capacity')
  expect(error.details.retryAfterMs).toBe(41_000)
  market.wait(41_000)
  expect(names(market.plan())).toEqual(['a'])
})

test('a request larger than any listing takes is told to shrink', () => {
  const market = makeMarket([makeOffer('a', { tokensPerMinute: 50 })])
  const error = refusal(() => market.plan({ maxOutputTokens: 1_000 }))
  expect(error.code).toBe('no_capacity')
  expect(error.retryable).toBe(false)
  expect(error.message).toContain('fewer output tokens')
})

test('without fallbacks a plan holds one offer, and never a probe', () => {
  const market = makeMarket([makeOffer('a'), makeOffer('b'), makeOffer('c')])
  break_(market, 'a')
  market.wait(60_000)
  for (let count = 0; count < 50; count += 1) {
    const plan = market.plan({ policy: { allowFallbacks: false } })
    expect(plan.offers).toHaveLength(1)
    expect(names(plan)).not.toContain('a')
  }
})

test("a request's dialect can rule formats out", () => {
  const anthropic = { ...makeOffer('b'), provider: makeProvider('anthropic', { format: 'anthropic' }) }
  const market = makeMarket([makeOffer('a'), anthropic])
  const plan = market.plan({ dialectNeeds: { formats: ['anthropic'] } })
  expect(names(plan)).toEqual(['b'])
  expect(plan.excluded).toEqual({ dialect: 1 })
})

test('a recovering listing is probed by real traffic only while another one covers it', () => {
  const market = makeMarket([makeOffer('a'), makeOffer('b')])
  break_(market, 'a')
  expect(names(market.plan())).toEqual(['b'])
  market.wait(20_000)
  const orders = new Set(Array.from({ length: 60 }, () => names(market.plan()).join()))
  expect([...orders].sort()).toEqual(['a,b', 'b,a'])
})

test('an only listing is tried when its opening is over, without a cover', () => {
  const market = makeMarket([makeOffer('a')])
  break_(market, 'a', 'network')
  market.wait(20_000)
  expect(names(market.plan())).toEqual(['a'])
})

test('when fewer than three in ten are usable, ejected listings are tried once a second, the one that ends first first', () => {
  const market = makeMarket(['a', 'b', 'c', 'd'].map((name) => makeOffer(name)))
  break_(market, 'b')
  break_(market, 'c')
  market.wait(2_000)
  expect(names(market.plan())).not.toContain('b')
  break_(market, 'a')
  market.wait(1_000)
  const plan = market.plan()
  expect(plan.panic).toBe(true)
  expect(names(plan)[0]).toBe('d')
  expect(names(plan).slice(1).sort()).toEqual(['a', 'b', 'c'])
  expect(names(plan).at(-1)).toBe('a')
  expect(plan.excluded).toEqual({})
})

test('panic never ignores what a listing said no to', async () => {
  const market = makeMarket([makeOffer('limited'), makeOffer('broken')])
  break_(market, 'broken')
  market.wait(1_000)
  const plan = market.plan()
  expect(plan.panic).toBe(false)
  await market.router
    .serve({ ...plan, offers: [makeOffer('limited')] }, async () => ({
      failure: { class: 'rate_limited', message: '429', retryAfterMs: 30_000 },
    }))
    .catch(() => undefined)
  const panicked = market.plan()
  expect(panicked.panic).toBe(true)
  expect(names(panicked)).toEqual(['broken'])
  expect(panicked.excluded).toEqual({ cooling: 1 })
})

/** A prompt of 60 tokens to a model of 50, and to a roomier one, offered by whom `offered` says. */
function planWithRoomier(offered: { small: string[]; roomy: string[] }, policy: RoutingPolicy = {}) {
  const small = { ...testModel, id: 'test/small', contextWindow: 50 }
  const roomy = { ...testModel, id: 'test/roomy' }
  const poolOf = (model: typeof testModel, sellers: string[]) =>
    sellers.length === 0
      ? { dense: densify({ model: model.id, offers: [] }), offers: [] }
      : makeMarket(sellers.map((seller) => makeOffer(seller))).router.poolOf(model)
  return planRequest(
    {
      pools: { of: (model) => poolOf(model, model.id === small.id ? offered.small : offered.roomy) },
      leases: { waitMs: () => 0, fullForMs: () => 0 },
    },
    {
      ...{ model: small, inputTokens: 60, maxOutputTokens: 10, policy, requestId: 'gen-1' },
      fallbackModels: [{ model: roomy, inputTokens: 60, maxOutputTokens: 10 }],
    },
  )
}

test('a prompt that seems too long is for the roomier model, unless nobody offers that', () => {
  const plannedAt = (offered: { small: string[]; roomy: string[] }) => {
    const planned = planWithRoomier(offered)
    return 'plan' in planned ? names(planned.plan) : planned.refusal.code
  }
  expect(plannedAt({ small: ['a'], roomy: ['b'] })).toEqual(['b'])
  // The length is an upper estimate: it may fit.
  expect(plannedAt({ small: ['a'], roomy: [] })).toEqual(['a'])
})

test('offers of a model that is too small do not hide that the policy excludes the others', () => {
  const planned = planWithRoomier({ small: ['a', 'b'], roomy: ['c'] }, { ignore: ['c'] })
  expect('refusal' in planned && planned.refusal.code).toBe('model_not_found')
})
