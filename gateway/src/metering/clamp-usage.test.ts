import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ChatRequest } from '../providers/chat.ts'
import { inputTokens, noUsage, outputTokens, type Usage } from '../providers/usage.ts'
import { clampUsage, type OwnCount, ownCountOf } from './clamp-usage.ts'
import { countPrompt } from './count-tokens.ts'

const own: OwnCount = { promptMax: 100, completionMax: 50, hears: false, speaks: false }
const usage = (change: Partial<Usage>): Usage => ({ ...noUsage, ...change })
const request: ChatRequest = {
  model: 'test/model',
  messages: [
    { role: 'user', content: 'Tell me about the weather in Paris, and what to wear for it. '.repeat(20) },
  ],
}

test('a report within our count is billed as it is', () => {
  const reported = usage({ uncachedInput: 60, cacheRead: 40, output: 50, reasoning: 10 })
  expect(clampUsage(reported, own)).toEqual({ usage: reported, clamped: false })
})

test('what is above our count is cut from the dearest tokens first, and hidden reasoning is not billed', () => {
  const reported = usage({ uncachedInput: 60, cacheRead: 80, output: 400, reasoning: 350 })
  expect(clampUsage(reported, own)).toEqual({
    usage: usage({ uncachedInput: 20, cacheRead: 80, output: 50, reasoning: 50 }),
    clamped: true,
  })
})

test('a seller cannot make the same tokens dearer by calling them cache writes or sound', () => {
  const reported = usage({ cacheWrite1h: 60, cacheWrite5m: 10, audioInput: 10, audioOutput: 20, output: 10 })
  expect(clampUsage(reported, own).usage).toEqual(usage({ uncachedInput: 80, output: 30 }))
  expect(clampUsage(reported, { ...own, hears: true, speaks: true }).usage).toEqual(
    usage({ uncachedInput: 70, audioInput: 10, audioOutput: 20, output: 10 }),
  )
})

test('whatever is reported, no side is billed above our count and no class above what was reported in all', () => {
  const tokens = fc.nat({ max: 400 })
  const reports = fc.record({
    uncachedInput: tokens,
    cacheRead: tokens,
    cacheWrite5m: tokens,
    cacheWrite1h: tokens,
    audioInput: tokens,
    output: tokens,
    audioOutput: tokens,
    reasoning: fc.constant(0),
  })
  fc.assert(
    fc.property(reports, tokens, tokens, fc.boolean(), (reported, promptMax, completionMax, hears) => {
      const bounds = { promptMax, completionMax, hears, speaks: false }
      const { usage: billed, clamped } = clampUsage(reported, bounds)
      expect(inputTokens(billed)).toBe(Math.min(inputTokens(reported), promptMax))
      expect(outputTokens(billed)).toBe(Math.min(outputTokens(reported), completionMax))
      expect(billed.cacheWrite5m + billed.cacheWrite1h).toBe(0)
      expect(billed.cacheRead).toBeLessThanOrEqual(reported.cacheRead)
      expect(Object.values(billed).every((count) => count >= 0)).toBe(true)
      if (!clamped) expect(billed).toBe(reported)
    }),
  )
})

test("our count leaves 3 % and 20 tokens with the model's own tokenizer, 15 % with another", () => {
  const exact = countPrompt(request, 'o200k')
  expect(ownCountOf(request, 'o200k', { written: 1_000, calls: 0 })).toEqual({
    promptMax: Math.ceil(exact * 1.03) + 20,
    completionMax: 1_050,
    hears: false,
    speaks: false,
  })
  const dearest = Math.max(exact, countPrompt(request, 'approximate'))
  expect(ownCountOf(request, 'approximate', { written: 1_000, calls: 2 })).toMatchObject({
    promptMax: Math.ceil(dearest * 1.15) + 20,
    completionMax: 1_150 + 20 + 92,
  })
})

test('what cannot be measured from here does not bound the prompt: the hold does', () => {
  const content = [{ type: 'file', file: { file_id: 'file-1' } }]
  const named = { ...request, messages: [{ role: 'user' as const, content }] }
  expect(ownCountOf(named, 'o200k', { written: 0, calls: 0 }).promptMax).toBe(Number.POSITIVE_INFINITY)
})
