import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createPace, PaceExceeded } from './pace.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const for1Second = () => new Promise((resolve) => setTimeout(resolve, 1_000))

test('probes of one key go out one after the other, at most thirty in any minute', async () => {
  const pace = createPace({ atOnce: 1, perMinute: 30, queued: 100 })
  const begunMs: number[] = []
  const work = Array.from({ length: 40 }, () =>
    pace.run('lst-1', () => {
      begunMs.push(performance.now())
      return for1Second()
    }),
  )
  await vi.advanceTimersByTimeAsync(120_000)
  await Promise.all(work)
  for (const fromMs of begunMs)
    expect(begunMs.filter((ms) => ms >= fromMs && ms < fromMs + 60_000).length).toBeLessThanOrEqual(30)
  expect(begunMs.every((ms, index) => index === 0 || ms - (begunMs[index - 1] as number) >= 1_000)).toBe(true)
})

test('what one key has to wait for does not hold up another', async () => {
  const pace = createPace({ atOnce: 1, perMinute: 60, queued: 5 })
  const slow = pace.run('lst-1', () => new Promise((resolve) => setTimeout(resolve, 50_000)))
  let done = false
  void pace.run('lst-2', for1Second).then(() => {
    done = true
  })
  await vi.advanceTimersByTimeAsync(2_000)
  expect(done).toBe(true)
  await vi.advanceTimersByTimeAsync(60_000)
  await slow
})

test('what comes when the queue is full is refused at once, and a fault of the work is told as it is', async () => {
  const pace = createPace({ atOnce: 1, perMinute: 60, queued: 1 })
  const outcomes = Array.from({ length: 4 }, () =>
    pace.run('lst-1', for1Second).then(
      () => 'done',
      (error) => error.constructor,
    ),
  )
  await vi.advanceTimersByTimeAsync(10_000)
  expect(await Promise.all(outcomes)).toEqual(['done', 'done', PaceExceeded, PaceExceeded])
  const failed = expect(pace.run('lst-1', () => Promise.reject(new Error('no route')))).rejects.toThrow(
    'no route',
  )
  await vi.advanceTimersByTimeAsync(10_000)
  await failed
})

test('keys that have been idle are forgotten, and a busy one keeps its pace', async () => {
  const pace = createPace({ atOnce: 1, perMinute: 6, queued: 5 }, { maxKeys: 2 })
  const begunMs: number[] = []
  const probe = () =>
    pace.run('busy', async () => {
      begunMs.push(performance.now())
    })
  const first = probe()
  await vi.advanceTimersByTimeAsync(10)
  await first
  for (let other = 0; other < 5; other += 1) void pace.run(`other-${other}`, for1Second)
  const second = probe()
  await vi.advanceTimersByTimeAsync(60_000)
  await second
  expect((begunMs[1] as number) - (begunMs[0] as number)).toBeGreaterThanOrEqual(9_900)
})
