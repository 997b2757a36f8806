import { expect, test } from 'vitest'
import { makeMarket, makeOffer } from '../../test/support/market.ts'
import { GatewayError } from '../platform/errors.ts'
import type { UpstreamFailure } from '../providers/outcome.ts'
import { randomOf } from './seeded-random.ts'

type Market = ReturnType<typeof makeMarket>
/** What a listing says to a request: a refusal, or nothing when it answers. */
type Refuses = (request: { listingId: string; isBad: boolean }) => UpstreamFailure | undefined

const worded: UpstreamFailure = { class: 'user_error', status: 400, message: 'no', recognised: true }
const strange: UpstreamFailure = { class: 'user_error', status: 400, message: 'no' }

/** One request as a buyer sends it; true when it was served. */
async function ask(market: Market, buyer: string, isBad: boolean, refuses: Refuses): Promise<boolean> {
  try {
    await market.router.serve(market.plan({ buyer }), async ({ offer, lease }) => {
      const failure = refuses({ listingId: offer.listingId, isBad })
      if (failure) return { failure }
      lease.end('ok', { tokens: 50 })
      return { served: true }
    })
    return true
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'upstream_rejected_request') return false
    throw error
  }
}

/** A cheap listing that refuses everything beside a good one, and how many of 200 requests hear of it. */
async function seen(refusal: UpstreamFailure, buyers: number): Promise<{ refused: number; market: Market }> {
  const market = makeMarket([makeOffer('cheap', { usd: '0.1' }), makeOffer('good')])
  let refused = 0
  for (let request = 0; request < 200; request += 1) {
    const served = await ask(market, `buyer ${request % buyers}`, false, ({ listingId }) =>
      listingId === 'cheap' ? refusal : undefined,
    )
    if (!served) refused += 1
    market.wait(100)
  }
  return { refused, market }
}

test.each([
  ['a 413', { ...worded, status: 413 }],
  ['a 422', { ...worded, status: 422 }],
  ['a 400 in the usual words', worded],
])(
  'a cheap listing that answers everything with %s is found out after twenty-odd buyers saw it',
  async (_, refusal) => {
    const { refused, market } = await seen(refusal, 10)
    expect(refused).toBeLessThanOrEqual(25)
    const ejected = market.breakers.state(10).filter(({ state }) => state !== 'closed')
    expect(ejected.map(({ offerId }) => offerId)).toEqual(['cheap:test/model'])
    expect(market.paused).toEqual([])
  },
)

test('the only buyer there is, whose word puts nobody out, is served by the other listing', async () => {
  const { refused, market } = await seen(worded, 1)
  expect(refused).toBeLessThanOrEqual(25)
  expect(market.breakers.standing(makeOffer('cheap')).state).toBe('closed')
})

test.each([
  ['usual', worded],
  ['strange', strange],
])(
  'listings whose buyers really send 20 %% bad requests, refused in %s words, are never put out',
  async (_, refusal) => {
    const offers = [makeOffer('cheap', { usd: '0.1' }), makeOffer('good'), makeOffer('third')]
    const market = makeMarket(offers)
    const random = randomOf('bad requests')
    let refused = 0
    for (let request = 0; request < 600; request += 1) {
      const isBad = random() < 0.2
      const served = await ask(market, `buyer ${request % 30}`, isBad, (each) =>
        each.isBad ? refusal : undefined,
      )
      expect(served).toBe(!isBad)
      if (!served) refused += 1
      market.wait(1_000)
    }
    expect(refused).toBeGreaterThan(60)
    expect(market.breakers.state(10)).toEqual([])
    expect(market.paused).toEqual([])
  },
)

test('an honest listing with one buyer of bad requests survives a rival who takes them all', async () => {
  const [honest, rival] = [makeOffer('honest', { usd: '0.1' }), makeOffer('rival')]
  const market = makeMarket([honest, rival])
  for (let request = 0; request < 300; request += 1) {
    const isBad = request % 5 === 0
    const buyer = isBad ? `accomplice ${request % 2}` : 'honest buyer'
    await ask(market, buyer, isBad, (each) =>
      each.isBad && each.listingId === 'honest' ? strange : undefined,
    )
    expect(market.breakers.standing(honest).state).toBe('closed')
    market.wait(1_000)
  }
  expect(market.paused).toEqual([])
})
