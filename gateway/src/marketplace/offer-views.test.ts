import { expect, test } from 'vitest'
import { makeOffer, makeProvider, testModel } from '../../test/support/market.ts'
import { type OfferSort, type OfferView, pageOfOffers, passes } from './offer-views.ts'
import { pointId } from './price-show.ts'

const reputation = { score: 0.9, successShare: 1, ttftMsP50: 300, tokensPerSP50: 50, samples: 60, since: '' }

function view(number: number, change: Partial<OfferView> & { usd?: string } = {}): OfferView {
  const { usd = '1', ...rest } = change
  const listingId = `00000000-0000-7000-8000-${String(number).padStart(12, '0')}`
  const offer = makeOffer(listingId, { usd, provider: 'openai' })
  return {
    id: pointId(offer),
    model: testModel,
    point: { offer, fillStep: 0, rule: undefined, announced: undefined },
    face: { name: `seller ${number}`, ground: 'own_endpoint' },
    sight: { standing: 'available', reason: null, untilMs: undefined, fill: 0, attempts: 0, successes: 0 },
    reputation: null,
    ...rest,
  }
}

const order = (views: OfferView[], sort: OfferSort) =>
  pageOfOffers(views, { sort, limit: 100 }).page.map(({ face }) => Number(face.name.split(' ')[1]))

test('what nobody knows comes last, in every order', () => {
  const unknown = view(1)
  const slow = view(2, { reputation: { ...reputation, ttftMsP50: 900, score: 0.5 } })
  const quick = view(3, { reputation })
  expect(order([unknown, slow, quick], 'speed')).toEqual([3, 2, 1])
  expect(order([unknown, slow, quick], 'reputation')).toEqual([3, 2, 1])
  const sight = view(4).sight
  const reliable = view(4, { sight: { ...sight, attempts: 10, successes: 10 } })
  const shaky = view(5, { sight: { ...sight, attempts: 10, successes: 6 } })
  expect(order([unknown, shaky, reliable], 'reliability')).toEqual([4, 5, 1])
})

test('who answers quickly but slowly goes on is not faster than who is done first', () => {
  const drip = view(1, { reputation: { ...reputation, ttftMsP50: 100, tokensPerSP50: 5 } })
  const burst = view(2, { reputation: { ...reputation, ttftMsP50: 900, tokensPerSP50: 100 } })
  const noPace = view(3, { reputation: { ...reputation, ttftMsP50: 50, tokensPerSP50: null } })
  expect(order([drip, noPace, burst], 'speed')).toEqual([2, 1, 3])
})

test('pages of many offers at the same price neither repeat nor leave out one', () => {
  const views = Array.from({ length: 57 }, (_, number) => view(number, { usd: number % 3 === 0 ? '1' : '2' }))
  const seen: string[] = []
  let cursor: string | undefined
  do {
    const { page, nextCursor } = pageOfOffers(views, { sort: 'price', limit: 10, cursor })
    seen.push(...page.map(({ id }) => id))
    cursor = nextCursor ?? undefined
  } while (cursor)
  expect(seen).toHaveLength(57)
  expect(new Set(seen).size).toBe(57)
  expect(() => pageOfOffers(views, { sort: 'price', limit: 10, cursor: 'bm90aGluZw' })).toThrow(/nextCursor/)
})

test('a filter by features asks the model and the provider, whoever lacks them', () => {
  const provider = { ...makeProvider('deaf'), lacks: ['audio_input'] as const }
  const deaf = view(1)
  const heard = { ...deaf, point: { ...deaf.point, offer: { ...deaf.point.offer, provider } } }
  expect([passes(deaf, { features: ['audio_input'] }), passes(heard, { features: ['audio_input'] })]).toEqual(
    [true, false],
  )
  const blind = { ...deaf, model: { ...testModel, lacks: ['vision'] as const } }
  expect([passes(blind, { features: ['vision'] }), passes(blind, { features: ['tools'] })]).toEqual([
    false,
    true,
  ])
})

test('a price limit is met to the last digit', () => {
  const offer = view(1, { usd: '1.000001' })
  expect(passes(offer, { maxInputUsdPerMTok: 1_000_001_000_000n })).toBe(true)
  expect(passes(offer, { maxInputUsdPerMTok: 1_000_000_999_999n })).toBe(false)
})
