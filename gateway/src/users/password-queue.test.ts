import { expect, test } from 'vitest'
import { createPasswordQueue } from './password-queue.ts'

test('two passwords are hashed at a time, thirty-two wait, and the next is told to come back', async () => {
  const queue = createPasswordQueue()
  const finish: (() => void)[] = []
  let running = 0
  let most = 0
  const work = async () => {
    running += 1
    most = Math.max(most, running)
    await new Promise<void>((resolve) => finish.push(resolve))
    running -= 1
  }
  const accepted = Array.from({ length: 34 }, () => queue.run(work))
  await expect(queue.run(work)).rejects.toMatchObject({ code: 'rate_limit_exceeded' })
  for (let done = 0; done < 34; done += 1) {
    await expect.poll(() => finish.length).toBeGreaterThan(0)
    finish.shift()?.()
  }
  await Promise.all(accepted)
  expect(most).toBe(2)
})

test('a hash that fails gives its place to the next', async () => {
  const queue = createPasswordQueue()
  const failing = Array.from({ length: 5 }, () => queue.run(() => Promise.reject(new Error('broken'))))
  for (const { status } of await Promise.allSettled(failing)) expect(status).toBe('rejected')
  expect(await queue.run(async () => 'served')).toBe('served')
})
