import { createHash } from 'node:crypto'
import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { GatewayError } from '../platform/errors.ts'
import { ClientStream } from './client-stream.ts'

/** As much of a response as the stream touches; `takes` says whether the client keeps up. */
class FakeResponse extends EventEmitter {
  head: { status: number; headers: Record<string, string> } | undefined
  flushed = 0
  text = ''
  ended = false
  destroyed = false
  takes = true

  get headersSent(): boolean {
    return this.head !== undefined
  }

  get writableNeedDrain(): boolean {
    return !this.takes
  }

  writeHead(status: number, headers: Record<string, string>): void {
    this.head = { status, headers }
  }

  flushHeaders(): void {
    this.flushed += 1
  }

  write(text: string): boolean {
    this.text += text
    return this.takes
  }

  end(text: string): void {
    this.text += text
    this.ended = true
  }

  destroy(): void {
    this.destroyed = true
    this.emit('close')
  }

  drain(): void {
    this.takes = true
    this.emit('drain')
  }
}

let response: FakeResponse
let client: ClientStream

beforeEach(() => {
  vi.useFakeTimers()
  response = new FakeResponse()
  client = new ClientStream(response as unknown as ServerResponse)
})
afterEach(() => {
  vi.useRealTimers()
})

test('a stream opens once, flushed, with headers that no proxy buffers or caches', () => {
  expect(client.headSent).toBe(false)
  client.open({ 'x-request-id': 'gen-1' })
  client.open({ 'x-request-id': 'gen-2' })
  expect(response.head).toEqual({
    status: 200,
    headers: {
      'x-request-id': 'gen-1',
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      'x-accel-buffering': 'no',
    },
  })
  expect(response.flushed).toBe(1)
  expect(client.headSent).toBe(true)
})

test('a silent stream says a comment of one line every 15 seconds; one that speaks does not', () => {
  client.open({})
  vi.advanceTimersByTime(14_999)
  expect(response.text).toBe('')
  vi.advanceTimersByTime(1)
  expect(response.text).toBe(': keep-alive\n')
  client.write('data: {}\n\n')
  vi.advanceTimersByTime(15_000)
  expect(response.text).toBe(': keep-alive\ndata: {}\n\n')
  vi.advanceTimersByTime(15_000)
  expect(response.text).toBe(': keep-alive\ndata: {}\n\n: keep-alive\n')
})

test('nothing is said before the head, after the end, or to a client that is behind', () => {
  vi.advanceTimersByTime(60_000)
  expect(response.text).toBe('')
  client.open({})
  response.takes = false
  client.write('data: 1\n\n')
  vi.advanceTimersByTime(45_000)
  expect(response.text).toBe('data: 1\n\n')
  response.drain()
  client.finish('data: [DONE]\n\n')
  expect(response.ended).toBe(true)
  vi.advanceTimersByTime(60_000)
  expect(response.text).toBe('data: 1\n\ndata: [DONE]\n\n')
})

test('a client that is behind is told of, and everybody who waits hears when it has caught up', () => {
  const heard: string[] = []
  client.onDrain(() => heard.push('first'))
  client.onDrain(() => heard.push('second'))
  client.open({})
  expect(client.write('a')).toBe(true)
  response.takes = false
  expect(client.write('b')).toBe(false)
  expect(heard).toEqual([])
  response.drain()
  expect(heard).toEqual(['first', 'second'])
  expect(client.write('c')).toBe(true)
})

test('a reader that takes nothing for a minute is cut off; one that takes something in time is not', () => {
  client.open({})
  response.takes = false
  client.write('a')
  vi.advanceTimersByTime(59_999)
  expect(client.gone).toBe(false)
  response.drain()
  vi.advanceTimersByTime(60_000)
  expect(client.gone).toBe(false)
  response.takes = false
  client.write('b')
  vi.advanceTimersByTime(30_000)
  // More to read does not give more time.
  client.write('c')
  vi.advanceTimersByTime(30_000)
  expect(client.gone).toBe(true)
})

test('a reader that does not take the end of the stream is cut off too', () => {
  client.open({})
  response.takes = false
  client.write('a')
  client.finish('data: [DONE]\n\n')
  vi.advanceTimersByTime(60_000)
  expect(client.gone).toBe(true)
})

test('after the client has left nothing is written, and no upstream is held back for it', () => {
  client.open({})
  response.destroy()
  expect(client.write('a')).toBe(true)
  client.comment()
  client.finish('b')
  client.fail(new GatewayError('upstream_failed', 'It broke.'), 'gen-1')
  vi.advanceTimersByTime(120_000)
  expect(response.text).toBe('')
  const late = new ClientStream(response as unknown as ServerResponse)
  response.head = undefined
  late.open({})
  expect(response.head).toBeUndefined()
})

test('a failure is an event that SDKs throw on, and the last one: no [DONE]', () => {
  client.open({})
  client.write('data: 1\n\n')
  client.fail(new GatewayError('upstream_failed', 'It broke.'), 'gen-1')
  const [, event] = response.text.split('\n\n')
  expect(JSON.parse(event?.replace('data: ', '') as string).error).toMatchObject({
    message: 'It broke.',
    type: 'server_error',
    code: 'upstream_failed',
    param: null,
    request_id: 'gen-1',
  })
  expect(response.text).not.toContain('[DONE]')
  expect(response.ended).toBe(true)
  vi.advanceTimersByTime(60_000)
  expect(response.text).not.toContain('keep-alive')
})

test('once its hash is taken a stream says nothing more but its last bytes, however long they wait', () => {
  client.open({})
  client.write('data: {}\n\n')
  const hash = client.hashWith('data: [DONE]\n\n')
  vi.advanceTimersByTime(60_000)
  client.comment()
  expect(response.text).toBe('data: {}\n\n')
  client.finish('data: [DONE]\n\n')
  expect(createHash('sha256').update(response.text).digest('hex')).toBe(hash)
})
