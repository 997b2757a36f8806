import { expect, test } from 'vitest'
import { whatChanged } from './what-changed.ts'

const before = {
  baseUrl: 'https://api.openai.com/v1',
  models: [
    { model: 'openai/gpt-4o', upstreamModel: 'gpt-4o', price: {}, capacity: null },
    { model: 'openai/gpt-4o-mini', upstreamModel: 'gpt-4o-mini', price: {}, capacity: null },
  ],
}
const models = before.models.map(({ model, upstreamModel }) => ({
  model,
  upstreamModel,
  price: { kind: 'new' },
}))
const same = { hasNewKey: false, baseUrl: before.baseUrl, models: undefined }

test('a new price, fewer models and nothing at all need no proof', () => {
  expect(whatChanged(before, same)).toBeUndefined()
  expect(whatChanged(before, { ...same, models })).toBeUndefined()
  expect(whatChanged(before, { ...same, models: models.slice(0, 1) })).toBeUndefined()
})

test('a new key, place or model, and another name for a model at the provider, do', () => {
  expect(whatChanged(before, { ...same, hasNewKey: true })).toBe('key_changed')
  expect(whatChanged(before, { ...same, baseUrl: 'https://api.openai.com/v2' })).toBe('base_url_changed')
  const renamed = models.map((row) => ({ ...row, upstreamModel: `${row.upstreamModel}-2024-08-06` }))
  expect(whatChanged(before, { ...same, models: renamed })).toBe('models_changed')
})
