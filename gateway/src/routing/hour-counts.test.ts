import { expect, test } from 'vitest'
import { HourCounts } from './hour-counts.ts'

const MINUTE = 60_000

test('counts are those of the last hour, to five minutes', () => {
  const counts = new HourCounts()
  counts.add('full', 2, 0)
  counts.add('full', 1, 30 * MINUTE)
  counts.add('dear', 5, 50 * MINUTE)
  expect(counts.sums(54 * MINUTE)).toEqual({ full: 3, dear: 5 })
  expect(counts.sums(60 * MINUTE)).toEqual({ full: 1, dear: 5 })
  expect(counts.sums(95 * MINUTE)).toEqual({ dear: 5 })
  expect(counts.sums(10_000 * MINUTE)).toEqual({})
})

test('a count is not lost when nobody looks for a while, nor counted twice when somebody does', () => {
  const counts = new HourCounts()
  for (let minute = 0; minute < 60; minute += 1) {
    counts.add('full', 1, minute * MINUTE)
    counts.sums(minute * MINUTE)
  }
  expect(counts.sums(59 * MINUTE)).toEqual({ full: 60 })
})
