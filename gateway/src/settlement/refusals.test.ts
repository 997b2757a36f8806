import { expect, test } from 'vitest'
import { insufficientQuota, overBudget } from './refusals.ts'

test('a wallet that is too empty is told what is needed, what is there, and what running requests hold', () => {
  const error = insufficientQuota(2_500_000_000n, { availableNanos: 400_000_000n, heldNanos: 100_000_000n })
  expect(error).toMatchObject({ code: 'insufficient_quota', status: 402, retryable: false })
  expect(error.message).toBe(
    'This request may cost up to $2.5 and $0.4 is available, $0.1 more is held by running requests. Add credit, or lower max_completion_tokens.',
  )
  expect(error.details.metadata).toEqual({
    needed_nanos: '2500000000',
    available_nanos: '400000000',
    held_nanos: '100000000',
  })
})

test('nothing is said of holds when there are none, or when they are not known', () => {
  for (const heldNanos of [0n, undefined]) {
    const wallet = { availableNanos: 0n, ...(heldNanos === undefined ? {} : { heldNanos }) }
    const { message, details } = insufficientQuota(1n, wallet)
    expect(message).toContain('$0 is available. Add credit')
    expect(details.metadata?.held_nanos).toBe(heldNanos === undefined ? null : '0')
  }
})

test('a key over its budget is told the limit, what is spent and held, and when it begins anew', () => {
  const budget = { limitNanos: 20_000_000_000n, spentNanos: 19_000_000_000n, heldNanos: 500_000_000n }
  const monthly = overBudget(1_000_000_000n, { ...budget, resetsAt: new Date('2030-10-01T00:00:00Z') })
  expect(monthly).toMatchObject({ code: 'budget_exceeded', status: 402, retryable: false })
  expect(monthly.message).toBe(
    "This key's budget is $20; $19 is spent and $0.5 held, and this request may cost up to $1. Raise the budget under Keys, or wait until 2030-10-01 00:00 UTC.",
  )
  expect(monthly.details.metadata).toEqual({
    needed_nanos: '1000000000',
    limit_nanos: '20000000000',
    spent_nanos: '19000000000',
    held_nanos: '500000000',
  })
  expect(overBudget(1n, { ...budget, resetsAt: null }).message).toMatch(/Raise the budget under Keys\.$/)
})
