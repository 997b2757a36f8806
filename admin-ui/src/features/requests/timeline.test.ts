import type { RequestShown } from '@bourse/gateway/api/analytics'
import { expect, test } from 'vitest'
import { requestSentence } from './request-words.ts'
import { timelineOf } from './timeline.ts'

const bay = { id: 'lst-bay', name: 'bay' }
const acme = { id: 'lst-acme', name: 'acme' }

const request = (fields: Partial<RequestShown>) =>
  ({ outcome: 'answered', stream: true, listing: bay, durationMs: 5_600, ...fields }) as RequestShown

const failedOver = request({
  attempts: [
    { listing: acme, provider: 'x', outcome: 'rate_limited', afterMs: 1, durationMs: 38 },
    { listing: bay, provider: 'x', outcome: 'ok', afterMs: 40, durationMs: 740 },
  ],
})

test('a request that failed over is told step by step, without a gap', () => {
  const steps = timelineOf(failedOver)
  expect(steps.map(({ name, kind }) => [name, kind])).toEqual([
    ['door, choice and hold', 'own'],
    ['acme was rate limited', 'failed'],
    ['choice of the next', 'own'],
    ['bay: to the first token', 'waiting'],
    ['answer streams', 'answering'],
  ])
  for (const [index, step] of steps.entries()) expect(step.fromMs).toBe(steps[index - 1]?.toMs ?? 0)
  expect(steps.at(-1)?.toMs).toBe(5_600)
})

test('a request that never reached a seller, and one that nobody told of, have no invented steps', () => {
  expect(timelineOf(request({ attempts: [], outcome: 'refused', durationMs: 2 }))).toEqual([
    { name: 'door', fromMs: 0, toMs: 2, kind: 'own' },
  ])
  expect(timelineOf(request({ attempts: null }))).toEqual([])
})

test('a sentence says who answered after whom, or why nobody did', () => {
  expect(requestSentence(failedOver)).toBe('Answered by bay after acme was rate limited.')
  expect(
    requestSentence(
      request({ outcome: 'refused', attempts: [], listing: null, error: 'insufficient_quota' }),
    ),
  ).toBe('Refused: insufficient quota. Nothing was charged.')
  expect(
    requestSentence(
      request({
        outcome: 'failed',
        error: 'upstream_failed',
        attempts: [{ listing: bay, provider: 'x', outcome: 'server_error', afterMs: 1, durationMs: 3 }],
      }),
    ),
  ).toBe('Failed: bay failed (upstream failed).')
})
