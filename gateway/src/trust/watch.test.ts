import { expect, test } from 'vitest'
import { makeOffer, testModel } from '../../test/support/market.ts'
import type { Answered } from '../inference/deps.ts'
import { createLogger } from '../platform/logger.ts'
import { createWatch } from './watch.ts'

const logger = createLogger({ level: 'silent' })
const endpoint = makeOffer('a', { backing: 'endpoint' })

const answered = (content = 'hi'): Answered => ({
  requestId: 'r',
  offer: endpoint,
  model: testModel,
  request: { model: 'm', messages: [{ role: 'user', content }] },
  reported: undefined,
  billedBy: 'reported',
  finishReason: 'stop',
  written: { tokens: () => 1, comparable: () => true, calls: 0 },
})

function watching(look: (answered: Answered) => void = () => undefined) {
  return createWatch({ logger, look, noticed: () => undefined })
}

test("every answer of a seller's own server is looked at, and one in twenty of a vendor's", () => {
  const watch = watching()
  const wanted = Array.from({ length: 200 }, () => watch.wants(makeOffer('k'))).filter(Boolean)
  expect(wanted).toHaveLength(10)
  expect(Array.from({ length: 20 }, () => watch.wants(endpoint)).every(Boolean)).toBe(true)
})

test('answers are looked at behind whoever hands them in, and a fault in looking harms nobody', async () => {
  let looked = 0
  const watch = watching(() => {
    looked += 1
    if (looked === 2) throw new Error('a fault')
  })
  for (let at = 0; at < 3; at += 1) watch.answered(answered())
  expect(looked).toBe(0)
  await watch.idle()
  expect(looked).toBe(3)
})

test('what does not fit into the queue is left out and counted, by number and by size', async () => {
  const watch = watching()
  for (let at = 0; at < 300; at += 1) watch.answered(answered())
  expect(watch.dropped()).toBe(300 - 256)
  await watch.idle()
  const large = answered('x'.repeat(40 * 1024 * 1024))
  watch.answered(large)
  watch.answered(large)
  expect(watch.dropped()).toBe(300 - 256 + 1)
  await watch.idle()
})
