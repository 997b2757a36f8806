import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonicalJson } from './canonical-json.ts'

test('keys are sorted by UTF-16 code units, at every depth, and nothing is spaced', () => {
  // RFC 8785 §3.2.3: the emoji's first half stands before U+FB33.
  const value = { '\ufb33': 1, '\u{1f600}': 2, b: [{ z: null, a: true }], a: '€"\\\n' }
  expect(canonicalJson(value)).toBe('{"a":"€\\"\\\\\\n","b":[{"a":true,"z":null}],"\u{1f600}":2,"\ufb33":1}')
})

test('the same value has the same text, however it was put together, and the text means the value', () => {
  const json = fc.jsonValue({ noUnicodeString: false }).filter(isSignable)
  fc.assert(
    fc.property(json, (value) => {
      const text = canonicalJson(value)
      expect(canonicalJson(turned(value))).toBe(text)
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)))
    }),
  )
})

test.each([
  ['a fraction', { price: 0.5 }],
  ['not a number', [Number.NaN]],
  ['an integer that a reader may round', { amount: 2 ** 53 }],
  ['a bigint', { amount: 1n }],
  ['an undefined member', { a: undefined }],
  ['a hole', new Array(1)],
  ['a date', { at: new Date(0) }],
  ['bytes', Buffer.of(1)],
  ['half a surrogate pair', { text: '\ud83d' }],
  ['half a surrogate pair as a key', { '\ude00': 1 }],
  ['a symbol', Symbol('x')],
])('%s is refused, because it has no one spelling', (_name, value) => {
  expect(() => canonicalJson(value)).toThrow(TypeError)
})

test('a cycle is refused, and minus zero is zero', () => {
  const cycle: unknown[] = []
  cycle.push(cycle)
  expect(() => canonicalJson(cycle)).toThrow(/nested/)
  expect(canonicalJson(-0)).toBe('0')
})

function isSignable(value: unknown): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value)
  if (typeof value === 'string') return isWellFormed(value)
  if (typeof value !== 'object' || value === null) return true
  return Object.entries(value).every(
    ([key, each]) => isWellFormed(key) && key !== '__proto__' && isSignable(each),
  )
}

const isWellFormed = (text: string) => Buffer.from(text).toString() === text

/** The same value with its members in the opposite order. */
function turned(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(turned)
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, each]) => [key, turned(each)]),
  )
}
