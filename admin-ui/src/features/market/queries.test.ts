import { expect, test } from 'vitest'
import { cheapest, isOnOffer, readModels } from './queries.ts'

const offer = (listingId: string, input: string, state = 'active') => ({
  listingId,
  provider: 'demo',
  inputUsdPerMTok: input,
  outputUsdPerMTok: '1',
  state,
})

test('the best price is the cheapest of the offers that can be chosen now', () => {
  const [model] = readModels({
    data: [
      {
        id: 'openai/gpt-4o',
        contextWindow: 128_000,
        offers: [offer('a', '10'), offer('b', '2.5'), offer('c', '0.1', 'paused')],
      },
    ],
  })
  expect(model && cheapest(model, 'inputUsdPerMTok')).toBe('2.5')
  expect(model && isOnOffer(model)).toBe(true)
})

test('a model whose only seller paused has no price to show', () => {
  const [model] = readModels({
    data: [{ id: 'm', contextWindow: null, offers: [offer('a', '1', 'paused')] }],
  })
  expect(model && cheapest(model, 'inputUsdPerMTok')).toBeUndefined()
  expect(model && isOnOffer(model)).toBe(false)
})
