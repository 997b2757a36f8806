import { expect, test } from 'vitest'
import { isEventStream } from './first-bytes.ts'

test.each([
  ['data: {"choices":[]}', true],
  ['data:{}', true],
  ['event: message\ndata: {}', true],
  ['id: 1', true],
  [': OPENROUTER PROCESSING', true],
  ['\r\n\r\ndata: {}', true],
  ['\uFEFFdata: {}', true],
  ['', undefined],
  ['d', undefined],
  ['eve', undefined],
  ['\n\n', undefined],
  ['{"error":{}}', false],
  ['<!doctype html>', false],
  ['database: down', false],
  ['date: today', false],
  [' '.repeat(100), false],
])('an answer that begins with %j is a stream: %s', (start, expected) => {
  expect(isEventStream(Buffer.from(start))).toBe(expected)
})
