import { expect, test } from 'vitest'
import { makeProvider, testModel } from '../../test/support/market.ts'
import { loadCatalog } from '../catalog/catalog.ts'
import type { Offer } from './offer.ts'
import { nextChangeMs, priceNow } from './offer-price.ts'
import { buildSnapshot, type SnapshotInput } from './snapshot.ts'
import type { OfferRow } from './store.ts'

const fixed = { kind: 'fixed', perMTok: { input: '1', output: '2' } }

function priced(rule: unknown, version = 1, fromMs = 0) {
  return [{ version, rule, fromMs }]
}

function row(listingId: string, change: Partial<OfferRow> = {}): OfferRow {
  return {
    listingId,
    organisationId: 'seller',
    provider: 'openai',
    name: 'bay',
    baseUrl: 'https://api.openai.test/v1',
    sealedCredential: Buffer.from('sealed'),
    ground: 'own_endpoint',
    requestsPerMinute: null,
    tokensPerMinute: 100,
    concurrency: null,
    updatedAt: new Date(5),
    models: [{ model: 'test/model', upstreamModel: 'm', prices: priced(fixed) }],
    ...change,
  }
}

const models = { 'test/model': testModel, 'test/other': { ...testModel, id: 'test/other' } }
const input: SnapshotInput = {
  catalog: {
    find(name) {
      const model = models[name as keyof typeof models]
      return model ?? loadCatalog({ overrides: { authors: [], models: [], rules: [] }, nowMs: 0 }).find(name)
    },
  },
  providers: { find: (id) => (id === 'openai' ? makeProvider('openai') : undefined) },
  feeBps: 500n,
  nowMs: 1_000,
  mode: 'play',
  hiddenListings: new Set(),
}

test('a listing of two models is two offers, with its limits and what its credential is bound to', () => {
  const listing = row('l', {
    models: [...row('l').models, { model: 'test/other', upstreamModel: 'n', prices: priced(fixed) }],
  })
  const { offersByModel, models: named, faults } = buildSnapshot([listing], input)
  expect(faults).toEqual([])
  expect([...named]).toEqual(['test/model', 'test/other'])
  expect(offersByModel.get('test/other')).toHaveLength(1)
  expect(offersByModel.get('test/model')?.[0]).toMatchObject({
    id: 'l:test/model',
    upstreamModel: 'm',
    tokensPerMinute: 100,
    credentialAad: 'v1|listing:l|seller:seller|origin:https://api.openai.test',
    backing: 'key',
    playOnly: false,
    revision: 5,
    price: { feeBps: 500n, version: 1 },
  })
  expect(offersByModel.get('test/model')?.[0]).not.toHaveProperty('concurrency')
})

test('a row that makes no sense costs its own offers and nobody elses', () => {
  const { offersByModel, faults } = buildSnapshot(
    [
      row('gone', { provider: 'nobody' }),
      row('half', {
        models: [
          { model: 'test/gone', upstreamModel: 'm', prices: priced(fixed) },
          { model: 'test/model', upstreamModel: 'm', prices: priced(fixed) },
        ],
      }),
      row('unpriced', {
        models: [
          { model: 'test/model', upstreamModel: 'm', prices: priced({ kind: 'multiplier', ppm: 1_000_000 }) },
        ],
      }),
      row('garbage', { models: [{ model: 'test/model', upstreamModel: 'm', prices: priced('free!') }] }),
      row('unasked', { models: [{ model: 'test/model', upstreamModel: 'm', prices: [] }] }),
      row('sound'),
    ],
    input,
  )
  expect(offersByModel.get('test/model')?.map(({ listingId }) => listingId)).toEqual(['half', 'sound'])
  expect(faults).toHaveLength(5)
})

test('demo listings exist in play only, hidden ones nowhere', () => {
  const rows = [row('demo', { ground: 'demo' }), row('hidden'), row('sound')]
  const listed = (change: Partial<SnapshotInput>) =>
    buildSnapshot(rows, { ...input, hiddenListings: new Set(['hidden']), ...change })
      .offersByModel.get('test/model')
      ?.map(({ listingId, playOnly }) => [listingId, playOnly])
  expect(listed({})).toEqual([
    ['demo', true],
    ['sound', false],
  ])
  expect(listed({ mode: 'live' })).toEqual([['sound', false]])
})

test('an offer carries the price in force and the one to come; a version that is over is left behind', () => {
  const prices = [
    ...priced(fixed, 1, 0),
    ...priced({ ...fixed, perMTok: { input: '3', output: '4' } }, 2, 5_000),
  ]
  const at = (nowMs: number) => {
    const models = [{ model: 'test/model', upstreamModel: 'm', prices }]
    const [offer] =
      buildSnapshot([row('l', { models })], { ...input, nowMs }).offersByModel.get('test/model') ?? []
    return offer as Offer
  }
  const before = at(4_999)
  expect(before.price.version).toBe(1)
  expect(priceNow(before, { nowMs: 4_999, fillStep: 20 })).toBe(before)
  expect(priceNow(before, { nowMs: 5_000, fillStep: 0 }).price).toMatchObject({ version: 2 })
  expect(at(5_000).price.version).toBe(2)
  expect(at(5_000)).not.toHaveProperty('schedule')
})

test('a windowed offer carries the price of the moment at which the market was read', () => {
  const window = {
    from: '00:00',
    to: '01:00',
    timeZone: 'UTC',
    price: { ...fixed, perMTok: { input: '9', output: '9' } },
  }
  const models = [
    {
      model: 'test/model',
      upstreamModel: 'm',
      prices: priced({ kind: 'scheduled', base: fixed, windows: [window] }),
    },
  ]
  const [offer] = buildSnapshot([row('l', { models })], input).offersByModel.get('test/model') ?? []
  expect(offer?.price.table.base.uncachedInput).toBe(9_000_000n)
  expect(nextChangeMs(offer as Offer, 1_000)).toBe(3_600_000)
})
