import { expect, test, vi } from 'vitest'
import { testModel } from '../../test/support/market.ts'
import { countPrompt } from '../metering/count-tokens.ts'
import { noUsage, type Usage } from '../providers/usage.ts'
import type { AdmittedChat } from './admit-chat.ts'
import { billedUsage, countedUsage } from './billed-usage.ts'

const request = { model: 'test/model', messages: [{ role: 'user' as const, content: 'How are you today?' }] }

const chat = (more: { n?: number; contextWindow?: number } = {}) =>
  ({
    request: { ...request, ...(more.n === undefined ? {} : { n: more.n }) },
    model: { ...testModel, contextWindow: more.contextWindow },
    maxOutputTokens: 100,
  }) as AdmittedChat

const reported = (change: object) => ({ ...noUsage, uncachedInput: 20, output: 30, ...change })
const prompt = countPrompt(request, 'o200k')

/** By a vendor itself, unless the story is about a seller's own server. */
function billed(
  asked: AdmittedChat,
  usage: Usage | undefined,
  countOutput: () => number,
  backing: 'key' | 'endpoint' = 'key',
) {
  const written = { tokens: countOutput, calls: 0 }
  return billedUsage(asked, { offer: { backing }, reported: usage, countOutput, written })
}

test('a report that can be true is billed as it is, and nothing is counted', () => {
  const count = vi.fn(() => 0)
  const usage = reported({ reasoning: 12 })
  expect(billed(chat(), usage, count)).toEqual({ usage, usageSource: 'reported' })
  expect(count).not.toHaveBeenCalled()
})

test.each([
  ['is missing', undefined],
  ['says more than was admitted, far beyond what vendors add', reported({ output: 100 * 1.05 + 257 })],
  ['says more than the model can read', reported({ uncachedInput: 1_200 })],
  ['is no count', reported({ output: 1.5 })],
])('a report that %s is not billed; our own count is', (_what, usage) => {
  expect(billed(chat({ contextWindow: 1_000 }), usage, () => 17)).toEqual({
    usage: { ...noUsage, uncachedInput: prompt, output: 17 },
    usageSource: 'counted',
  })
})

test('the bound is for all choices together', () => {
  const usage = reported({ output: 390 })
  expect(billed(chat(), usage, () => 1).usageSource).toBe('counted')
  expect(billed(chat({ n: 4 }), usage, () => 1)).toEqual({ usage, usageSource: 'reported' })
})

test('a departed client owes its prompt and what was delivered, by our count', () => {
  expect(prompt).toBeGreaterThan(4)
  expect(countedUsage(chat(), 3)).toEqual({ ...noUsage, uncachedInput: prompt, output: 3 })
})

test("a seller's own server is paid for what can be counted, and a vendor for what he reports", () => {
  const inflated = reported({ uncachedInput: 90, output: 60 })
  expect(billed(chat(), inflated, () => 30)).toEqual({ usage: inflated, usageSource: 'reported' })
  expect(billed(chat(), inflated, () => 30, 'endpoint')).toEqual({
    usage: { ...noUsage, uncachedInput: Math.ceil(prompt * 1.03) + 20, output: 31 + 20 },
    usageSource: 'clamped',
  })
  const honest = reported({ uncachedInput: prompt, output: 31 })
  expect(billed(chat(), honest, () => 30, 'endpoint')).toEqual({ usage: honest, usageSource: 'reported' })
})
