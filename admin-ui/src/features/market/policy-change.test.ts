import { expect, test } from 'vitest'
import { choiceOf, withChoice } from './policy-change.ts'

test('only this seller leaves no other rule that could stop him', () => {
  const before = {
    sort: 'price',
    order: ['lst-b'],
    ignore: ['lst-a', 'demo'],
    allowFallbacks: false,
  } as const
  const after = withChoice(
    { ...before, order: [...before.order], ignore: [...before.ignore] },
    'lst-a',
    'only',
  )
  expect(after).toEqual({ sort: 'price', only: ['lst-a'], ignore: ['demo'] })
  expect(choiceOf(after, 'lst-a')).toBe('only')
})

test('a preferred seller is tried first, and a list of who may serve does not shut him out', () => {
  const after = withChoice(
    { only: ['openai'], order: ['lst-b', 'lst-a'], ignore: ['lst-a'] },
    'lst-a',
    'prefer',
  )
  expect(after).toEqual({ only: ['openai', 'lst-a'], order: ['lst-a', 'lst-b'] })
  expect(choiceOf(after, 'lst-a')).toBe('prefer')
})

test('an avoided seller is nowhere else in the policy, and price limits stay', () => {
  const maxPrice = { prompt: '3' }
  const after = withChoice({ only: ['lst-a'], order: ['lst-a'], maxPrice }, 'lst-a', 'avoid')
  expect(after).toEqual({ ignore: ['lst-a'], maxPrice })
  expect(choiceOf(after, 'lst-a')).toBe('avoid')
  expect(choiceOf({}, 'lst-a')).toBeUndefined()
})
