import { expect, test } from 'vitest'
import { budgetShares, keyState, keyWarning } from './key-state.ts'

const nowMs = Date.parse('2026-11-22T12:00:00Z')
const budget = (limitNanos: string, spentNanos: string, heldNanos = '0') => ({
  limitNanos,
  spentNanos,
  heldNanos,
  period: 'month' as const,
  resetsAt: null,
})
const key = { createdAt: '2026-10-01T00:00:00Z', revokedAt: null, expiresAt: null, budget: null }

test('a key is revoked for good, else expired when its time has come', () => {
  expect(keyState({ revokedAt: '2026-11-01T00:00:00Z', expiresAt: null }, nowMs)).toBe('revoked')
  expect(keyState({ revokedAt: null, expiresAt: '2026-11-22T12:00:00Z' }, nowMs)).toBe('expired')
  expect(keyState({ revokedAt: null, expiresAt: '2026-11-22T12:00:01Z' }, nowMs)).toBe('active')
})

test('a budget beyond what a float can hold is shared exactly, and never above the whole', () => {
  expect(budgetShares(budget('900719925474099300', '450359962737049650', '90071992547409930'))).toEqual({
    spent: 50,
    held: 10,
  })
  expect(budgetShares(budget('10', '11', '5'))).toEqual({ spent: 100, held: 0 })
  expect(budgetShares(budget('0', '0'))).toEqual({ spent: 100, held: 0 })
})

test('a person hears of a key before it stops', () => {
  expect(keyWarning(key, nowMs)).toBeUndefined()
  expect(keyWarning({ ...key, budget: budget('100', '100') }, nowMs)).toBe('at its budget')
  expect(keyWarning({ ...key, budget: budget('100', '70', '10') }, nowMs)).toBe('near its budget')
  expect(keyWarning({ ...key, expiresAt: '2026-11-25T00:00:00Z' }, nowMs)).toBe('expires soon')
  expect(keyWarning({ ...key, expiresAt: '2026-12-25T00:00:00Z' }, nowMs)).toBeUndefined()
  // Made this morning for an hour: nobody needs to be told.
  const brief = { createdAt: '2026-11-22T11:30:00Z', expiresAt: '2026-11-22T12:30:00Z' }
  expect(keyWarning({ ...key, ...brief }, nowMs)).toBeUndefined()
  expect(
    keyWarning({ ...key, expiresAt: '2026-11-01T00:00:00Z', budget: budget('1', '1') }, nowMs),
  ).toBeUndefined()
})
