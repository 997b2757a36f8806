import { expect, test } from 'vitest'
import { GatewayError } from '../platform/errors.ts'
import { createRetryAdvice } from './retry-advice.ts'

let nowMs = 0
const failed = () => new GatewayError('upstream_failed', 'x', { retryAfterMs: 1_000 })

test('a key that heard of a failure three times in ten seconds is not asked to try again, until it was quiet', () => {
  const advice = createRetryAdvice({ monotonicMs: () => nowMs })
  const heard = () => advice.given('key', failed()).retryable
  expect([heard(), heard(), heard(), heard()]).toEqual([true, true, true, false])
  expect(advice.given('another', failed()).retryable).toBe(true)
  nowMs += 9_000
  expect(heard()).toBe(false)
  nowMs += 10_001
  expect(heard()).toBe(true)
})

test('what was never to be tried again stays so, and other answers are not counted', () => {
  const advice = createRetryAdvice({ monotonicMs: () => nowMs })
  const limited = new GatewayError('rate_limit_exceeded', 'x', { retryAfterMs: 1_000 })
  for (let times = 0; times < 5; times += 1) expect(advice.given('key', limited)).toBe(limited)
  const final = new GatewayError('upstream_failed', 'x', { retryable: false })
  expect(advice.given('key', final)).toBe(final)
  expect(advice.given(undefined, failed()).retryable).toBe(true)
})
