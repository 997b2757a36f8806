import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Exchange } from '../egress/exchange.ts'
import { openAiFormat } from '../providers/openai.ts'
import type { WireFormat } from '../providers/provider.ts'
import { StreamRelay } from './stream-relay.ts'

const SSE = { 'content-type': 'text/event-stream; charset=utf-8' }

let calls: string[]
let written: string
/** Whether the client keeps up. */
let takes: boolean
let letContentOut: () => void
let refuseContent: (error: Error) => void

beforeEach(() => {
  vi.useFakeTimers()
  calls = []
  written = ''
  takes = true
})
afterEach(() => {
  vi.useRealTimers()
})

function openRelay({
  format = openAiFormat,
  allowedOutput,
}: {
  format?: WireFormat
  allowedOutput?: number
} = {}) {
  const note = (name: string) => () => void calls.push(name)
  const relay = new StreamRelay({
    format,
    reader: format.openStream({ id: 'gen-1', model: 'test/model', createdS: 1 }),
    tokenizer: 'o200k',
    nowMs: () => 1_000,
    sink: {
      write(text) {
        written += text
        return takes
      },
    },
    onProgress: () => undefined,
    refuseCalls: () => undefined,
    allowedOutput,
    onHeaders: note('headers'),
    onContent() {
      calls.push('content')
      return new Promise((resolve, reject) => {
        letContentOut = resolve
        refuseContent = reject
      })
    },
  })
  const exchange = { abort: note('abort'), pause: note('pause'), resume: note('resume') }
  relay.start(exchange as unknown as Exchange)
  return relay
}

/** Runs what waits for promises; no timer fires. */
const turns = () => vi.advanceTimersByTimeAsync(0)

const event = (delta: object, finish: string | null = null) =>
  Buffer.from(
    `data: ${JSON.stringify({ id: 'x', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`,
  )
const role = event({ role: 'assistant', content: '' })
const hello = event({ content: 'Hello world' })
const stop = event({}, 'stop')
const usage = Buffer.from(
  'data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}\n\n',
)
const done = Buffer.from('data: [DONE]\n\n')

/** A relay whose first content is with the client. */
async function flowing() {
  const relay = openRelay()
  relay.onHeaders(200, SSE)
  relay.onData(Buffer.concat([role, hello]))
  letContentOut()
  await turns()
  calls = []
  return relay
}

const contentsOf = (text: string) =>
  [...text.matchAll(/^data: (\{.*\})$/gm)].map(
    ([, json]) => JSON.parse(json as string).choices[0].delta.content,
  )

test('nothing goes out before the first content, and that waits until the money is safe', async () => {
  const relay = openRelay()
  relay.onHeaders(200, SSE)
  expect(calls).toEqual(['headers'])
  relay.onData(role)
  expect(calls).toEqual(['headers'])
  relay.onData(hello)
  // The upstream is held back meanwhile; what it had under way waits.
  relay.onData(event({ content: '!' }))
  expect(calls).toEqual(['headers', 'pause', 'content'])
  expect(await relay.opened).toBeUndefined()
  expect(written).toBe('')
  letContentOut()
  await turns()
  expect(contentsOf(written)).toEqual(['', 'Hello world', '!'])
  expect(calls).toEqual(['headers', 'pause', 'content', 'resume'])
  relay.onData(event({ content: ' More' }))
  expect(contentsOf(written)).toEqual(['', 'Hello world', '!', ' More'])
})

test('a stream is complete with [DONE], or with its end after a finish; what it wrote is counted', async () => {
  const withDone = await flowing()
  withDone.onData(Buffer.concat([stop, usage, done]))
  expect(await withDone.ended).toEqual({ kind: 'complete' })
  expect(withDone).toMatchObject({
    finishReason: 'stop',
    hasText: true,
    hasToolCalls: false,
    usage: { uncachedInput: 9, output: 2 },
  })
  expect(withDone.countedOutput()).toBe(2)
  // [DONE] is ours to send, once everything is booked.
  expect(written).not.toContain('[DONE]')
  const withoutDone = await flowing()
  withoutDone.onData(stop)
  withoutDone.onEnd()
  expect(await withoutDone.ended).toEqual({ kind: 'complete' })
  expect(calls).not.toContain('abort')
})

