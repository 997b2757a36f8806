import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sampleTexts } from './sample-texts.ts'

test('short texts are taken whole', () => {
  expect(sampleTexts([], 4, 10)).toEqual([[]])
  expect(sampleTexts(['user', 'hello world'], 4, 10)).toEqual([['user', 'hello world']])
})

test('every share of long texts gives one sample, in order and never longer than asked', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(3_000), { minLength: 1, maxLength: 30 }),
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 40, max: 300 }),
      fc.constantFrom('', ' ', '😀'),
      (lengths, samples, chars, sign) => {
        let next = 0
        // Every word names its place.
        const texts = lengths.map((length) => {
          let text = ''
          while (text.length < length) text += `${String(next++).padStart(6, '0')}${sign}`
          return text
        })
        const whole = texts.join('')
        const taken = sampleTexts(texts, samples, chars)
        expect(sampleTexts(texts, samples, chars)).toEqual(taken)
        if (whole.length <= samples * chars) return
        const share = whole.length / samples
        expect(taken).toHaveLength(samples)
        for (const [at, pieces] of taken.entries()) {
          const sample = pieces.join('')
          expect(sample.length).toBeLessThanOrEqual(chars)
          expect(sample).toBe(Buffer.from(sample).toString())
          const words = sample.match(/\d{6}/g) ?? []
          for (const word of words) {
            const place = whole.indexOf(word)
            if (sign === ' ') {
              expect(place).toBeGreaterThanOrEqual(Math.floor(at * share))
              expect(place).toBeLessThanOrEqual((at + 1) * share)
            }
          }
        }
      },
    ),
    { numRuns: 200 },
  )
})

test('the places of samples differ from text to text', () => {
  const places = (text: string) => sampleTexts([text], 8, 64).map(([piece]) => text.indexOf(piece as string))
  const text = Array.from({ length: 4_000 }, (_, at) => `w${at}`).join(' ')
  expect(places(`${text} x`)).not.toEqual(places(text))
})
