import { expect, test } from 'vitest'
import { policyWords } from './policy-words.ts'

test('a key without a policy says how offers are chosen all the same', () => {
  expect(policyWords({})).toEqual(['Good offers share the work; the cheaper one gets more of it.'])
  expect(policyWords({ sort: 'balanced' })).toEqual(policyWords({}))
})

test('every part of a policy is told, with the names that people know', () => {
  const words = policyWords(
    {
      sort: 'price',
      order: ['lst-2'],
      only: ['lst-2', 'openai'],
      ignore: ['lst-9'],
      allowFallbacks: false,
      requireParameters: true,
      maxPrice: { prompt: '3', completion: '15.5', request: '0.01' },
    },
    (id) => (id === 'lst-2' ? 'bay' : id),
  )
  expect(words).toEqual([
    'The cheapest offer that can serve comes first.',
    'Tried first, in this order: bay.',
    'Nothing else serves than bay, openai.',
    'These never serve: lst-9.',
    'If none of those can serve, the request fails.',
    'Offers that would leave out a parameter of the request do not serve.',
    'Input costs at most $3 per million tokens.',
    'Output costs at most $15.5 per million tokens.',
    'The fee per request is at most $0.01.',
  ])
})
