import { expect, test } from 'vitest'
import { makeProvider, testModel } from '../../test/support/market.ts'
import { loadCatalog } from '../catalog/catalog.ts'
import { buildSnapshot, type SnapshotInput } from './snapshot.ts'
import type { OfferRow } from './store.ts'

const fixed = { kind: 'fixed', perMTok: { input: '1', output: '2' } }

function row(listingId: string, change: Partial<OfferRow> = {}): OfferRow {
  return {
    listingId,
    organisationId: 'seller',
    provider: 'openai',
    baseUrl: 'https://api.openai.test/v1',
    sealedCredential: Buffer.from('sealed'),
    ground: 'own_endpoint',
    requestsPerMinute: null,
    tokensPerMinute: 100,
    concurrency: null,
    updatedAt: new Date(5),
    models: [{ model: 'test/model', upstreamModel: 'm', price: fixed }],
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
  mode: 'play',
  hiddenListings: new Set(),
}

test('a listing of two models is two offers, with its limits and what its credential is bound to', () => {
  const listing = row('l', {
    models: [...row('l').models, { model: 'test/other', upstreamModel: 'n', price: fixed }],
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
    price: { feeBps: 500n },
  })
  expect(offersByModel.get('test/model')?.[0]).not.toHaveProperty('concurrency')
})

test('a row that makes no sense costs its own offers and nobody elses', () => {
  const { offersByModel, faults } = buildSnapshot(
    [
      row('gone', { provider: 'nobody' }),
      row('half', {
        models: [
          { model: 'test/gone', upstreamModel: 'm', price: fixed },
          { model: 'test/model', upstreamModel: 'm', price: fixed },
        ],
      }),
      row('unpriced', {
        models: [{ model: 'test/model', upstreamModel: 'm', price: { kind: 'multiplier', ppm: 1_000_000 } }],
      }),
      row('garbage', { models: [{ model: 'test/model', upstreamModel: 'm', price: 'free!' }] }),
      row('sound'),
    ],
    input,
  )
  expect(offersByModel.get('test/model')?.map(({ listingId }) => listingId)).toEqual(['half', 'sound'])
  expect(faults).toHaveLength(4)
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