test('after the end the connection is let go on to serve others, a second at most, and not at all for what else it brings', async () => {
  const silent = await flowing()
  silent.onData(Buffer.concat([stop, usage, done]))
  expect(calls).toEqual(['resume'])
  await vi.advanceTimersByTimeAsync(999)
  expect(calls).not.toContain('abort')
  await vi.advanceTimersByTimeAsync(1)
  expect(calls).toEqual(['resume', 'abort'])
  const talking = await flowing()
  talking.onData(Buffer.concat([stop, usage, done]))
  talking.onData(hello)
  expect(calls).toEqual(['resume', 'abort'])
})

test('an upstream that breaks when its content is here and has not gone out can still be replaced', async () => {
  const relay = openRelay()
  relay.onHeaders(200, SSE)
  relay.onData(Buffer.concat([role, hello]))
  expect(await relay.opened).toBeUndefined()
  relay.onFailure({ class: 'server_error', message: 'reset' })
  expect(await relay.flowing).toMatchObject({ class: 'server_error' })
  expect(relay.isOver).toBe(true)
  letContentOut()
  await turns()
  expect(written).toBe('')
  const later = await flowing()
  expect(await later.flowing).toBeUndefined()
})

test('a stream under another label is taken for what it is, as soon as its bytes show it', async () => {
  const relay = openRelay()
  relay.onHeaders(200, { 'content-type': 'application/json' })
  expect(calls).toEqual([])
  for (const byte of role) relay.onData(Buffer.from([byte]))
  expect(calls).toEqual(['headers'])
  relay.onData(Buffer.concat([hello, stop, usage, done]))
  letContentOut()
  expect(await relay.ended).toEqual({ kind: 'complete' })
  expect(contentsOf(written).join('')).toBe('Hello world')
  const cut = openRelay()
  cut.onHeaders(200, {})
  cut.onData(Buffer.from('dat'))
  cut.onEnd()
  expect(await cut.opened).toMatchObject({ class: 'malformed' })
})

test('an upstream that sends much and says nothing is stopped, before its content and after', async () => {
  const nothing = Buffer.from('data: {"choices":[]}\n\n'.repeat(1_000))
  const early = openRelay()
  early.onHeaders(200, SSE)
  for (let piece = 0; piece < 10; piece += 1) early.onData(nothing)
  expect(calls).toEqual(['headers'])
  early.onData(nothing)
  expect(await early.opened).toMatchObject({
    class: 'malformed',
    message: expect.stringContaining('too much'),
  })
  const late = await flowing()
  const comments = Buffer.from(': x\n'.repeat(256 * 1024))
  for (let piece = 0; piece < 5; piece += 1) late.onData(comments)
  late.onData(hello)
  for (let piece = 0; piece < 5; piece += 1) late.onData(comments)
  expect(calls).toEqual([])
  late.onData(comments)
  expect(await late.ended).toMatchObject({ kind: 'upstream_failed', failure: { class: 'malformed' } })
  expect(calls).toEqual(['abort'])
})

test('a stream that is complete before the money is safe waits with its end', async () => {
  const relay = openRelay()
  relay.onHeaders(200, SSE)
  relay.onData(Buffer.concat([role, hello, stop, usage, done]))
  relay.onEnd()
  const ended = vi.fn()
  void relay.ended.then(ended)
  await turns()
  expect(ended).not.toHaveBeenCalled()
  letContentOut()
  await turns()
  expect(ended).toHaveBeenCalledWith({ kind: 'complete' })
  expect(contentsOf(written)).toEqual(['', 'Hello world', undefined])
})

test('an answer without a word is opened and complete all the same', async () => {
  const relay = openRelay()
  relay.onHeaders(200, SSE)
  relay.onData(Buffer.concat([role, stop, done]))
  expect(await relay.opened).toBeUndefined()
  letContentOut()
  expect(await relay.ended).toEqual({ kind: 'complete' })
  expect(relay).toMatchObject({ hasText: false, hasToolCalls: false })
  expect(contentsOf(written)).toEqual(['', undefined])
})

