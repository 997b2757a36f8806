import type { UsageRow } from '@bourse/gateway/api/analytics'
import { expect, test } from 'vitest'
import { sortUsage } from './sort-usage.ts'

const row = (name: string, costNanos: string, requests: number) =>
  ({ id: name, name, costNanos, requests, failed: 0, tokens: { input: 0, output: 0 } }) as UsageRow

const rows = [row('a', '9007199254740992', 1), row('b', '9007199254740993', 3), row('c', '5', 2)]
const names = (sort: string | undefined) => sortUsage(rows, sort).map(({ name }) => name)

test('sums are ordered by a figure, exact to the last digit, in either direction', () => {
  expect(names('-cost')).toEqual(['b', 'a', 'c'])
  expect(names('cost')).toEqual(['c', 'a', 'b'])
  expect(names('-requests')).toEqual(['b', 'c', 'a'])
  const [a, b] = [row('a', '0', 1), row('b', '0', 1)]
  const talkative = { ...b, tokens: { ...b.tokens, input: 2, output: 9 } }
  expect(sortUsage([a, talkative], '-tokens').map(({ name }) => name)).toEqual(['b', 'a'])
})

test('an address that names no figure leaves them as they came', () => {
  expect(names(undefined)).toEqual(['a', 'b', 'c'])
  expect(names('-colour')).toEqual(['a', 'b', 'c'])
})
