import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseDemoOptions } from './demo-options.ts'

test('a bare demo key is fast and faultless', () => {
  expect(parseDemoOptions('demo')).toMatchObject({
    latencyMs: 0,
    failShare: 0,
    status: 500,
    inflate: 1,
    garbage: false,
    cutAfter: undefined,
  })
})

test('options are read from the key', () => {
  expect(
    parseDemoOptions(
      'demo:latency=20,ttft=50,rate=40,fail=0.1,status=503,cut=3,garbage=1,silent=1,retryAfter=2',
    ),
  ).toMatchObject({
    latencyMs: 20,
    ttftMs: 50,
    tokensPerSecond: 40,
    failShare: 0.1,
    status: 503,
    cutAfter: 3,
    garbage: true,
    silent: true,
    retryAfterS: 2,
  })
})

test('a key of another kind, an unknown option or a wrong value is refused, never guessed', () => {
  for (const key of [
    '',
    'sk-123',
    'demo2',
    'demo:latency',
    'demo:latency=',
    'demo:latency=-1',
    'demo:latency=fast',
    'demo:speed=1',
  ]) {
    expect(parseDemoOptions(key), key).toBeUndefined()
  }
  fc.assert(fc.property(fc.string(), (text) => void parseDemoOptions(`demo:${text}`)))
})
