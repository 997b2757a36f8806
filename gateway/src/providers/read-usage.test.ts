import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readAnthropicUsage, readOpenAiUsage, toOpenAiUsage } from './read-usage.ts'
import { inputTokens, noUsage, outputTokens } from './usage.ts'

test('every class of an OpenAI report is told apart, and no token is in two', () => {
  const report = {
    prompt_tokens: 100,
    completion_tokens: 50,
    total_tokens: 150,
    prompt_tokens_details: { cached_tokens: 40, cache_write_tokens: 10, audio_tokens: 20 },
    completion_tokens_details: { reasoning_tokens: 15, audio_tokens: 5 },
  }
  expect(readOpenAiUsage(report)).toEqual({
    uncachedInput: 30,
    cacheRead: 40,
    cacheWrite5m: 10,
    cacheWrite1h: 0,
    audioInput: 20,
    output: 45,
    audioOutput: 5,
    reasoning: 15,
  })
})

test('sound that was cached is counted as cached, once', () => {
  const details = { cached_tokens: 90, audio_tokens: 30 }
  expect(
    readOpenAiUsage({ prompt_tokens: 100, completion_tokens: 1, prompt_tokens_details: details }),
  ).toMatchObject({
    uncachedInput: 0,
    cacheRead: 90,
    audioInput: 10,
  })
})

test('reasoning that xAI bills beside the completion is part of it here', () => {
  const completion_tokens_details = { reasoning_tokens: 228 }
  expect(
    readOpenAiUsage({
      prompt_tokens: 12,
      completion_tokens: 1,
      total_tokens: 241,
      completion_tokens_details,
    }),
  ).toMatchObject({
    output: 229,
    reasoning: 228,
  })
})

test('reasoning that Gemini shows only in the total is part of the completion here', () => {
  expect(readOpenAiUsage({ prompt_tokens: 66, completion_tokens: 6, total_tokens: 100 })).toMatchObject({
    output: 34,
    reasoning: 28,
  })
})

test('a total that nothing explains is not billed', () => {
  const completion_tokens_details = { reasoning_tokens: 2 }
  expect(
    readOpenAiUsage({
      prompt_tokens: 10,
      completion_tokens: 6,
      total_tokens: 1000,
      completion_tokens_details,
    }),
  ).toMatchObject({
    output: 6,
    reasoning: 2,
  })
})

test('reasoning above the completion that holds it is cut to it', () => {
  const completion_tokens_details = { reasoning_tokens: 11 }
  expect(
    readOpenAiUsage({
      prompt_tokens: 43,
      completion_tokens: 10,
      total_tokens: 53,
      completion_tokens_details,
    }),
  ).toMatchObject({
    output: 10,
    reasoning: 10,
  })
})

test('a report that is no count is no report', () => {
  const good = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }
  const bad: unknown[] = [undefined, null, 'x', 7, [], {}, { prompt_tokens: 10 }, { completion_tokens: 5 }]
  for (const value of [-1, 1.5, '3', null, Number.NaN, Number.POSITIVE_INFINITY, 1e12, [], {}]) {
    bad.push({ ...good, prompt_tokens: value }, { ...good, completion_tokens: value })
    if (value !== null) bad.push({ ...good, prompt_tokens_details: { cached_tokens: value } })
  }
  bad.push({ ...good, prompt_tokens: 0 }, { ...good, prompt_tokens_details: { cached_tokens: 11 } })
  bad.push({ ...good, completion_tokens_details: { audio_tokens: 6 } })
  for (const report of bad) expect(readOpenAiUsage(report), JSON.stringify(report)).toBeUndefined()
  expect(
    readOpenAiUsage({ ...good, prompt_tokens_details: null, completion_tokens_details: null }),
  ).toMatchObject({ uncachedInput: 10 })
})

test("Anthropic's input leaves cached tokens out, and its two lives of a cache are told apart", () => {
  const report = {
    input_tokens: 4,
    cache_read_input_tokens: 100,
    cache_creation_input_tokens: 30,
    cache_creation: { ephemeral_5m_input_tokens: 20, ephemeral_1h_input_tokens: 10 },
    output_tokens: 50,
  }
  const usage = readAnthropicUsage(report)
  expect(usage).toEqual({
    ...noUsage,
    uncachedInput: 4,
    cacheRead: 100,
    cacheWrite5m: 20,
    cacheWrite1h: 10,
    output: 50,
  })
  expect(inputTokens(usage!)).toBe(134)
  expect(readAnthropicUsage({ ...report, cache_creation: undefined })).toMatchObject({
    cacheWrite5m: 30,
    cacheWrite1h: 0,
  })
  for (const bad of [
    { input_tokens: -1 },
    { output_tokens: '5' },
    { cache_creation: { ephemeral_1h_input_tokens: 31 } },
  ]) {
    expect(readAnthropicUsage({ ...report, ...bad })).toBeUndefined()
  }
  expect(readAnthropicUsage({ input_tokens: 0, output_tokens: 0 })).toBeUndefined()
})

test('whatever a vendor reports, the classes add up to what it says or there is no report', () => {
  const number = fc.oneof(fc.nat(1000), fc.constantFrom(undefined, null, -1, 0.5, '1', 1e10))
  const report = fc.record({
    prompt_tokens: number,
    completion_tokens: number,
    total_tokens: number,
    prompt_tokens_details: fc.option(
      fc.record({ cached_tokens: number, audio_tokens: number, cache_write_tokens: number }),
    ),
    completion_tokens_details: fc.option(fc.record({ reasoning_tokens: number, audio_tokens: number })),
  })
  fc.assert(
    fc.property(report, (value) => {
      const usage = readOpenAiUsage(value)
      if (!usage) return
      expect(Object.values(usage).every((count) => Number.isInteger(count) && count >= 0)).toBe(true)
      expect(inputTokens(usage)).toBe(value.prompt_tokens)
      expect(outputTokens(usage)).toBeGreaterThanOrEqual(value.completion_tokens as number)
      expect(usage.reasoning).toBeLessThanOrEqual(usage.output)
      expect(readOpenAiUsage(toOpenAiUsage(usage))).toEqual(usage)
    }),
    { numRuns: 2000 },
  )
})
