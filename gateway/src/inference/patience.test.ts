import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { startPatience } from './patience.ts'

let nowMs: number
const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs }

beforeEach(() => {
  vi.useFakeTimers()
  nowMs = 0
})
afterEach(() => {
  vi.useRealTimers()
})

async function pass(ms: number, { stalledMs = 0 } = {}): Promise<void> {
  nowMs += ms + stalledMs
  await vi.advanceTimersByTimeAsync(ms)
}

test('patience ends after its time, once, and never when it was stopped', async () => {
  const onEnd = vi.fn()
  startPatience(clock, 1_000, onEnd)
  startPatience(clock, 500, onEnd).stop()
  await pass(999)
  expect(onEnd).not.toHaveBeenCalled()
  await pass(1)
  await pass(5_000)
  expect(onEnd).toHaveBeenCalledTimes(1)
})

test('after a stall of our own the upstream gets one more moment, in which it can still be heard', async () => {
  const onEnd = vi.fn()
  const heard = startPatience(clock, 1_000, onEnd)
  startPatience(clock, 1_000, onEnd)
  await pass(1_000, { stalledMs: 2_000 })
  expect(onEnd).not.toHaveBeenCalled()
  heard.stop()
  await pass(250)
  expect(onEnd).toHaveBeenCalledTimes(1)
})
