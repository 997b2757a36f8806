/** The retry budgets of the design, counted from what attempts came to: whether another attempt was surely within them. */
import type { OutcomeClass } from '../../src/providers/outcome.ts'

const RETRY_COST = 5
const TIMEOUT_RETRY_COST = 10
const MODEL = { tokens: 500, earned: 1 }
const BUYER = { tokens: 250, earned: 0.5 }

interface Who {
  model: string
  buyer: string
}

export interface Budgets {
  retried(who: Who, after: OutcomeClass): void
  servedAtOnce(who: Who): void
  mayRetry(who: Who): boolean
}

export function createBudgets(): Budgets {
  const left = new Map<string, number>()
  const bounds = ({ model, buyer }: Who) => [
    { key: `model ${model}`, ...MODEL },
    { key: `buyer ${buyer}`, ...BUYER },
  ]
  return {
    retried(who, after) {
      const cost = after === 'timeout' ? TIMEOUT_RETRY_COST : RETRY_COST
      for (const { key, tokens } of bounds(who)) left.set(key, (left.get(key) ?? tokens) - cost)
    },
    servedAtOnce(who) {
      for (const { key, tokens, earned } of bounds(who))
        left.set(key, Math.min(tokens, (left.get(key) ?? tokens) + earned))
    },
    mayRetry: (who) =>
      bounds(who).every(({ key, tokens }) => (left.get(key) ?? tokens) >= TIMEOUT_RETRY_COST),
  }
}
