import fc from 'fast-check'
import { expect, test } from 'vitest'
import { spliceChunk } from './splice-chunk.ts'

const ours = { id: '"ours"', object: '"chat.completion.chunk"', created: '7', model: '"m"' }
const parsed = { id: 'ours', object: 'chat.completion.chunk', created: 7, model: 'm' }

test('only the named members change, and only at the top', () => {
  const text =
    ' { "choices":[ {"id":"in","delta":{"content":"\\"id\\":\\u00e9}"}} ], "id" : "x","model":null,"n":1.0 , "created":1,"object":{"a":[1]} } '
  expect(spliceChunk(text, ours)).toBe(
    ' { "choices":[ {"id":"in","delta":{"content":"\\"id\\":\\u00e9}"}} ], "id" : "ours","model":"m","n":1.0 , "created":7,"object":"chat.completion.chunk" }',
  )
})

test('missing members come last, but a usage is never added', () => {
  expect(spliceChunk('{}', { ...ours, usage: 'null' })).toBe(
    '{"id":"ours","object":"chat.completion.chunk","created":7,"model":"m"}',
  )
  expect(spliceChunk('{"usage":{"a":1},"id":""}', { ...ours, usage: 'null' })).toBe(
    '{"usage":null,"id":"ours","object":"chat.completion.chunk","created":7,"model":"m"}',
  )
})

test('whatever the object, parsing the result is replacing in the parsed one', () => {
  const key = fc.oneof(fc.constantFrom('id', 'model', 'created', 'object', 'usage', 'choices'), fc.string())
  const object = fc.dictionary(key, fc.jsonValue())
  fc.assert(
    fc.property(object, fc.constantFrom(0, 1, 3), (value, indent) => {
      const text = JSON.stringify(value, null, indent)
      const wanted = {
        ...JSON.parse(text),
        ...parsed,
        ...(Object.hasOwn(value, 'usage') ? { usage: null } : {}),
      }
      expect(JSON.parse(spliceChunk(text, { ...ours, usage: 'null' }))).toEqual(wanted)
    }),
    { numRuns: 2000 },
  )
})
