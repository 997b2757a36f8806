import { expect, test } from 'vitest'
import { loadCatalog } from './catalog.ts'
import type { CatalogConfigInput } from './catalog-config.ts'
import { countChanges, diffCatalogs, hashOf, keptCatalog } from './catalog-diff.ts'

type Entry = CatalogConfigInput['models'][number]

function kept(...models: Entry[]) {
  return keptCatalog(loadCatalog({ overrides: { authors: [], rules: [], models }, nowMs: 0 }).list())
}

const at = (id: string, input: string, output: string, more: Partial<Entry> = {}): Entry => ({
  id,
  price: { input, output },
  contextWindow: 1_000,
  ...more,
})

test('an operator is told of each model once: new, gone, dearer, cheaper, or with another context', () => {
  const before = kept(
    at('a/same', '1', '2'),
    at('a/gone', '1', '2'),
    at('a/dear', '1', '2'),
    at('a/wide', '1', '2'),
  )
  const after = kept(
    at('a/same', '1', '2'),
    at('a/new', '3', '4'),
    at('a/dear', '1.1', '2'),
    at('a/wide', '1', '2', { contextWindow: 2_000 }),
  )
  const changes = diffCatalogs(before, after)
  expect(changes.map(({ model, what }) => [model, what])).toEqual([
    ['a/dear', 'price'],
    ['a/gone', 'removed'],
    ['a/new', 'added'],
    ['a/wide', 'context'],
  ])
  expect(changes[0]).toMatchObject({
    before: { input: '1', output: '2' },
    after: { input: '1.1', output: '2' },
    inputPercent: 10,
    outputPercent: 0,
  })
  expect(changes[3]).toMatchObject({ contextBefore: 1_000, contextAfter: 2_000 })
  expect(countChanges(changes)).toEqual({ added: 1, removed: 1, dearer: 1, cheaper: 0 })
})

test('a price that becomes known or is lost is no change in per cent', () => {
  const priced = kept(at('a/model', '1', '2'))
  const unpriced = kept({ id: 'a/model', contextWindow: 1_000 })
  expect(diffCatalogs(unpriced, priced)).toMatchObject([
    { what: 'price_known', before: null, inputPercent: null },
  ])
  expect(diffCatalogs(priced, unpriced)).toMatchObject([{ what: 'price_unknown', after: null }])
})

test('a price that changes in a class or a tier that lists do not show is a change all the same', () => {
  const plain = kept(at('a/model', '1', '2'))
  const cached = kept(at('a/model', '1', '2', { price: { input: '1', output: '2', cacheRead: '0.5' } }))
  const tiered = kept(
    at('a/model', '1', '2', {
      price: {
        input: '1',
        output: '2',
        tiers: [{ aboveInputTokens: 500, prices: { input: '2', output: '4' } }],
      },
    }),
  )
  for (const other of [cached, tiered]) {
    expect(diffCatalogs(plain, other)).toMatchObject([{ what: 'price', inputPercent: 0 }])
    expect(hashOf(other)).not.toBe(hashOf(plain))
  }
  expect(hashOf(kept(at('a/x', '1', '2'), at('a/y', '1', '2')))).toBe(
    hashOf(kept(at('a/y', '1', '2'), at('a/x', '1', '2'))),
  )
})