test('a slow reader holds the upstream back until it has caught up', async () => {
  const relay = await flowing()
  takes = false
  relay.onData(event({ content: 'a' }))
  expect(calls).toEqual(['pause'])
  takes = true
  relay.resume()
  expect(calls).toEqual(['pause', 'resume'])
  relay.onData(event({ content: 'b' }))
  expect(calls).toEqual(['pause', 'resume'])
  // A reader that is behind from the first piece on is waited for before anything more is read.
  const late = openRelay()
  late.onHeaders(200, SSE)
  takes = false
  late.onData(hello)
  late.resume()
  letContentOut()
  await turns()
  expect(calls.slice(2)).toEqual(['headers', 'pause', 'content'])
  late.resume()
  expect(calls.at(-1)).toBe('resume')
})

test('JSON on several lines goes out on one', async () => {
  const relay = await flowing()
  relay.onData(
    Buffer.from(
      'data: {"id":"x",\ndata: "choices":[{"index":0,\rdata: "delta":{"content":"\\n"},"finish_reason":null}]}\n\n',
    ),
  )
  expect(contentsOf(written)).toEqual(['', 'Hello world', '\n'])
  expect(written.split('\n\n')).toHaveLength(4)
})

test('an answer with another status, or that is no stream, is classified by its format and is no answer', async () => {
  for (const [status, headers, body, outcome] of [
    [429, { 'content-type': 'application/json' }, '{"error":{"message":"slow down"}}', 'rate_limited'],
    [500, SSE, 'data: {}\n\n', 'server_error'],
    [200, { 'content-type': 'text/html' }, '<html>', 'malformed'],
    [200, { 'content-type': 'application/json' }, '{"error":{"type":"server_error"}}', 'server_error'],
  ] as const) {
    const relay = openRelay()
    relay.onHeaders(status, headers)
    relay.onData(Buffer.from(body))
    relay.onEnd()
    expect(await relay.opened, body).toMatchObject({ class: outcome })
    expect(await relay.ended).toMatchObject({ kind: 'upstream_failed', failure: { class: outcome } })
  }
  // A client that leaves during one of these owes no prompt.
  expect(calls).not.toContain('headers')
  expect(written).toBe('')
})

test.each([
  [
    'its connection breaks',
    (relay: StreamRelay) => relay.onFailure({ class: 'network', message: 'reset' }),
    'network',
  ],
  ['it ends unfinished', (relay: StreamRelay) => relay.onEnd(), 'server_error'],
  ['it says [DONE] unfinished', (relay: StreamRelay) => relay.onData(done), 'server_error'],
  [
    'it sends an error',
    (relay: StreamRelay) => relay.onData(Buffer.from('data: {"error":{"message":"x"}}\n\n')),
    'server_error',
  ],
  [
    'it sends half a JSON',
    (relay: StreamRelay) => relay.onData(Buffer.from('data: {"choi\n\n')),
    'malformed',
  ],
  [
    'it ends on half a JSON',
    (relay: StreamRelay) => {
      relay.onData(Buffer.from('data: {"choi'))
      relay.onEnd()
    },
    'malformed',
  ],
  [
    'it never ends an event',
    (relay: StreamRelay) => relay.onData(Buffer.alloc(5 * 1024 * 1024, 'x')),
    'malformed',
  ],
  [
    'we must stop it',
    (relay: StreamRelay) => relay.stop({ class: 'own_fault', message: 'shutting down' }),
    'own_fault',
  ],
])(
  'a stream is broken when %s: replaceable before its first content, over after it',
  async (_how, breakOff, outcome) => {
    const early = openRelay()
    early.onHeaders(200, SSE)
    early.onData(role)
    breakOff(early)
    expect(await early.opened).toMatchObject({ class: outcome })
    expect(written).toBe('')
    const late = await flowing()
    breakOff(late)
    expect(await late.opened).toBeUndefined()
    expect(await late.ended).toMatchObject({ kind: 'upstream_failed', failure: { class: outcome } })
    expect(calls).toContain('abort')
    // Whatever still comes is nobody's concern.
    const before = written
    late.onData(Buffer.concat([hello, stop, done]))
    late.onEnd()
    late.clientGone()
    expect(written).toBe(before)
  },
)

