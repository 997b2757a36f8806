import { expect, test } from 'vitest'
import { ATTEMPTS_MAX, nextAttemptMs } from './next-attempt.ts'

test('each wait is longer than the one before, and after eight attempts over a day it is given up', () => {
  const waits = Array.from({ length: ATTEMPTS_MAX - 1 }, (_, index) => nextAttemptMs(index + 1, 0) ?? 0)
  expect(waits).toEqual(waits.toSorted((one, other) => one - other))
  const allMs = waits.reduce((sum, wait) => sum + wait, 0)
  expect(allMs).toBeGreaterThan(24 * 3_600_000)
  expect(allMs).toBeLessThan(48 * 3_600_000)
  expect(nextAttemptMs(ATTEMPTS_MAX, 0)).toBeUndefined()
})
