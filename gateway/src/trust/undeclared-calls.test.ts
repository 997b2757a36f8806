import { expect, test } from 'vitest'
import { makeOffer } from '../../test/support/market.ts'
import { formatId, uuidv7 } from '../platform/ids.ts'
import { createDailyCap, MAX_PAIRS } from './daily-cap.ts'
import { createUndeclaredCalls } from './undeclared-calls.ts'

const DAY_MS = 86_400_000

/** An attempt whose answer called a tool that nobody had declared. */
function stopped(
  calls: ReturnType<typeof createUndeclaredCalls>,
  listingId: string,
  buyer: string,
  nowMs: number,
) {
  const backing = listingId === 'vendor' ? 'key' : 'endpoint'
  const attempt = {
    offer: makeOffer(listingId, { backing }),
    buyer,
    requestId: uuidv7(nowMs),
    outcome: 'malformed',
    innocent: false,
  } as const
  calls.noticed(attempt.offer, formatId('gen-', attempt.requestId))
  return { attempt, weighed: calls.weigh(attempt, nowMs) }
}

test("an undeclared call by a vendor's model counts as nothing, however often a buyer provokes it", () => {
  const calls = createUndeclaredCalls()
  for (let times = 0; times < 5; times += 1) expect(stopped(calls, 'vendor', 'x', 0).weighed).toBe('nothing')
})

test("by a seller's own server it is a breach once a buyer, offer and day", () => {
  const calls = createUndeclaredCalls()
  const weighed = (listingId: string, buyer: string, nowMs = 0) =>
    stopped(calls, listingId, buyer, nowMs).weighed
  expect([weighed('a', 'x'), weighed('a', 'x'), weighed('a', 'x', DAY_MS - 1)]).toEqual([
    'breach',
    'usual',
    'usual',
  ])
  expect([weighed('a', 'y'), weighed('b', 'x'), weighed('a', 'x', DAY_MS)]).toEqual(Array(3).fill('breach'))
})

test('only the attempt whose answer was stopped is meant, and only once', () => {
  const calls = createUndeclaredCalls()
  const { attempt } = stopped(calls, 'a', 'x', 0)
  expect(calls.weigh({ ...attempt, buyer: 'y' }, 0)).toBe('usual')
  calls.noticed(attempt.offer, formatId('gen-', attempt.requestId))
  expect(calls.weigh({ ...attempt, offer: makeOffer('b', { backing: 'endpoint' }), buyer: 'y' }, 0)).toBe(
    'usual',
  )
})

test('beyond their bound the least lately used pairs of buyer and offer begin anew', () => {
  const cap = createDailyCap(1)
  const offer = makeOffer('a')
  const take = (buyer: string) => cap.take({ buyer, offer }, 1, 0)
  expect([take('old'), take('older')]).toEqual([true, true])
  for (let at = 0; at < MAX_PAIRS - 2; at += 1) take(`buyer ${at}`)
  expect(take('old')).toBe(false)
  take('new')
  expect([take('old'), take('older')]).toEqual([false, true])
})
