import { expect, test } from 'vitest'
import type { UsageFacts } from '../ledger/usage-facts.ts'
import { creditsJson, generationJson, keyJson } from './receipt-generation.ts'

const facts: UsageFacts = {
  id: '01a1fd71-83c2-7a53-99bd-28930958cf2c',
  organisation_id: '01a1fd71-83c2-7a53-99bd-28930958cf2d',
  key_id: '01a1fd71-83c2-7a53-99bd-28930958cf2e',
  key_fingerprint: null,
  listing_id: '01a1fd71-83c2-7a53-99bd-28930958cf2f',
  model: 'openai/gpt-4o-mini',
  provider: 'openai',
  uncached_input: 11,
  cache_read: 5,
  cache_write_5m: 1,
  cache_write_1h: 2,
  audio_input: 3,
  output: 7,
  audio_output: 4,
  reasoning: 2,
  usage_source: 'reported',
  billed: 'whole',
  price: '{}',
  stream: true,
  finish_reason: 'stop',
  started_at: '2026-11-22T10:00:00.000Z',
  settled_at: '2026-11-22T10:00:01.123Z',
  duration_ms: 812.5,
  ttft_ms: 120.25,
  held_nanos: '9000',
  cost_nanos: '75',
  request_hash: null,
  response_hash: null,
}

test("a generation carries OpenRouter's fields, with every token once and the cost without an exponent", () => {
  const text = generationJson(facts)
  expect(text).toContain('"total_cost":0.000000075,"usage":0.000000075')
  expect(JSON.parse(text).data).toMatchObject({
    id: expect.stringMatching(/^gen-[0-9a-z]{26}$/),
    model: 'openai/gpt-4o-mini',
    provider_name: 'openai',
    created_at: '2026-11-22T10:00:00.000Z',
    streamed: true,
    cancelled: false,
    finish_reason: 'stop',
    latency: 120,
    generation_time: 692,
    tokens_prompt: 22,
    tokens_completion: 11,
    native_tokens_prompt: 22,
    native_tokens_completion: 11,
    native_tokens_reasoning: 2,
    native_tokens_cached: 5,
    is_byok: false,
    upstream_id: null,
  })
})

test('a client that left is told as cancelled, and what was never known is null', () => {
  const { data } = JSON.parse(
    generationJson({ ...facts, finish_reason: 'client_gone', duration_ms: 5, ttft_ms: 9 }),
  )
  expect(data).toMatchObject({
    cancelled: true,
    generation_time: 0,
    native_finish_reason: null,
    app_id: null,
  })
})

test('credits are totals whose difference is what is left', () => {
  expect(creditsJson({ creditedNanos: 10_000_000_001n, spentNanos: 1n })).toBe(
    '{"data":{"total_credits":10.000000001,"total_usage":0.000000001}}',
  )
})

const key = {
  label: 'sk-brs-abc…1234',
  expiresAtMs: undefined,
  requestsPerMinute: undefined,
  budget: undefined,
  spending: { totalNanos: 4n, dayNanos: 1n, weekNanos: 2n, monthNanos: 3n },
}

test('a key without a budget has no limit', () => {
  expect(JSON.parse(keyJson(key)).data).toMatchObject({
    label: 'sk-brs-abc…1234',
    limit: null,
    limit_remaining: null,
    limit_reset: null,
    usage: 4e-9,
    usage_daily: 1e-9,
    usage_weekly: 2e-9,
    usage_monthly: 3e-9,
    expires_at: null,
    is_free_tier: false,
    rate_limit: { requests: -1, interval: '1m' },
  })
})

test.each([
  ['day', 'daily'],
  ['week', 'weekly'],
  ['month', 'monthly'],
  ['none', null],
] as const)(
  'a budget by %s resets %s, and what is held or overspent is not there to spend',
  (period, reset) => {
    const budget = { limitNanos: 100n, period, spentNanos: 30n, heldNanos: 20n, resetsAt: null }
    const shown = keyJson({ ...key, budget, requestsPerMinute: 60, expiresAtMs: 0 })
    expect(shown).toContain('"limit":0.0000001,"limit_remaining":0.00000005')
    expect(JSON.parse(shown).data).toMatchObject({
      limit_reset: reset,
      expires_at: '1970-01-01T00:00:00.000Z',
      rate_limit: { requests: 60 },
    })
    expect(keyJson({ ...key, budget: { ...budget, spentNanos: 200n } })).toContain('"limit_remaining":0,')
  },
)
