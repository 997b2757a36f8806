import { expect, test } from 'vitest'
import { makeOffer } from '../../test/support/market.ts'
import { createMetrics } from '../platform/metrics.ts'
import { createOddities, isSameModel } from './oddities.ts'

test.each([
  ['gpt-4o', 'gpt-4o', true],
  ['gpt-4o', 'gpt-4o-2024-08-06', true],
  ['gpt-4o', 'openai/gpt-4o', true],
  ['models/gemini-2.5-flash', 'gemini-2.5-flash', true],
  ['claude-sonnet-4-5-20250929', 'claude-sonnet-4-5', true],
  ['GPT-4o', 'gpt-4o', true],
  ['gpt-4o', '', true],
  ['gpt-4o', 'llama-3-8b', false],
  ['gpt-4.1', 'gpt-4.1-nano', true],
  ['gpt-4.1-nano', 'gpt-4o', false],
])('%s may answer as %s: %s', (asked, answered, expected) => {
  expect(isSameModel(asked, answered)).toBe(expected)
})

test('an operator is told once of a listing that answers with another model, and sees how often in the metrics', async () => {
  const lines: object[] = []
  const metrics = createMetrics()
  const oddities = createOddities({
    metrics,
    logger: { warn: (line: object) => void lines.push(line) } as never,
  })
  const offer = makeOffer('a', { upstreamModel: 'gpt-4o' })
  for (let answer = 0; answer < 3; answer += 1) oddities.answeredBy(offer, 'llama-3-8b')
  oddities.answeredBy(offer, 'gpt-4o-2024-08-06')
  oddities.answeredBy(offer, undefined)
  oddities.note(offer, 'mislabelled')
  expect(lines).toEqual([
    { listingId: 'a', model: 'test/model', oddity: 'other_model', asked: 'gpt-4o', answered: 'llama-3-8b' },
    { listingId: 'a', model: 'test/model', oddity: 'mislabelled' },
  ])
  const page = await metrics.render()
  expect(page).toContain('gateway_upstream_oddities_total{oddity="other_model"} 3')
  expect(page).toContain('gateway_upstream_oddities_total{oddity="mislabelled"} 1')
})
