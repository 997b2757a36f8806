import { expect, test } from 'vitest'
import { acceptedGrounds } from './grounds.ts'

const of = (
  backing: 'key' | 'endpoint',
  { mode = 'live' as 'play' | 'live', decided = {} as Record<string, boolean> } = {},
) =>
  acceptedGrounds(
    Object.entries(decided).map(([ground, accepted]) => ({ provider: 'openai', ground, accepted })),
    { provider: 'openai', backing, mode },
  )

test("before an operator has decided, a key is sold on a relation to the provider, a server as one's own", () => {
  expect(of('key')).toEqual(['authorised_reseller', 'own_organisation'])
  expect(of('endpoint')).toEqual(['own_endpoint'])
})

test('demo capacity is for play money, whatever an operator says', () => {
  expect(of('key', { mode: 'play' })).toContain('demo')
  expect(of('key', { decided: { demo: true } })).not.toContain('demo')
})

test('an operator may accept and refuse, but nobody owns an endpoint of the provider', () => {
  expect(of('endpoint', { decided: { authorised_reseller: true, own_endpoint: false } })).toEqual([
    'authorised_reseller',
  ])
  expect(of('key', { decided: { own_endpoint: true, own_organisation: false } })).toEqual([
    'authorised_reseller',
  ])
})
