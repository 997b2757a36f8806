/**
 * A pace for work that goes out beside requests, such as probes of upstream keys: at most so much at once and in a minute
 * for each key, and a short queue behind it.
 */
import Bottleneck from 'bottleneck'

const MINUTE_MS = 60_000

/** Keys with a pace of their own, about 5 KB each; beyond it the one that was longest without work is forgotten. */
const MAX_KEYS = 2_000

export interface PaceLimits {
  atOnce: number
  /** Begun in any minute. */
  perMinute: number
  /** Waiting; what comes after is refused. */
  queued: number
}

export interface Pace {
  /** Does `work` when its turn comes, and rejects as it does. Rejects with `PaceExceeded` when too much waits already. */
  run<Result>(key: string, work: () => Promise<Result>): Promise<Result>
}

export class PaceExceeded extends Error {
  constructor(key: string) {
    super(`too much waits for its turn at ${key} already`)
  }
}

export function createPace(limits: PaceLimits, { maxKeys = MAX_KEYS } = {}): Pace {
  const limiters = new Map<string, Limiter>()

  function limiterOf(key: string): Limiter {
    const limiter = limiters.get(key) ?? new Limiter(limits)
    limiters.delete(key)
    limiters.set(key, limiter)
    if (limiters.size > maxKeys) forgetIdle()
    return limiter
  }

  function forgetIdle(): void {
    for (const [key, limiter] of limiters) {
      if (limiters.size <= maxKeys) return
      if (limiter.isIdle()) limiters.delete(key)
    }
  }

  return { run: (key, work) => limiterOf(key).run(key, work) }
}

/** bottleneck's own windows are fixed, so that two of them meet at a border: here each start is spaced from the one before. */
class Limiter {
  readonly #limiter: Bottleneck
  readonly #spacingMs: number
  #lastMs = Number.NEGATIVE_INFINITY

  constructor({ atOnce, perMinute, queued }: PaceLimits) {
    // A second more than the minute, because its timers come up to some milliseconds early.
    this.#spacingMs = Math.ceil((MINUTE_MS + 1_000) / perMinute)
    this.#limiter = new Bottleneck({
      maxConcurrent: atOnce,
      minTime: this.#spacingMs,
      highWater: queued,
      strategy: Bottleneck.strategy.OVERFLOW,
    })
  }

  async run<Result>(key: string, work: () => Promise<Result>): Promise<Result> {
    let began = false
    try {
      return await this.#limiter.schedule(() => {
        began = true
        this.#lastMs = performance.now()
        return work()
      })
    } catch (error) {
      throw !began && error instanceof Bottleneck.BottleneckError ? new PaceExceeded(key) : error
    }
  }

  /** Forgetting it then makes nothing come sooner. */
  isIdle(): boolean {
    return (
      this.#limiter.empty() && performance.now() - this.#lastMs > this.#spacingMs && this.#running() === 0
    )
  }

  #running(): number {
    const { RUNNING, EXECUTING } = this.#limiter.counts()
    return RUNNING + EXECUTING
  }
}
