import { GatewayError } from '../platform/errors.ts'

// One scrypt takes 32 MB and about 60 ms of a core, on the thread pool that file and DNS work also need.
const PARALLEL_MAX = 2
const WAITING_MAX = 32

export interface PasswordQueue {
  /** Runs `work` when one of two places is free. Throws `rate_limit_exceeded` when 32 wait already. */
  run<Result>(work: () => Promise<Result>): Promise<Result>
}

/** Keeps password hashing from taking the machine: everyone waits their turn, and the line has an end. */
export function createPasswordQueue(): PasswordQueue {
  const waiting: (() => void)[] = []
  let running = 0

  async function enter(): Promise<void> {
    if (running < PARALLEL_MAX) {
      running += 1
      return
    }
    if (waiting.length >= WAITING_MAX) {
      throw new GatewayError(
        'rate_limit_exceeded',
        'Too many people are signing in at once. Try again in a few seconds.',
        { retryAfterMs: 3_000 },
      )
    }
    await new Promise<void>((resolve) => waiting.push(resolve))
  }

  function leave(): void {
    const next = waiting.shift()
    // The place is handed over, so `running` stays.
    if (next) next()
    else running -= 1
  }

  return {
    async run(work) {
      await enter()
      try {
        return await work()
      } finally {
        leave()
      }
    },
  }
}
