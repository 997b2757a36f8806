import { expect, test } from 'vitest'
import { readBalance, readStatement } from './queries.ts'

test('a balance beyond what a float can hold arrives whole', () => {
  const balance = readBalance({
    balanceNanos: '9007199254740993',
    availableNanos: '9007199254740992',
    heldNanos: '1',
    currency: 'USD',
    availableUsd: '9007199.254740992',
  })
  expect(balance.balanceNanos - balance.availableNanos).toBe(1n)
})

test('a balance sent as a number is refused rather than rounded', () => {
  expect(() => readBalance({ balanceNanos: 1, availableNanos: '1', heldNanos: '0' })).toThrow(/balanceNanos/)
})

test('a statement line says what was booked, and for a request which model', () => {
  const line = { createdAt: '2026-01-01T00:00:00Z', amountNanos: '-367000' }
  const lines = readStatement({
    data: [
      {
        ...line,
        id: 'gen-1',
        code: 'request_settled',
        description: 'Request',
        model: 'openai/gpt-4o-mini',
        keyId: 'key-1',
      },
      { ...line, id: 'jrn-2', code: 'play_credit', description: 'Welcome', amountNanos: '5' },
    ],
  })
  expect(lines.map(({ what, detail, amountNanos }) => [what, detail, amountNanos])).toEqual([
    ['Request', 'openai/gpt-4o-mini', -367_000n],
    ['Welcome', 'play credit', 5n],
  ])
})
