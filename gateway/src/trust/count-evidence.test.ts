import { expect, test } from 'vitest'
import { makeOffer, testModel } from '../../test/support/market.ts'
import type { Answered } from '../inference/deps.ts'
import { countPrompt } from '../metering/count-tokens.ts'
import { noUsage } from '../providers/usage.ts'
import { evidenceOf } from './count-evidence.ts'

const messages = [{ role: 'user' as const, content: 'How are you today?' }]
const request = { model: 'test/model', messages }
const prompt = countPrompt(request, 'o200k')

const answered = (change: Partial<Answered> = {}): Answered => ({
  requestId: 'request',
  offer: makeOffer('a'),
  model: testModel,
  request,
  reported: { ...noUsage, uncachedInput: 10, cacheRead: 5, output: 30 },
  billedBy: 'reported',
  finishReason: 'stop',
  written: { tokens: () => 28, comparable: () => true, calls: 0 },
  ...change,
})

test('a plain answer is compared on both sides, cached tokens included, by a tokenizer that has a name', () => {
  expect(evidenceOf(answered())).toEqual({
    requestId: 'request',
    tokenizer: 'o200k',
    exact: true,
    prompt: { reported: 15, own: prompt },
    completion: { reported: 30, own: 28 },
  })
})

test("another's model is measured with o200k, and not where its script says nothing", () => {
  const model = { ...testModel, tokenizer: 'approximate' as const }
  expect(evidenceOf(answered({ model }))).toMatchObject({
    tokenizer: 'o200k',
    exact: false,
    prompt: { own: prompt },
  })
  const foreign = { ...request, messages: [{ role: 'user' as const, content: 'Как дела сегодня?' }] }
  const written = { tokens: () => 28, comparable: () => false, calls: 0 }
  expect(evidenceOf(answered({ model, request: foreign, written }))).toMatchObject({
    prompt: 'script',
    completion: 'script',
  })
})

test.each([
  ['tools', { ...request, tools: [{ type: 'function', function: { name: 'get_weather' } }] }],
  ['tools', { ...request, response_format: { type: 'json_object' } }],
  [
    'media',
    { ...request, messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] },
  ],
  ['too_long', { ...request, messages: [{ role: 'user', content: 'long '.repeat(10_000) }] }],
] as const)('a prompt with %s is not compared, its answer is', (why, asked) => {
  expect(evidenceOf(answered({ request: asked as unknown as Answered['request'] }))).toMatchObject({
    prompt: why,
    completion: { reported: 30, own: 28 },
  })
})

test('an answer with calls, sound, a filter or reasoning that nobody told apart is not compared', () => {
  const written = { tokens: () => 28, comparable: () => true, calls: 1 }
  expect(evidenceOf(answered({ written })).completion).toBe('tools')
  expect(evidenceOf(answered({ reported: { ...noUsage, audioOutput: 3 } })).completion).toBe('media')
  expect(evidenceOf(answered({ finishReason: 'content_filter' })).completion).toBe('withheld')
  expect(evidenceOf(answered({ request: { ...request, reasoning_effort: 'high' } })).completion).toBe(
    'reasoning',
  )
  expect(evidenceOf(answered({ reported: undefined }))).toMatchObject({
    prompt: 'not_reported',
    completion: 'not_reported',
  })
})

test('naming tokens reasoning hides nothing: they are taken off and the rest is compared', () => {
  const reported = { ...noUsage, uncachedInput: 15, output: 900, reasoning: 600 }
  expect(evidenceOf(answered({ reported })).completion).toEqual({ reported: 300, own: 28 })
})
