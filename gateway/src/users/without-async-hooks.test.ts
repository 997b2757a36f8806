import { AsyncLocalStorage } from 'node:async_hooks'
import { afterEach, expect, test } from 'vitest'
import { createStorageGuard } from './without-async-hooks.ts'

const BETTER_AUTH = Symbol.for('better-auth:global')
const global = globalThis as { [BETTER_AUTH]?: unknown }
const before = global[BETTER_AUTH]

afterEach(() => {
  global[BETTER_AUTH] = before
})

test('a storage works inside calls that overlap, and is off for everyone when the last has ended', async () => {
  const storage = new AsyncLocalStorage<string>()
  let disabled = 0
  const disable = storage.disable.bind(storage)
  storage.disable = () => {
    disabled += 1
    disable()
  }
  global[BETTER_AUTH] = { context: { requestStateAsyncStorage: storage, other: undefined } }
  const guarded = createStorageGuard()
  const call = (name: string) =>
    guarded(() =>
      storage.run(name, async () => {
        await null
        return storage.getStore()
      }),
    )
  expect(await Promise.all([call('one'), call('two')])).toEqual(['one', 'two'])
  expect(disabled).toBe(1)
  expect(storage.getStore()).toBeUndefined()
  expect(await call('again')).toBe('again')
})

test('a call that fails switches it off as well', async () => {
  const storage = new AsyncLocalStorage<string>()
  global[BETTER_AUTH] = { context: { storage } }
  const guarded = createStorageGuard()
  await expect(guarded(() => storage.run('x', () => Promise.reject(new Error('no'))))).rejects.toThrow('no')
  storage.enterWith('outside')
  expect(storage.getStore()).toBe('outside')
  storage.disable()
})
