import { beforeEach, expect, test } from 'vitest'
import { GatewayError } from '../platform/errors.ts'
import { createLimits, formatDuration, type LimitedCaller, type Limits } from './admit.ts'

let nowMs = 0
const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs }
let limits: Limits

beforeEach(() => {
  nowMs = 1_000
  limits = createLimits({ clock })
})

function refusal(caller: LimitedCaller, tokens: number): GatewayError {
  try {
    limits.admit(caller, tokens)
  } catch (error) {
    if (error instanceof GatewayError) return error
    throw error
  }
  throw new Error('was admitted')
}

test('a key without limits is admitted and told nothing', () => {
  for (let count = 0; count < 1_000; count += 1) {
    expect(limits.admit({ keyId: 'free' }, 1e9).headers()).toEqual({})
  }
  expect(limits.trackedKeys()).toBe(0)
})

test('the request after the last one allowed is told when to come back, and then it passes', () => {
  const caller = { keyId: 'a', requestsPerMinute: 2 }
  limits.admit(caller, 10)
  nowMs += 10_000
  limits.admit(caller, 10)
  nowMs += 5_000
  const error = refusal(caller, 10)
  expect(error.status).toBe(429)
  expect(error.details.retryAfterMs).toBe(45_000)
  expect(error.message).toContain('2 requests per minute')
  nowMs += 45_000
  limits.admit(caller, 10)
})

test('a request refused for its tokens does not use up a request', () => {
  const caller = { keyId: 'a', requestsPerMinute: 2, tokensPerMinute: 100 }
  limits.admit(caller, 90)
  for (let count = 0; count < 5; count += 1)
    expect(refusal(caller, 20).details.metadata?.scope).toBe('tokens')
  limits.admit(caller, 10)
  expect(refusal(caller, 0).details.metadata?.scope).toBe('requests')
})

test('a request that can never fit is told to shrink, not to wait', () => {
  const error = refusal({ keyId: 'a', tokensPerMinute: 100 }, 101)
  expect(error.retryable).toBe(false)
  expect(error.details.retryAfterMs).toBeUndefined()
  expect(error.message).toContain('Ask for fewer output tokens')
})

test('what was estimated too high comes back, however often it is corrected', () => {
  const caller = { keyId: 'a', tokensPerMinute: 1_000 }
  const admission = limits.admit(caller, 1_000)
  admission.correct(400)
  admission.correct(100)
  expect(admission.headers()).toEqual({
    'x-ratelimit-limit-tokens': '1000',
    'x-ratelimit-remaining-tokens': '900',
    'x-ratelimit-reset-tokens': '1m0s',
  })
  limits.admit(caller, 900)
})

test('two keys do not share a minute', () => {
  limits.admit({ keyId: 'a', requestsPerMinute: 1 }, 1)
  limits.admit({ keyId: 'b', requestsPerMinute: 1 }, 1)
  expect(refusal({ keyId: 'a', requestsPerMinute: 1 }, 1).code).toBe('rate_limit_exceeded')
})

test('a limit that an operator lowers or raises takes effect on the next request, with the past kept', () => {
  limits.admit({ keyId: 'a', requestsPerMinute: 1 }, 1)
  limits.admit({ keyId: 'a', requestsPerMinute: 2 }, 1)
  expect(refusal({ keyId: 'a', requestsPerMinute: 1 }, 1).details.retryAfterMs).toBe(60_000)
})

test('idle keys are forgotten to make room, a live window never is', () => {
  limits = createLimits({ clock, maxTrackedKeys: 2 })
  limits.admit({ keyId: 'a', requestsPerMinute: 1 }, 1)
  nowMs += 30_000
  limits.admit({ keyId: 'b', requestsPerMinute: 1 }, 1)
  expect(refusal({ keyId: 'c', requestsPerMinute: 1 }, 1).code).toBe('overloaded')
  expect(refusal({ keyId: 'a', requestsPerMinute: 1 }, 1).code).toBe('rate_limit_exceeded')
  nowMs += 30_000
  limits.admit({ keyId: 'c', requestsPerMinute: 1 }, 1)
  expect(refusal({ keyId: 'b', requestsPerMinute: 1 }, 1).code).toBe('rate_limit_exceeded')
  expect(limits.trackedKeys()).toBe(2)
})

test('durations read like OpenAI writes them', () => {
  expect([0, 850, 12_500, 60_000, 95_250].map(formatDuration)).toEqual([
    '0ms',
    '850ms',
    '12.5s',
    '1m0s',
    '1m35.25s',
  ])
})
