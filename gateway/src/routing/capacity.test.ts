import { expect, test } from 'vitest'
import { capacityContract } from '../../test/support/capacity-contract.ts'
import { createCapacity } from './capacity.ts'

capacityContract('capacity in memory', createCapacity)

test('the windows of idle listings are given up, busy ones never, and what a day has counted stays', () => {
  let nowMs = 0
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs }
  const capacity = createCapacity({ clock, maxTracked: 2 })
  const offer = (listingId: string, limits: object) => ({ listingId, model: 'm', ...limits })
  const busy = capacity.take(offer('busy', { concurrency: 1 }), { tokens: 0 })
  capacity.take(offer('recent', { requestsPerMinute: 1 }), { tokens: 0 })?.end('ok')
  capacity.take(offer('new', { concurrency: 1 }), { tokens: 700 })?.end('ok')
  expect(capacity.take(offer('recent', { requestsPerMinute: 1 }), { tokens: 1 })).toBeUndefined()
  nowMs += 61_000
  busy?.renew()
  capacity.take(offer('newer', { concurrency: 1 }), { tokens: 0 })
  expect(capacity.take(offer('busy', { concurrency: 1 }), { tokens: 1 })).toBeUndefined()
  expect(
    capacity
      .state(10)
      .map(({ listingId }) => listingId)
      .sort(),
  ).toEqual(['busy', 'new', 'newer'])
  expect(capacity.take(offer('new', { tokensPerDay: 1_000 }), { tokens: 301 })).toBeUndefined()
  expect(capacity.refusals()).toEqual({ rate: 1, concurrency: 1, day: 1, month: 0 })
})
