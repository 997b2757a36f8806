import { expect, test } from 'vitest'
import { readChunk } from './chat-chunk.ts'

test('the cost of an answer is exact to the nano-dollar', () => {
  const chunk = readChunk(
    '{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":37,"completion_tokens_details":{"reasoning_tokens":0},"cost":90071.992547409}}',
  )
  expect(chunk.usage).toEqual({ promptTokens: 9, completionTokens: 37, costNanos: 90_071_992_547_409n })
})

test('text that looks like a cost is text', () => {
  const chunk = readChunk(
    '{"choices":[{"delta":{"content":"\\"cost\\": 5,"},"finish_reason":null}],"usage":null}',
  )
  expect(chunk).toEqual({ text: '"cost": 5,' })
})

test('an answer that breaks says so', () => {
  expect(readChunk('{"error":{"message":"The seller went away.","code":"upstream_error"}}')).toEqual({
    error: 'The seller went away.',
  })
})
