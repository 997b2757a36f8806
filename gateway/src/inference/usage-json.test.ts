import { expect, test } from 'vitest'
import { noUsage } from '../providers/usage.ts'
import { usageJson } from './usage-json.ts'

const usage = {
  uncachedInput: 10,
  cacheRead: 1_000,
  cacheWrite5m: 200,
  cacheWrite1h: 100,
  audioInput: 7,
  output: 50,
  audioOutput: 3,
  reasoning: 20,
}

test('a client reads sums in OpenAI’s sense: cached tokens are in the prompt, reasoning is in the completion', () => {
  expect(JSON.parse(usageJson(usage, 0n))).toEqual({
    prompt_tokens: 1_317,
    completion_tokens: 53,
    total_tokens: 1_370,
    prompt_tokens_details: { cached_tokens: 1_000, cache_write_tokens: 300, audio_tokens: 7 },
    completion_tokens_details: { reasoning_tokens: 20, audio_tokens: 3 },
    cost: 0,
  })
})

test.each([
  [1n, '0.000000001'],
  [1_500n, '0.0000015'],
  [0n, '0'],
  [123_456_789_012n, '123.456789012'],
])('a cost of %i nano-dollars is written as a plain number without an exponent', (nanos, written) => {
  expect(usageJson(noUsage, nanos)).toMatch(new RegExp(`"cost":${written.replace('.', '\\.')}\\}$`))
})
