import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SlidingWindow, WINDOW_MS } from './sliding-window.ts'

const arrivals = fc.array(fc.record({ gapMs: fc.nat(20_000), amount: fc.integer({ min: 1, max: 12 }) }), {
  maxLength: 200,
})

test('no sliding minute, wherever it is laid, holds more than the limit', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), arrivals, (limit, steps) => {
      const window = new SlidingWindow(limit)
      const taken: { atMs: number; amount: number }[] = []
      let nowMs = 0
      for (const { gapMs, amount } of steps) {
        nowMs += gapMs
        if (window.take(amount, nowMs).ok) taken.push({ atMs: nowMs, amount })
      }
      // The worst windows begin at a taking.
      for (const { atMs: fromMs } of taken) {
        const sum = taken
          .filter(({ atMs }) => atMs >= fromMs && atMs < fromMs + WINDOW_MS)
          .reduce((total, { amount }) => total + amount, 0)
        expect(sum).toBeLessThanOrEqual(limit)
      }
    }),
    { numRuns: 500 },
  )
})

test('a refusal is just: the last 61 seconds really hold too much', () => {
  fc.assert(
    fc.property(fc.integer({ min: 12, max: 40 }), arrivals, (limit, steps) => {
      const window = new SlidingWindow(limit)
      const taken: { atMs: number; amount: number }[] = []
      let nowMs = 0
      for (const { gapMs, amount } of steps) {
        nowMs += gapMs
        if (window.take(amount, nowMs).ok) taken.push({ atMs: nowMs, amount })
        else {
          const recent = taken.filter(({ atMs }) => atMs > nowMs - WINDOW_MS - 1_000)
          expect(recent.reduce((total, one) => total + one.amount, amount)).toBeGreaterThan(limit)
        }
      }
    }),
    { numRuns: 500 },
  )
})

test('waiting exactly as long as told is enough when nobody else came', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 12, max: 40 }),
      arrivals,
      fc.double({ min: 0, max: 1e9, noNaN: true }),
      (limit, steps, startMs) => {
        const window = new SlidingWindow(limit)
        let nowMs = startMs
        for (const { gapMs, amount } of steps) {
          nowMs += gapMs / 7
          const answer = window.take(amount, nowMs)
          if (answer.ok) continue
          expect(answer.retryAfterMs).toBeGreaterThan(0)
          expect(answer.retryAfterMs).toBeLessThanOrEqual(WINDOW_MS)
          expect(window.waitMs(amount, nowMs)).toBe(answer.retryAfterMs)
          nowMs += answer.retryAfterMs
          expect(window.take(amount, nowMs)).toEqual({ ok: true })
        }
      },
    ),
    { numRuns: 500 },
  )
})

test('a client at a steady pace below the limit is never refused', () => {
  const window = new SlidingWindow(60)
  for (let second = 0; second < 600; second += 1) expect(window.take(1, second * 1_000 + 500).ok).toBe(true)
})

test('tokens that were estimated and not used can be used by the next request', () => {
  const window = new SlidingWindow(1_000)
  expect(window.take(900, 5_000).ok).toBe(true)
  expect(window.take(200, 6_000).ok).toBe(false)
  window.correct(-850, 5_000)
  expect(window.remaining(6_000)).toBe(950)
  expect(window.take(200, 6_000).ok).toBe(true)
})

test('tokens used beyond the estimate are counted, and nothing passes until they have left the window', () => {
  const window = new SlidingWindow(100)
  window.take(50, 0)
  window.correct(100, 0)
  expect(window.remaining(1_000)).toBe(0)
  expect(window.take(1, 59_999)).toEqual({ ok: false, retryAfterMs: 1 })
  expect(window.take(100, 60_000).ok).toBe(true)
})

test('a correction that comes after its minute gives nothing back and still counts a shortfall', () => {
  const window = new SlidingWindow(100)
  window.take(80, 0)
  expect(window.take(100, 70_000).ok).toBe(true)
  window.correct(-80, 0)
  expect(window.remaining(70_000)).toBe(0)
  window.correct(5, 0)
  expect(window.remaining(70_000)).toBe(0)
  expect(window.isIdle(129_999)).toBe(false)
  expect(window.isIdle(130_000)).toBe(true)
})

test('what can never fit says so, and a clock that goes back frees nothing', () => {
  const window = new SlidingWindow(10)
  expect(window.take(11, 0)).toEqual({ ok: false, retryAfterMs: Number.POSITIVE_INFINITY })
  expect(window.take(10, 100_000).ok).toBe(true)
  expect(window.take(1, 0)).toEqual({ ok: false, retryAfterMs: WINDOW_MS })
})

test('raising a limit opens the difference at once, lowering it forgets nothing', () => {
  const window = new SlidingWindow(10)
  window.take(10, 0)
  window.setLimit(15)
  expect(window.take(5, 1_000).ok).toBe(true)
  window.setLimit(5)
  expect(window.take(1, 59_000)).toEqual({ ok: false, retryAfterMs: 2_000 })
  expect(window.resetMs(59_000)).toBe(2_000)
})
