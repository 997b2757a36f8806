import { expect, test } from 'vitest'
import { byModel } from './by-model.ts'

const part = (name: string, costNanos: string) => ({ id: name, name, requests: 1, costNanos })

test('what a model cost on several days is one figure, exact, and the dearest comes first', () => {
  const days = [
    { parts: [part('small', '250'), part('large', '9007199254740993')] },
    { parts: [part('large', '9007199254740993')] },
    {},
  ]
  expect(byModel(days)).toEqual([
    { name: 'large', costNanos: 18_014_398_509_481_986n, percent: 99.9 },
    { name: 'small', costNanos: 250n, percent: 0 },
  ])
})

test('free answers cost nothing and have no share', () => {
  expect(byModel([{ parts: [part('free', '0')] }])).toEqual([{ name: 'free', costNanos: 0n, percent: 0 }])
})

test('a model whose requests were all refused is not spent on', () => {
  expect(byModel([{ parts: [{ ...part('dear', '0'), requests: 0 }] }])).toEqual([])
})
