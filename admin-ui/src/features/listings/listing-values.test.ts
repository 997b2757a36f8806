import type { ListingShown, PriceRuleShown } from '@bourse/gateway/api/marketplace'
import { expect, test } from 'vitest'
import {
  changesOf,
  emptyListing,
  faultsOf,
  listingValuesOf,
  newListingOf,
  newModel,
} from './listing-values.ts'
import { priceWords, ruleOf, valuesOf } from './price-values.ts'

const ZONE = 'Europe/Lisbon'
const rules: Record<string, PriceRuleShown> = {
  multiplier: { kind: 'multiplier', ppm: 950_000 },
  fixed: {
    kind: 'fixed',
    perMTok: { input: '0.15', output: '0.6', cacheRead: '0.075', audioInput: '10' },
    perRequest: '0.001',
  },
  scheduled: {
    kind: 'scheduled',
    base: { kind: 'multiplier', ppm: 1_000_000 },
    windows: [
      {
        days: ['mon', 'fri'],
        from: '18:00',
        to: '08:00',
        timeZone: ZONE,
        price: { kind: 'multiplier', ppm: 800_000 },
      },
    ],
    load: { floorPpm: 900_000, ceilingPpm: 1_100_000 },
  },
}

const listing = {
  name: 'bay',
  provider: 'openai',
  baseUrl: 'https://api.openai.com/v1',
  models: [
    { model: 'openai/gpt-4o', upstreamModel: 'gpt-4o', price: rules.scheduled, capacity: { concurrency: 3 } },
  ],
  capacity: {
    requestsPerMinute: 60,
    tokensPerMinute: null,
    concurrency: null,
    tokensPerDay: null,
    tokensPerMonth: null,
    usdPerDay: '20',
    usdPerMonth: null,
  },
  ground: 'own_organisation',
} as unknown as ListingShown

test('a price that is opened and saved is the same price', () => {
  for (const [name, rule] of Object.entries(rules)) expect(ruleOf(valuesOf(rule, ZONE)), name).toEqual(rule)
})

test('a price that the gateway would refuse is refused in the form, in words', () => {
  const price = valuesOf(rules.multiplier, ZONE)
  for (const factor of ['0.04', '11', 'cheap']) expect(ruleOf({ ...price, factor }), factor).toMatch(/factor/)
  expect(ruleOf({ ...price, byHour: true })).toMatch(/at least one window/)
  expect(ruleOf({ ...price, byLoad: true, floor: '1.2', ceiling: '1.1' })).toMatch(/must not be cheaper/)
  expect(ruleOf({ ...price, kind: 'fixed', input: '1e3', output: '2' })).toMatch(/million tokens/)
})

test('an opened listing that nobody touched changes nothing; what is touched is sent alone', () => {
  const values = listingValuesOf(listing, ZONE)
  expect(faultsOf(values, { isNew: false })).toEqual({})
  expect(changesOf(values, listing, ZONE)).toEqual({})
  expect(changesOf({ ...values, name: ' cove ' }, listing, ZONE)).toEqual({ name: 'cove' })
  const [model] = values.models
  const repriced = { ...values, models: [{ ...model, price: valuesOf(rules.fixed, ZONE) }] } as typeof values
  expect(changesOf(repriced, listing, ZONE)).toEqual({
    models: [{ model: 'openai/gpt-4o', price: rules.fixed, capacity: { concurrency: 3 } }],
  })
})

test('a limit that is emptied is taken away, and the others stay', () => {
  const values = listingValuesOf(listing, ZONE)
  const { capacity } = changesOf(
    { ...values, capacity: { ...values.capacity, requestsPerMinute: '' } },
    listing,
    ZONE,
  )
  expect(capacity).toMatchObject({ requestsPerMinute: null, usdPerDay: '20' })
})

test('a new listing needs a provider, a name, a key, a model and an attested ground', () => {
  expect(Object.keys(faultsOf(emptyListing, { isNew: true })).sort()).toEqual([
    'attested',
    'ground',
    'key',
    'models',
    'name',
    'provider',
  ])
  const filled = {
    ...emptyListing,
    provider: 'openai',
    name: ' bay ',
    key: ' sk-1 ',
    models: [newModel('openai/gpt-4o', ZONE)],
    ground: 'own_organisation' as const,
    attested: true,
  }
  expect(faultsOf(filled, { isNew: true })).toEqual({})
  expect(newListingOf(filled)).toMatchObject({
    provider: 'openai',
    name: 'bay',
    key: 'sk-1',
    models: [{ model: 'openai/gpt-4o', price: { kind: 'multiplier', ppm: 1_000_000 } }],
    ground: 'own_organisation',
  })
})

test('a price in a few words says how it moves', () => {
  expect(Object.values(rules).map(priceWords)).toEqual([
    'list price × 0.95',
    'fixed price',
    'list price × 1 · 1 window · load × 0.9–1.1',
  ])
})
