import { expect, test } from 'vitest'
import { emptyListing, newListingOf, validateListing } from './listing-values.ts'

test('what is left empty is left out, so that the gateway uses its own', () => {
  const values = {
    ...emptyListing,
    provider: 'openai',
    name: ' bay ',
    key: 'sk-1',
    models: ['openai/gpt-4o'],
  }
  expect(newListingOf(values)).toEqual({
    provider: 'openai',
    name: 'bay',
    key: 'sk-1',
    models: [{ model: 'openai/gpt-4o', price: { kind: 'multiplier', ppm: 1_000_000 } }],
    capacity: {},
    ground: 'own_organisation',
  })
})

test('a price or a capacity that the gateway would refuse is refused in the form', () => {
  for (const typed of ['0.04', '11', 'cheap']) expect(validateListing.multiplier(typed), typed).not.toBeNull()
  for (const typed of ['0', '-1', '1.5', '1e3'])
    expect(validateListing.concurrency(typed), typed).not.toBeNull()
  expect(validateListing.multiplier('0.05')).toBeNull()
  expect(validateListing.concurrency('')).toBeNull()
  expect(validateListing.attested(false)).not.toBeNull()
})