test('a connection that breaks when everything was delivered has delivered everything', async () => {
  const whole = await flowing()
  whole.onData(Buffer.concat([stop, usage]))
  whole.onFailure({ class: 'network', message: 'reset' })
  expect(await whole.ended).toEqual({ kind: 'complete' })
  // Without the report nobody knows what it cost: not billed.
  const unreported = await flowing()
  unreported.onData(stop)
  unreported.onFailure({ class: 'network', message: 'reset' })
  expect(await unreported.ended).toMatchObject({ kind: 'upstream_failed' })
})

test('64 KiB without any content is no chat', async () => {
  const relay = openRelay()
  relay.onHeaders(200, SSE)
  const padding = event({ role: 'assistant', content: '', padding: 'x'.repeat(1_000) })
  for (let at = 0; at < 70; at += 1) relay.onData(padding)
  expect(await relay.opened).toMatchObject({ class: 'malformed', message: expect.stringContaining('64 KiB') })
  expect(calls).toContain('abort')
  expect(written).toBe('')
})

test('a hold that is refused when the content is there stops the upstream, and nothing goes out', async () => {
  const relay = openRelay()
  relay.onHeaders(200, SSE)
  relay.onData(hello)
  refuseContent(new Error('402'))
  expect(await relay.ended).toMatchObject({ kind: 'upstream_failed', failure: { class: 'own_fault' } })
  expect(calls.at(-1)).toBe('abort')
  expect(written).toBe('')
})

test('when the client leaves, the upstream is stopped at once', async () => {
  const early = openRelay()
  early.onHeaders(200, SSE)
  early.clientGone()
  expect(await early.opened).toMatchObject({ class: 'client_gone' })
  expect(calls).toEqual(['headers', 'abort'])
  const late = await flowing()
  late.clientGone()
  expect(await late.ended).toEqual({ kind: 'client_gone' })
  expect(calls).toEqual(['abort'])
})

test('a client that leaves after the finish is waited for until its usage has come, five seconds at most', async () => {
  const relay = await flowing()
  relay.onData(stop)
  relay.clientGone()
  expect(calls).toEqual(['resume'])
  relay.onData(Buffer.concat([usage, done]))
  expect(await relay.ended).toEqual({ kind: 'client_gone' })
  await vi.advanceTimersByTimeAsync(1_000)
  const silent = await flowing()
  silent.onData(stop)
  silent.clientGone()
  silent.clientGone()
  await vi.advanceTimersByTimeAsync(4_999)
  expect(calls).not.toContain('abort')
  await vi.advanceTimersByTimeAsync(1)
  expect(await silent.ended).toEqual({ kind: 'client_gone' })
  expect(calls).toContain('abort')
})

test('a fault of our own while reading is not blamed on the upstream', async () => {
  const broken: WireFormat = {
    ...openAiFormat,
    openStream: () => ({
      answeredBy: undefined,
      readEvent() {
        throw new TypeError('a fault of ours')
      },
    }),
  }
  const relay = openRelay({ format: broken })
  relay.onHeaders(200, SSE)
  expect(() => relay.onData(hello)).toThrow('a fault of ours')
})

test("what an upstream sends after the end is nobody's concern", async () => {
  const relay = await flowing()
  relay.onData(Buffer.concat([stop, usage, done, Buffer.from('data: {not json\n\n')]))
  expect(await relay.ended).toEqual({ kind: 'complete' })
})

test('a client that leaves before anything was sent has been delivered nothing', async () => {
  const relay = openRelay()
  relay.onHeaders(200, SSE)
  relay.onData(Buffer.concat([role, hello]))
  relay.clientGone()
  expect(await relay.ended).toEqual({ kind: 'client_gone' })
  expect(relay.countedOutput()).toBe(0)
})

test('a client that stays is passed no more than its limit on the cost has room for', async () => {
  const relay = openRelay({ allowedOutput: 4 })
  relay.onHeaders(200, SSE)
  relay.onData(
    Buffer.concat([role, hello, event({ content: ' again and again' }), event({ content: ' and on' })]),
  )
  letContentOut()
  expect(await relay.ended).toEqual({ kind: 'cut_off', by: 'max_cost' })
  expect(written).toContain('Hello world')
  expect(written).not.toContain('again')
  expect(relay.countedOutput()).toBe(2)
  expect(calls).toContain('abort')
})
