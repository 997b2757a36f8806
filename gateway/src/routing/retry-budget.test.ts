import { expect, test } from 'vitest'
import { createRetryBudgets } from './retry-budget.ts'

const anybody = { model: 'm', buyer: '' }

test('three retries at once are always allowed, and a fifth of the active requests beyond that', () => {
  const budgets = createRetryBudgets()
  const flights = Array.from({ length: 20 }, () => budgets.enter(anybody))
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
  expect(budgets.state(1)).toMatchObject([{ active: 19, retrying: 3 }])
})

test('while the next offer works, everybody may move on to it, until the tokens are spent', () => {
  const budgets = createRetryBudgets()
  const flights = Array.from({ length: 200 }, () => budgets.enter(anybody))
  const moved = flights.filter((flight) => {
    const may = flight.mayRetry('server_error', { proven: true })
    if (may) flight.retry('server_error')
    return may
  })
  expect(moved).toHaveLength(100)
})

test('a request that retries twice counts once among those that retry', () => {
  const budgets = createRetryBudgets()
  const flight = budgets.enter(anybody)
  flight.retry('server_error')
  flight.retry('server_error')
  expect(budgets.state(1)).toMatchObject([{ retrying: 1 }])
  flight.leave()
  expect(budgets.state(1)).toEqual([{ model: 'm', active: 0, retrying: 0, tokens: 490 }])
})

test('in a total outage retries end after a hundred, and timeouts end them twice as fast', () => {
  for (const [failure, expected] of [
    ['server_error', 100],
    ['timeout', 50],
  ] as const) {
    const budgets = createRetryBudgets()
    let retries = 0
    for (let request = 0; request < 1_000; request += 1) {
      const flight = budgets.enter(anybody)
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
  const budgets = createRetryBudgets()
  const spend = budgets.enter(anybody)
  for (let count = 0; count < 100; count += 1) spend.retry('server_error')
  expect(spend.mayRetry('server_error')).toBe(false)
  for (let count = 0; count < 5; count += 1) budgets.enter(anybody).servedAtOnce()
  expect(spend.mayRetry('server_error')).toBe(true)
  for (let count = 0; count < 1_000; count += 1) budgets.enter(anybody).servedAtOnce()
  expect(budgets.state(1)[0]?.tokens).toBe(500)
})

test('a buyer retries a tenth of what goes well for them, whatever the model, and others keep theirs', () => {
  const budgets = createRetryBudgets()
  const poison = budgets.enter({ model: 'm', buyer: 'poisoner' })
  let retries = 0
  while (poison.mayRetry('server_error')) {
    poison.retry('server_error')
    retries += 1
  }
  expect(retries).toBe(50)
  expect(budgets.enter({ model: 'n', buyer: 'poisoner' }).mayRetry('server_error')).toBe(false)
  expect(budgets.enter({ model: 'm', buyer: 'honest' }).mayRetry('server_error')).toBe(true)
  for (let count = 0; count < 10; count += 1) budgets.enter({ model: 'n', buyer: 'poisoner' }).servedAtOnce()
  expect(poison.mayRetry('server_error')).toBe(true)
  poison.retry('server_error')
  expect(poison.mayRetry('server_error')).toBe(false)
})

test('buyers are remembered up to a bound', () => {
  const budgets = createRetryBudgets({ maxBuyers: 2 })
  const spent = budgets.enter({ model: 'm', buyer: 'a' })
  for (let count = 0; count < 50; count += 1) spent.retry('server_error')
  expect(budgets.enter({ model: 'n', buyer: 'a' }).mayRetry('server_error')).toBe(false)
  budgets.enter({ model: 'n', buyer: 'b' })
  budgets.enter({ model: 'n', buyer: 'c' })
  expect(budgets.enter({ model: 'n', buyer: 'a' }).mayRetry('server_error')).toBe(true)
})
