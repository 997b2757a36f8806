import { expect, test } from 'vitest'
import { axisUsd } from './axis-usd.ts'

test('the marks of an axis stay apart however little was spent', () => {
  expect([0, 0.00045, 0.0009, 0.00135, 12, 1234.5].map(axisUsd)).toEqual([
    '$0',
    '$0.00045',
    '$0.0009',
    '$0.00135',
    '$12',
    '$1,230',
  ])
})
