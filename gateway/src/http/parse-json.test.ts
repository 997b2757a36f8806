import { expect, test } from 'vitest'
import { GatewayError } from '../platform/errors.ts'
import { parseJsonObject } from './parse-json.ts'

function refusal(body: string | Buffer): GatewayError {
  try {
    parseJsonObject(Buffer.from(body as string))
  } catch (error) {
    if (error instanceof GatewayError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

test.each([
  ['an empty body', '', /empty/],
  ['broken JSON', '{"model":', /not valid JSON/],
  ['an array', '[1]', /must be a JSON object/],
  ['a bare string', '"x"', /must be a JSON object/],
  ['null', 'null', /must be a JSON object/],
  ['a byte order mark', '\ufeff{}', /not valid JSON/],
  ['UTF-16', Buffer.from('{"a":1}', 'utf16le'), /not valid JSON|UTF-8/],
  ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), /UTF-8/],
  ['a million brackets', '['.repeat(1_000_000), /deeper than 64/],
  ['a million values', `{"a":[${'1,'.repeat(1_000_000)}1]}`, /more than 200000 values/],
  ['a key twice', '{"model":"a","model":"b"}', /stands twice/],
  ['half a surrogate pair', '{"a":"\\ud83d"}', /surrogate/],
  ['half a surrogate pair in a key', '{"\\udc00":1}', /surrogate/],
  ['a NUL in the open', '{"a":"\u0000"}', /not valid JSON/],
])('%s is refused with 400 and says why', (_name, body, message) => {
  const error = refusal(body)
  expect(error.status).toBe(400)
  expect(error.message).toMatch(message)
})

test('whole emoji, right-to-left text, escapes and __proto__ keys are read as they are', () => {
  const { value } = parseJsonObject(Buffer.from('{"a":"\\ud83d\\ude00 😀 שלום \\u0000","__proto__":{"x":1}}'))
  expect(value.a).toBe('😀 😀 שלום \u0000')
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
})

test('brackets inside strings do not count as depth', () => {
  expect(() => parseJsonObject(Buffer.from(JSON.stringify({ a: '['.repeat(500) + '\\"{' })))).not.toThrow()
})
