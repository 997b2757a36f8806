import fc from 'fast-check'
import { expect, test } from 'vitest'
import { countText } from './count-tokens.ts'
import { OutputCounter } from './output-counter.ts'

test('a stream counts as its whole text does, however it was cut into chunks', () => {
  const sentence = 'The seller answered in small pieces, 12 at a time; “nobody” noticed the cuts.\n\n'
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 400 }),
      fc.integer({ min: 1, max: 300 }),
      fc.constantFrom('o200k', 'cl100k'),
      (times, step, tokenizer) => {
        const text = sentence.repeat(times)
        const counter = new OutputCounter(tokenizer)
        for (let at = 0; at < text.length; at += step) counter.add(text.slice(at, at + step))
        expect(counter.total()).toBe(countText(text, tokenizer))
      },
    ),
    { numRuns: 60 },
  )
})

test('asking in between changes nothing', () => {
  const counter = new OutputCounter('o200k')
  expect(counter.total()).toBe(0)
  counter.add('hello')
  expect(counter.total()).toBe(1)
  counter.add(' world')
  expect(counter.total()).toBe(2)
  expect(counter.total()).toBe(2)
})

test('text without a space is counted too, within a token for each piece', () => {
  for (const letter of ['x', '中', '😀']) {
    const counter = new OutputCounter('o200k')
    for (let at = 0; at < 20_000; at += 1) counter.add(letter)
    const whole = countText(letter.repeat(20_000), 'o200k')
    expect(Math.abs(counter.total() - whole)).toBeLessThanOrEqual(12)
  }
})
