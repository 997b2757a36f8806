import { setTimeout as delay } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { inTime } from './in-time.ts'

test('what comes in time is passed on, good or bad', async () => {
  await expect(inTime(Promise.resolve(7))).resolves.toBe(7)
  await expect(inTime(Promise.reject(new Error('refused')))).rejects.toThrow('refused')
})

test('what does not come in time is an outage that passes, and who asked may still clean up after it', async () => {
  vi.useFakeTimers()
  const late = vi.fn()
  let answer: (value: number) => void = () => {}
  const asked = inTime(
    new Promise<number>((resolve) => {
      answer = resolve
    }),
    late,
  )
  const refused = expect(asked).rejects.toMatchObject({
    code: 'unavailable',
    details: { retryAfterMs: 1_000 },
  })
  await vi.advanceTimersByTimeAsync(1_500)
  await refused
  vi.useRealTimers()
  answer(7)
  await delay(0)
  expect(late).toHaveBeenCalledWith(7)
})
