import { expect, test } from 'vitest'
import { bytesWords, durationWords } from './system-words.ts'

test('sizes and spans are said in the units people use', () => {
  expect([0, 999, 1_234, 15_000_000, 2_500_000_000_000].map(bytesWords)).toEqual([
    '0 bytes',
    '999 bytes',
    '1.23 KB',
    '15.0 MB',
    '2.50 TB',
  ])
  expect([0, 5, 60, 3_661, 90_000, 86_400].map(durationWords)).toEqual([
    '0 s',
    '5 s',
    '1 min',
    '1 h 1 min',
    '1 d 1 h',
    '1 d',
  ])
})
