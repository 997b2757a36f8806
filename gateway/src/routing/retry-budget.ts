/**
 * How much of the traffic may be retries. When everything fails, every request would be tried three times; the budgets
 * let a few through and keep an outage from becoming a storm (reliability.md §6.5). A model has one, and so has each buyer,
 * so that one buyer's poison does not use up what the others need.
 */
import type { UpstreamFailure } from '../providers/outcome.ts'

const CONCURRENT_MIN = 3
const RETRY_COST = 5
const TIMEOUT_RETRY_COST = 10

/** Buyers whose budget is remembered; beyond it the one that came first begins anew. */
const MAX_BUYERS = 10_000

type FailureClass = UpstreamFailure['class']

interface Bounds {
  /** Of the active requests, how many may be retrying; at least three. */
  concurrentShare: number
  tokens: number
  /** Tokens that a request earns which is served by its first attempt. */
  earned: number
}

/** A fifth of a model's traffic. */
const poolBounds: Bounds = { concurrentShare: 0.2, tokens: 500, earned: 1 }
/** A tenth of a buyer's, and at once never more than half of what the model has. */
const buyerBounds: Bounds = { concurrentShare: 0.1, tokens: 250, earned: 0.5 }

/** One request, from its first attempt until its answer is over. */
export interface Flight {
  /**
   * `proven`: nothing has failed at the next offer since its last success. A listing that fails takes many requests down
   * at once; while there are others that work, moving on to them is no storm, so only the tokens count.
   */
  mayRetry(after: FailureClass, options?: { proven: boolean }): boolean
  /** Takes the retry from the budget. */
  retry(after: FailureClass): void
  /** What the retry after a refusal cost comes back: it was served, so the buyer was refused for nothing. */
  repay(after: FailureClass): void
  /** It was served by its first attempt. */
  servedAtOnce(): void
  leave(): void
}

export interface RetryBudgets {
  enter(request: { model: string; buyer: string }): Flight
  state(limit: number): { model: string; active: number; retrying: number; tokens: number }[]
}

export function createRetryBudgets({ maxBuyers = MAX_BUYERS } = {}): RetryBudgets {
  // Models are the catalogue's, so there are never more than it lists.
  const pools = new Map<string, RetryBudget>()
  const buyers = new Map<string, RetryBudget>()

  function poolOf(model: string): RetryBudget {
    let pool = pools.get(model)
    if (!pool) {
      pool = new RetryBudget(poolBounds)
      pools.set(model, pool)
    }
    return pool
  }

  function buyerOf(buyer: string): RetryBudget {
    let budget = buyers.get(buyer)
    if (budget) return budget
    const oldest = buyers.keys().next()
    if (buyers.size >= maxBuyers && !oldest.done) buyers.delete(oldest.value)
    budget = new RetryBudget(buyerBounds)
    buyers.set(buyer, budget)
    return budget
  }

  return {
    enter: ({ model, buyer }) => new RequestFlight(poolOf(model), buyer === '' ? undefined : buyerOf(buyer)),
    state: (limit) => [...pools].slice(0, limit).map(([model, pool]) => ({ model, ...pool.state() })),
  }
}

class RequestFlight implements Flight {
  readonly #pool: RetryBudget
  readonly #buyer: RetryBudget | undefined
  #retries = false
  #left = false

  constructor(pool: RetryBudget, buyer: RetryBudget | undefined) {
    this.#pool = pool
    this.#buyer = buyer
    pool.active += 1
    if (buyer) buyer.active += 1
  }

  mayRetry(after: FailureClass, { proven } = { proven: false }): boolean {
    const asked = { cost: costAfter(after), counted: this.#retries || proven }
    return this.#pool.allows(asked) && (this.#buyer?.allows(asked) ?? true)
  }

  retry(after: FailureClass): void {
    const first = !this.#retries
    this.#retries = true
    this.#pool.spend(costAfter(after), first)
    this.#buyer?.spend(costAfter(after), first)
  }

  repay(after: FailureClass): void {
    this.#pool.earn(costAfter(after))
    this.#buyer?.earn(costAfter(after))
  }

  servedAtOnce(): void {
    this.#pool.earn()
    this.#buyer?.earn()
  }

  leave(): void {
    if (this.#left) return
    this.#left = true
    this.#pool.leave(this.#retries)
    this.#buyer?.leave(this.#retries)
  }
}

class RetryBudget {
  active = 0
  readonly #bounds: Bounds
  #retrying = 0
  #tokens: number

  constructor(bounds: Bounds) {
    this.#bounds = bounds
    this.#tokens = bounds.tokens
  }

  allows({ cost, counted }: { cost: number; counted: boolean }): boolean {
    if (this.#tokens < cost) return false
    return counted || this.#retrying < Math.max(CONCURRENT_MIN, this.#bounds.concurrentShare * this.active)
  }

  spend(cost: number, first: boolean): void {
    this.#tokens -= cost
    if (first) this.#retrying += 1
  }

  earn(tokens = this.#bounds.earned): void {
    this.#tokens = Math.min(this.#bounds.tokens, this.#tokens + tokens)
  }

  leave(retries: boolean): void {
    this.active -= 1
    if (retries) this.#retrying -= 1
  }

  state(): { active: number; retrying: number; tokens: number } {
    return { active: this.active, retrying: this.#retrying, tokens: this.#tokens }
  }
}

/** A timed-out attempt has cost its listing the most. */
function costAfter(failed: FailureClass): number {
  return failed === 'timeout' ? TIMEOUT_RETRY_COST : RETRY_COST
}
