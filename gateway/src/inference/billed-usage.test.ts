import { expect, test, vi } from 'vitest'
import { testModel } from '../../test/support/market.ts'
import { countPrompt } from '../metering/count-tokens.ts'
import { noUsage } from '../providers/usage.ts'
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

test('a report that can be true is billed as it is, and nothing is counted', () => {
  const count = vi.fn(() => 0)
  const usage = reported({ reasoning: 12 })
  expect(billedUsage(chat(), usage, count)).toEqual({ usage, usageSource: 'reported' })
  expect(count).not.toHaveBeenCalled()
})

test.each([
  ['is missing', undefined],
  ['says more than was admitted, far beyond what vendors add', reported({ output: 100 * 1.05 + 257 })],
  ['says more than the model can read', reported({ uncachedInput: 1_200 })],
  ['is no count', reported({ output: 1.5 })],
])('a report that %s is not billed; our own count is', (_what, usage) => {
  expect(billedUsage(chat({ contextWindow: 1_000 }), usage, () => 17)).toEqual({
    usage: { ...noUsage, uncachedInput: prompt, output: 17 },
    usageSource: 'counted',
  })
})

test('the bound is for all choices together', () => {
  const usage = reported({ output: 390 })
  expect(billedUsage(chat(), usage, () => 1).usageSource).toBe('counted')
  expect(billedUsage(chat({ n: 4 }), usage, () => 1)).toEqual({ usage, usageSource: 'reported' })
})

test('a departed client owes its prompt and what was delivered, by our count', () => {
  expect(prompt).toBeGreaterThan(4)
  expect(countedUsage(chat(), 3)).toEqual({ ...noUsage, uncachedInput: prompt, output: 3 })
})
