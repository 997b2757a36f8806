import fc from 'fast-check'
import { expect, test } from 'vitest'
import { coolDown, type Rest, rested, suspend } from './rest.ts'
import { createRests, type Rests } from './rests.ts'

let nowMs = 0
const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs }
const offer = { id: 'l:m', listingId: 'l', revision: 1 }
const otherModel = { ...offer, id: 'l:n' }

function open(options: { maxRests?: number } = {}): Rests {
  nowMs = 10_000
  return createRests({ clock, random: () => 0, ...options })
}

test('a hint is followed within a second and an hour, and nonsense is not', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.double(), fc.constant(undefined), fc.integer()),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (hintMs, random) => {
        const { untilMs } = coolDown(rested, { nowMs: 0, hintMs, random })
        expect(untilMs).toBeGreaterThanOrEqual(1_000)
        expect(untilMs).toBeLessThanOrEqual(3_600_000 * 1.1)
        const useful = hintMs !== undefined && hintMs > 1_000 && hintMs < 3_600_000
        if (useful) expect(untilMs).toBeGreaterThanOrEqual(hintMs)
        if (useful) expect(untilMs).toBeLessThanOrEqual(hintMs * 1.1 + 1)
      },
    ),
  )
})

test('without a hint the rest doubles from two seconds to a minute, never below half of that', () => {
  const lengths: number[] = []
  let rest: Rest = rested
  let atMs = 0
  for (let strike = 0; strike < 8; strike += 1) {
    rest = coolDown(rest, { nowMs: atMs, hintMs: undefined, random: 0 })
    lengths.push(rest.untilMs - atMs)
    atMs = rest.untilMs
  }
  expect(lengths).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
})

test('a hundred requests that were under way when the limit was hit are one strike', () => {
  let rest = coolDown(rested, { nowMs: 0, hintMs: undefined, random: 0 })
  for (let count = 0; count < 100; count += 1)
    rest = coolDown(rest, { nowMs: 500, hintMs: undefined, random: 0 })
  expect(rest).toEqual({ untilMs: 1_500, strikes: 1 })
})

test('a spent quota rests a quarter of an hour, doubling to six hours', () => {
  const minutes: number[] = []
  let rest: Rest = rested
  for (let strike = 0; strike < 7; strike += 1) {
    const atMs = Math.max(0, rest.untilMs)
    rest = suspend(rest, { nowMs: atMs })
    minutes.push((rest.untilMs - atMs) / 60_000)
    expect(suspend(rest, { nowMs: atMs + 1 })).toBe(rest)
  }
  expect(minutes).toEqual([15, 30, 60, 120, 240, 360, 360])
})

test('a 429 cools one model down, a spent quota the whole listing', () => {
  const rests = open()
  rests.rest(offer, 'cooling', 5_000)
  expect(rests.restOf(offer)).toEqual({ reason: 'cooling', untilMs: 15_000 })
  expect(rests.restOf(otherModel)).toBeUndefined()
  rests.rest(offer, 'listing_suspended')
  expect(rests.restOf(otherModel)?.reason).toBe('listing_suspended')
  nowMs += 15 * 60_000
  expect(rests.restOf(offer)).toBeUndefined()
})

test('a refused model rests alone, a rejected key until the seller acts', () => {
  const rests = open()
  rests.rest(offer, 'model_suspended')
  expect(rests.restOf(otherModel)).toBeUndefined()
  rests.rest(offer, 'disabled')
  nowMs += 1e12
  expect(rests.restOf(otherModel)?.reason).toBe('disabled')
  expect(rests.restOf({ ...otherModel, revision: 2 })).toBeUndefined()
})

test('a shorter rest does not cut a longer one short', () => {
  const rests = open()
  rests.rest(offer, 'cooling', 60_000)
  rests.rest(offer, 'cooling', 1_000)
  expect(rests.restOf(offer)?.untilMs).toBe(70_000)
  rests.rest(offer, 'disabled')
  rests.rest(offer, 'listing_suspended')
  expect(rests.restOf(offer)?.reason).toBe('disabled')
})

test('after a success the next strike is a first one, but a success from before does not end a rest', () => {
  const rests = open()
  rests.rest(offer, 'cooling')
  rests.served(offer)
  expect(rests.restOf(offer)).toBeDefined()
  nowMs += 1_000
  rests.rest(offer, 'cooling')
  expect(rests.restOf(offer)?.untilMs).toBe(nowMs + 2_000)
  nowMs += 2_000
  rests.served(offer)
  rests.rest(offer, 'cooling')
  expect(rests.restOf(offer)?.untilMs).toBe(nowMs + 1_000)
})

test('what is remembered is bounded, and rests that are over go first', () => {
  const rests = open({ maxRests: 2 })
  const named = (id: string) => ({ id, listingId: `of ${id}`, revision: 1 })
  rests.rest(named('a'), 'cooling', 1_000)
  rests.rest(named('b'), 'cooling', 60_000)
  nowMs += 1_000
  rests.rest(named('c'), 'cooling', 60_000)
  expect(rests.state(10).map(({ id }) => id)).toEqual(['b', 'c'])
  rests.rest(named('d'), 'cooling', 60_000)
  expect(rests.state(10).map(({ id }) => id)).toEqual(['c', 'd'])
  expect(rests.state(1)).toHaveLength(1)
})
