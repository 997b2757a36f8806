import { expect, test } from 'vitest'
import { makeOffer } from '../../test/support/market.ts'
import { formatId } from '../platform/ids.ts'
import { policyFilter, type RoutingPolicy } from './policy.ts'

const uuid = '0198c0de-0000-7000-8000-000000000001'
const offer = makeOffer(uuid, { provider: 'openai', usd: '0.5' })
const exclusion = (policy: RoutingPolicy, inputTokens = 10) => policyFilter(policy, { inputTokens })(offer)

test('only and ignore take providers, listings as people know them, and bare ids', () => {
  for (const name of ['openai', uuid, formatId('lst-', uuid)]) {
    expect(exclusion({ only: [name] })).toBeUndefined()
    expect(exclusion({ ignore: [name] })).toBe('policy_ignore')
  }
  expect(exclusion({ only: ['anthropic'] })).toBe('policy_only')
  expect(exclusion({ only: [] })).toBe('policy_only')
  expect(exclusion({ ignore: ['anthropic'] })).toBeUndefined()
})

test('a price at the limit passes, and a pico-dollar above does not', () => {
  expect(exclusion({ maxPrice: { prompt: '0.5', completion: '1' } })).toBeUndefined()
  expect(exclusion({ maxPrice: { prompt: '0.499999' } })).toBe('policy_max_price')
  expect(exclusion({ maxPrice: { completion: '0.999999' } })).toBe('policy_max_price')
  expect(exclusion({ maxPrice: {} })).toBeUndefined()
})

test('the limit is on what is billed: multiplier and tier included', () => {
  const prices = {
    uncachedInput: 1_000_000n,
    cacheRead: 1n,
    cacheWrite5m: 1n,
    cacheWrite1h: 1n,
    audioInput: 1n,
    output: 1n,
    audioOutput: 1n,
  }
  const tiered = {
    ...offer,
    price: {
      table: {
        base: prices,
        tiers: [{ aboveInputTokens: 200_000, prices: { ...prices, uncachedInput: 2_000_000n } }],
      },
      nanosPerRequest: 0n,
      multiplierPpm: 1_500_000n,
      feeBps: 0n,
    },
  }
  const at = (inputTokens: number, prompt: string) =>
    policyFilter({ maxPrice: { prompt } }, { inputTokens })(tiered)
  expect(at(10, '1.5')).toBeUndefined()
  expect(at(10, '1.49')).toBe('policy_max_price')
  expect(at(200_001, '2.99')).toBe('policy_max_price')
  expect(at(200_001, '3')).toBeUndefined()
})
