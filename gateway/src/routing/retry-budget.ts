/**
 * How much of a model's traffic may be retries. When everything fails, every request would be tried three times; the
 * budget lets a few through and keeps an outage from becoming a storm (reliability.md §6.5).
 */
import type { UpstreamFailure } from '../providers/outcome.ts'

const CONCURRENT_MIN = 3
const CONCURRENT_SHARE = 0.2
const TOKENS = 500
const RETRY_COST = 5
const TIMEOUT_RETRY_COST = 10

/** One request of the pool, from its first attempt until its answer is over. */
export interface Flight {
  mayRetry(after: UpstreamFailure['class']): boolean
  /** Takes the retry from the budget. */
  retry(after: UpstreamFailure['class']): void
  /** It was served by its first attempt: the pool earns a token. */
  servedAtOnce(): void
  leave(): void
}

export class RetryBudget {
  private active = 0
  private retrying = 0
  private tokens = TOKENS

  enter(): Flight {
    this.active += 1
    let retries = false
    let left = false
    return {
      mayRetry: (after) =>
        this.tokens >= costAfter(after) && (retries || this.retrying < this.concurrentMax()),
      retry: (after) => {
        this.tokens -= costAfter(after)
        if (!retries) this.retrying += 1
        retries = true
      },
      servedAtOnce: () => {
        this.tokens = Math.min(TOKENS, this.tokens + 1)
      },
      leave: () => {
        if (left) return
        left = true
        this.active -= 1
        if (retries) this.retrying -= 1
      },
    }
  }

  state(): { active: number; retrying: number; tokens: number } {
    return { active: this.active, retrying: this.retrying, tokens: this.tokens }
  }

  private concurrentMax(): number {
    return Math.max(CONCURRENT_MIN, CONCURRENT_SHARE * this.active)
  }
}

/** A timed-out attempt has cost its listing the most. */
function costAfter(failed: UpstreamFailure['class']): number {
  return failed === 'timeout' ? TIMEOUT_RETRY_COST : RETRY_COST
}
