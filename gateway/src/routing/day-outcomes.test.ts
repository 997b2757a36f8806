import { expect, test } from 'vitest'
import { createDayOutcomes } from './day-outcomes.ts'

const HOUR_MS = 3_600_000

test('what an offer did in the last 24 hours counts, hour by hour, and what is older is forgotten', () => {
  let nowMs = 7 * HOUR_MS
  const outcomes = createDayOutcomes(() => nowMs)
  expect(outcomes.of('a')).toEqual({ attempts: 0, successes: 0 })
  outcomes.add('a', true)
  outcomes.add('a', false)
  nowMs += 20 * HOUR_MS
  outcomes.add('a', true)
  outcomes.add('b', false)
  expect(outcomes.of('a')).toEqual({ attempts: 3, successes: 2 })
  nowMs += 4 * HOUR_MS
  expect(outcomes.of('a')).toEqual({ attempts: 1, successes: 1 })
  expect(outcomes.of('b')).toEqual({ attempts: 1, successes: 0 })
  nowMs += 100 * HOUR_MS
  expect(outcomes.of('a')).toEqual({ attempts: 0, successes: 0 })
  outcomes.add('a', true)
  expect(outcomes.of('a')).toEqual({ attempts: 1, successes: 1 })
})
