import fc from 'fast-check'
import { expect, test } from 'vitest'
import { editMembers, scanMembers } from './json-members.ts'

const bytes = (text: string) => Buffer.from(text)
const object = fc.dictionary(
  fc.string().filter((key) => key !== '__proto__'),
  fc.jsonValue(),
  { maxKeys: 8 },
)

test('every member of any object is found at its own bytes', () => {
  fc.assert(
    fc.property(object, fc.constantFrom(undefined, 1, '\t'), (value, indent) => {
      const text = bytes(JSON.stringify(value, null, indent))
      const { spans, duplicate } = scanMembers(text)
      expect(duplicate).toBeUndefined()
      const read = [...spans].map(([key, { start, end }]) => [
        key,
        JSON.parse(text.subarray(start, end).toString()),
      ])
      expect(Object.fromEntries(read)).toEqual(JSON.parse(text.toString()))
    }),
  )
})

test('an edit changes the members it names and leaves the bytes of all others alone', () => {
  fc.assert(
    fc.property(
      object,
      fc.uniqueArray(fc.string().filter((key) => key !== '__proto__')),
      (value, removed) => {
        const text = bytes(JSON.stringify(value))
        const edits = { model: '"ours"', ...Object.fromEntries(removed.map((key) => [key, undefined])) }
        const edited = JSON.parse(editMembers(text, scanMembers(text), edits).toString())
        const expected: Record<string, unknown> = { ...JSON.parse(text.toString()) }
        for (const key of removed) delete expected[key]
        if (!removed.includes('model')) expected.model = 'ours'
        expect(edited).toEqual(expected)
      },
    ),
  )
})

test('numbers that JavaScript cannot hold survive an edit of their neighbours', () => {
  const text = bytes('{"seed":9007199254740993,"temperature":1e400,"model":"a","x":"\\u00e9"}')
  expect(editMembers(text, scanMembers(text), { model: '"b"' }).toString()).toBe(
    '{"seed":9007199254740993,"temperature":1e400,"model":"b","x":"\\u00e9"}',
  )
})

test('a key that stands twice is named, also when one of the two is written with escapes', () => {
  expect(scanMembers(bytes('{"model":"a","stream":true,"\\u006dodel":"b"}')).duplicate).toBe('model')
})

test('taking out every member leaves an empty object', () => {
  const text = bytes('{ "a" : 1 , "b" : [1,2] }')
  expect(editMembers(text, scanMembers(text), { a: undefined, b: undefined }).toString()).toBe('{}')
})

test('long strings with escapes at every place, and long keys, are read to their own end', () => {
  const piece = fc.constantFrom(
    'a',
    '"',
    '\\',
    '\\"',
    'é',
    'x'.repeat(63),
    'x'.repeat(64),
    'x'.repeat(200),
    '{',
    ',',
  )
  const text = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''))
  fc.assert(
    fc.property(fc.dictionary(text, fc.array(text, { maxLength: 3 }), { maxKeys: 4 }), (value) => {
      const json = bytes(JSON.stringify(value))
      const read = [...scanMembers(json).spans].map(([key, { start, end }]) => [
        key,
        JSON.parse(json.subarray(start, end).toString()),
      ])
      expect(Object.fromEntries(read)).toEqual(value)
    }),
  )
})

test('of a key that stands twice the last stays, once, and so does everything between', () => {
  const text = bytes('{"a":1,"x":2,"b":3,"x":4,"c":5}')
  const edited = editMembers(text, scanMembers(text), { model: '"ours"' }).toString()
  expect(edited.match(/"x"/g)).toHaveLength(1)
  expect(JSON.parse(edited)).toEqual({ a: 1, x: 4, b: 3, c: 5, model: 'ours' })
})
