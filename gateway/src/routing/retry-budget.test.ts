import { expect, test } from 'vitest'
import { RetryBudget } from './retry-budget.ts'

test('three retries at once are always allowed, and a fifth of the active requests beyond that', () => {
  const budget = new RetryBudget()
  const flights = Array.from({ length: 20 }, () => budget.enter())
  const retried = flights.filter((flight) => {
    const may = flight.mayRetry('server_error')
    if (may) flight.retry('server_error')
    return may
  })
  expect(retried).toHaveLength(4)
  retried[0]?.leave()
  retried[0]?.leave()
  // 19 active now: still 3.8, so a fourth may begin.
  expect(flights.at(-1)?.mayRetry('server_error')).toBe(true)
  expect(budget.state()).toMatchObject({ active: 19, retrying: 3 })
})

test('a request that retries twice counts once among those that retry', () => {
  const budget = new RetryBudget()
  const flight = budget.enter()
  flight.retry('server_error')
  flight.retry('server_error')
  expect(budget.state().retrying).toBe(1)
  flight.leave()
  expect(budget.state()).toEqual({ active: 0, retrying: 0, tokens: 490 })
})

test('in a total outage retries end after a hundred, and timeouts end them twice as fast', () => {
  for (const [failure, expected] of [
    ['server_error', 100],
    ['timeout', 50],
  ] as const) {
    const budget = new RetryBudget()
    let retries = 0
    for (let request = 0; request < 1_000; request += 1) {
      const flight = budget.enter()
      if (flight.mayRetry(failure)) {
        flight.retry(failure)
        retries += 1
      }
      flight.leave()
    }
    expect(retries).toBe(expected)
  }
})

test('five requests served at once earn one retry, up to the full bucket', () => {
  const budget = new RetryBudget()
  const spend = budget.enter()
  for (let count = 0; count < 100; count += 1) spend.retry('server_error')
  expect(spend.mayRetry('server_error')).toBe(false)
  for (let count = 0; count < 5; count += 1) budget.enter().servedAtOnce()
  expect(spend.mayRetry('server_error')).toBe(true)
  for (let count = 0; count < 1_000; count += 1) budget.enter().servedAtOnce()
  expect(budget.state().tokens).toBe(500)
})
