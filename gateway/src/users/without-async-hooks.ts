import { AsyncLocalStorage } from 'node:async_hooks'

const BETTER_AUTH = Symbol.for('better-auth:global')

/**
 * Runs better-auth's calls and switches its async storages off again when none is running. On Node 20 and 22 a storage
 * that was used once keeps promise hooks on for the whole process: measured, one sign-in tripled the cost of every
 * later request. `disable` is Node's documented way; the next use enables the storage by itself.
 */
export function createStorageGuard(): <Result>(call: () => Promise<Result>) => Promise<Result> {
  let running = 0
  return async function guarded(call) {
    running += 1
    try {
      return await call()
    } finally {
      running -= 1
      if (running === 0) disableStorages()
    }
  }
}

function disableStorages(): void {
  const { context = {} } =
    (globalThis as { [BETTER_AUTH]?: { context?: Record<string, unknown> } })[BETTER_AUTH] ?? {}
  for (const storage of Object.values(context)) if (storage instanceof AsyncLocalStorage) storage.disable()
}
