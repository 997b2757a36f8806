import type { UsageAnswer } from '@bourse/gateway/api/analytics'
import { expect, test } from 'vitest'
import { bucketsOf } from './usage-buckets.ts'

const answer = (fields: Partial<UsageAnswer>) => fields as UsageAnswer

test('hours in which nothing happened are there, and those to come are not', () => {
  const part = { id: 'a/b', name: 'a/b', requests: 1, costNanos: '5' }
  const buckets = bucketsOf(
    answer({
      groupBy: 'hour',
      from: '2026-11-22T10:00:00.000Z',
      to: '2026-11-22T20:00:00.000Z',
      data: [{ id: '2026-11-22T11:00:00.000Z', parts: [part] }] as UsageAnswer['data'],
    }),
    Date.parse('2026-11-22T12:30:00Z'),
  )
  expect(buckets.map(({ parts }) => parts)).toEqual([undefined, [part], undefined])
  expect(new Set(buckets.map(({ label }) => label)).size).toBe(3)
})

test('days are told once each, also those of 23 and of 25 hours', () => {
  const buckets = bucketsOf(
    answer({ groupBy: 'day', from: '2026-03-25T00:00:00.000Z', to: '2026-04-04T00:00:00.000Z', data: [] }),
    Date.parse('2026-12-01T00:00:00Z'),
  )
  expect(buckets.length).toBeGreaterThanOrEqual(10)
  expect(new Set(buckets.map(({ label }) => label)).size).toBe(buckets.length)
})
