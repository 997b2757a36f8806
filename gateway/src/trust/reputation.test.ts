import fc from 'fast-check'
import { expect, test } from 'vitest'
import { makeOffer } from '../../test/support/market.ts'
import { afterAttempt, afterFlag, newRecord, type Record, standingOf } from './reputation.ts'
import { createReputations } from './reputations.ts'

const DAY_MS = 86_400_000
const ok = { outcome: 'ok', innocent: false, ttftMs: 300, durationMs: 1_300, outputTokens: 50 } as const
const broken = { outcome: 'server_error', innocent: false } as const

function served(record: Record, successes: number, failures: number, nowMs = 0): Record {
  let after = record
  for (let at = 0; at < successes; at += 1) after = afterAttempt(after, ok, nowMs)
  for (let at = 0; at < failures; at += 1) after = afterAttempt(after, broken, nowMs)
  return after
}

const standing = (record: Record) => standingOf(record, { accused: false })

test('fifty completed attempts prove a listing, whatever they came to', () => {
  expect(standing(served(newRecord(0), 49, 0)).proven).toBe(false)
  expect(standing(served(newRecord(0), 40, 10)).proven).toBe(true)
})

test('what a buyer did, or a fault of ours, is not held against a listing', () => {
  const record = newRecord(0)
  for (const outcome of ['client_gone', 'user_error', 'own_fault'] as const) {
    expect(afterAttempt(record, { outcome, innocent: false }, 1)).toBe(record)
  }
  expect(afterAttempt(record, { ...broken, innocent: true }, 1)).toBe(record)
})

test('of two with the same share of successes, the one that has shown more of them gets more traffic', () => {
  const young = standing(served(newRecord(0), 18, 2))
  const old = standing(served(newRecord(0), 900, 100))
  expect(young.score).toBeLessThan(old.score)
  expect(young.factor).toBeLessThan(old.factor)
})

test('a failure of a month ago weighs a quarter, and its successes too', () => {
  const then = served(newRecord(0), 100, 40)
  const now = afterAttempt(then, ok, 28 * DAY_MS)
  expect(now.successes).toBeCloseTo(26)
  expect(now.failures).toBeCloseTo(10)
  expect(now.completed).toBe(141)
})

test('a breach of honesty weighs as twenty failures', () => {
  const good = served(newRecord(0), 200, 0)
  expect(standing(afterFlag(good, 0))).toEqual({
    ...standing(good),
    ...standing(served(good, 0, 20)),
    proven: true,
  })
  expect(standing(afterFlag(good, 0)).factor).toBeLessThan(standing(good).factor / 1.4)
})

test('the speed is the median of what was seen, and short answers do not tell it', () => {
  const quick = afterAttempt(served(newRecord(0), 5, 0), { ...ok, outputTokens: 3, durationMs: 310 }, 0)
  expect(standing(quick)).toMatchObject({ ttftMs: 300, tokensPerS: 50 })
})

test('whatever happens, the factor lies between a twentieth and one and never rises by a failure', () => {
  fc.assert(
    fc.property(fc.nat({ max: 400 }), fc.nat({ max: 400 }), (successes, failures) => {
      const record = served(newRecord(0), successes, failures)
      const { factor } = standing(record)
      expect(factor).toBeGreaterThanOrEqual(0.05)
      expect(factor).toBeLessThanOrEqual(1)
      expect(standing(afterAttempt(record, broken, 0)).factor).toBeLessThanOrEqual(factor)
    }),
    { numRuns: 50 },
  )
})

test('an accused listing gets a twentieth until its case is resolved, and what is kept survives a restart', () => {
  const accused = new Set<string>()
  const clock = { nowMs: () => 1_000, monotonicMs: () => 0 }
  const make = () => createReputations({ clock, isAccused: (id) => accused.has(id) })
  const reputations = make()
  const offer = makeOffer('a')
  for (let at = 0; at < 60; at += 1) reputations.ended({ ...ok, offer, buyer: 'b', requestId: 'r' })
  const before = reputations.of(offer)
  expect(before).toMatchObject({ proven: true, ttftMs: 300 })
  expect(before.factor).toBeGreaterThan(0.6)
  accused.add('a')
  expect(reputations.of(offer)).toMatchObject({ factor: 0.05, proven: true })
  accused.clear()
  const again = make()
  again.restore(reputations.changed())
  expect(again.of(offer)).toEqual(before)
  expect(again.show(offer)).toEqual(reputations.show(offer))
  expect(reputations.changed()).toEqual([])
  expect(again.show({ listingId: 'b', model: 'test/model' })).toBeNull()
})

test('of one buyer at most three failures a day count against an offer, of everybody all of them', () => {
  let nowMs = 5 * DAY_MS
  const clock = { nowMs: () => nowMs, monotonicMs: () => 0 }
  const make = () => createReputations({ clock, isAccused: () => false })
  const offer = makeOffer('a')
  const fail = (reputations: ReturnType<typeof make>, buyer: string, times: number) => {
    for (let at = 0; at < times; at += 1) reputations.ended({ ...broken, offer, buyer, requestId: 'r' })
    return reputations.of(offer).factor
  }
  const [attacked, usual] = [make(), make()]
  for (const each of [attacked, usual])
    for (let at = 0; at < 60; at += 1) each.ended({ ...ok, offer, buyer: 'x', requestId: 'r' })
  expect(fail(attacked, 'x', 50)).toBe(fail(usual, 'x', 3))
  expect(fail(attacked, 'y', 1)).toBeLessThan(usual.of(offer).factor)
  // A 429 is half a failure, so six of them are three.
  const limited = { outcome: 'rate_limited', innocent: false, offer, buyer: 'z', requestId: 'r' } as const
  const before = attacked.show(offer)?.samples ?? 0
  for (let at = 0; at < 20; at += 1) attacked.ended(limited)
  expect(attacked.show(offer)?.samples).toBe(before + 6)
  const evening = attacked.of(offer).factor
  nowMs += DAY_MS
  expect(fail(attacked, 'x', 50)).toBeLessThan(evening)
})
