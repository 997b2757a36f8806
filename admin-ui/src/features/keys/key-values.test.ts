import type { KeyShown } from '@bourse/gateway/api/keys'
import { expect, test } from 'vitest'
import { changes, keyFaults, newKeyOf, newKeyValues, settingsOf, valuesOf } from './key-values.ts'

const nowMs = Date.parse('2026-11-22T12:00:00Z')

const key: KeyShown = {
  id: 'key-1',
  organisationId: 'org-1',
  createdBy: null,
  name: 'nightly evaluation',
  hint: 'p0Rt',
  label: 'sk-brs-k3m9…p0Rt',
  scopes: ['inference'],
  models: ['openai/gpt-4o-mini'],
  expiresAt: '2026-12-24T18:30:00.000Z',
  requestsPerMinute: 60,
  tokensPerMinute: 90_000,
  defaultMaxOutputTokens: 1_000,
  policy: {
    sort: 'price',
    order: ['lst-2', 'openai'],
    only: ['openai'],
    ignore: ['lst-9'],
    allowFallbacks: false,
    requireParameters: true,
    maxPrice: { prompt: '3', completion: '15.50', request: '0.01' },
  },
  budget: {
    limitNanos: '1234567890123456789',
    period: 'week',
    spentNanos: '5',
    heldNanos: '0',
    resetsAt: null,
  },
  createdAt: '2026-11-01T00:00:00.000Z',
  lastUsedAt: null,
  revokedAt: null,
  previousSecretUntil: null,
}

test('every setting of a key survives the form, to the last digit', () => {
  const { budget, ...settings } = settingsOf(valuesOf(key), nowMs)
  expect(budget).toEqual({ limitNanos: '1234567890123456789', period: 'week' })
  expect(key).toMatchObject(settings)
})

test('a form that nobody touched changes nothing, and one field changes itself only', () => {
  const values = valuesOf(key)
  expect(changes(values, { ...values }, nowMs)).toEqual({})
  expect(changes(values, { ...values, budgetUsd: '' }, nowMs)).toEqual({ budget: null })
  expect(changes(values, { ...values, expires: '' }, nowMs)).toEqual({ expiresAt: null })
  expect(changes(values, { ...values, allowFallbacks: true }, nowMs).policy).not.toHaveProperty(
    'allowFallbacks',
  )
})

test('a new key names only what it limits', () => {
  expect(newKeyOf({ ...newKeyValues, name: ' laptop ' }, nowMs)).toEqual({ name: 'laptop' })
  const limited = { ...newKeyValues, name: 'ci', budgetUsd: '12.50', expires: '7', sort: 'latency' }
  expect(newKeyOf(limited, nowMs)).toEqual({
    name: 'ci',
    budget: { limitNanos: '12500000000', period: 'month' },
    expiresAt: '2026-11-29T12:00:00.000Z',
    policy: { sort: 'latency' },
  })
})

test('fields say what is wrong with them', () => {
  expect(keyFaults.budgetUsd('0')).toBeNull()
  expect(keyFaults.budgetUsd('ten')).toContain('dollars')
  expect(keyFaults.requestsPerMinute('0')).toContain('above 0')
  expect(keyFaults.maxPromptUsd('1e3')).toContain('dollars')
  expect(keyFaults.maxPromptUsd('0.000001')).toBeNull()
  expect(keyFaults.scopes([])).not.toBeNull()
  expect(keyFaults.expiresAt('', { ...newKeyValues, expires: 'at' })).toContain('Choose')
})
