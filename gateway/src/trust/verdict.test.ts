import { expect, test } from 'vitest'
import { noSigns, verdictOf } from './verdict.ts'

const quiet = { alarm: false, exact: true }
const alarm = { alarm: true, exact: true }

test("the alarm of the running test is enough, with the model's own tokenizer", () => {
  expect(verdictOf(noSigns, quiet)).toBeUndefined()
  expect(verdictOf(noSigns, alarm)).toEqual({ kind: 'usage_inflated', quarantine: true })
})

test("with another's tokenizer an alarm alone takes nobody off the market; a second sign does", () => {
  const other = { alarm: true, exact: false }
  expect(verdictOf(noSigns, other)).toEqual({ kind: 'usage_inflated', quarantine: false })
  expect(verdictOf({ ...noSigns, clamped: 20 }, other)).toEqual({ kind: 'usage_inflated', quarantine: true })
})

test('without an alarm it takes two signs, and two that come of the same count are one', () => {
  expect(verdictOf({ ...noSigns, undeclaredCalls: 500 }, quiet)).toBeUndefined()
  expect(verdictOf({ ...noSigns, clamped: 500, unbelievable: 500 }, quiet)).toBeUndefined()
  expect(verdictOf({ ...noSigns, clamped: 20, undeclaredCalls: 3 }, quiet)).toEqual({
    kind: 'integrity',
    quarantine: true,
  })
})
