import { expect, test } from 'vitest'
import { colorOf, colorsOf, colorsOfParts } from './color-of.ts'

test('a model has the same colour wherever it is drawn alone', () => {
  expect(colorOf('openai/gpt-4o-mini')).toBe(colorOf('openai/gpt-4o-mini'))
  expect(colorsOf(['openai/gpt-4o-mini']).get('openai/gpt-4o-mini')).toBe(colorOf('openai/gpt-4o-mini'))
})

test('up to sixteen that are drawn together have different colours, in whatever order they come', () => {
  const names = Array.from({ length: 16 }, (_, index) => `author/model-${index}`)
  const colors = colorsOf(names)
  expect(new Set(colors.values()).size).toBe(16)
  expect(colorsOf(names.toReversed())).toEqual(colors)
})

test('a list has the colours of the chart above it, which leaves out what cost nothing', () => {
  const part = (id: string | null, costNanos: string) => ({ id, name: id ?? 'rest', requests: 1, costNanos })
  const parts = [part('a', '5'), part('b', '0'), part(null, '7'), part('c', '1')]
  const usage = { data: [{ parts }, {}] } as Parameters<typeof colorsOfParts>[0]
  expect(colorsOfParts(usage)).toEqual(colorsOf(['a', 'c']))
  expect(colorsOfParts(undefined).size).toBe(0)
})
