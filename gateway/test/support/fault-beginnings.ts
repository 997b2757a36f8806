/** U01, U02, U10, U11, U13, U15, U31 and U32, and U18 before content: an answer that never really begins. */
import { setTimeout as delay } from 'node:timers/promises'
import { begin, errorBody, type Fault, faultsOf, HELLO, healthy, refusal, sseOf, streamOf } from './fault.ts'
import type { FaultWire } from './fault-wire.ts'
import { chunk, completion } from './scripted-upstream.ts'

const U01 = faultsOf(
  'U01',
  { client: 'next', outcome: 'network', visits: 0 },
  {
    refused: { dial: 'refused' },
    'reset-at-once': { dial: 'reset_at_once' },
    'closed-at-once': { dial: 'closed_at_once' },
    // A stream's first byte is waited for a shorter time than a connection, in these tests.
    'never-accepted': { dial: 'never_accepted', outcomes: { stream: 'timeout' } },
    'tls-untrusted': { dial: 'tls_untrusted' },
    'tls-to-plain-port': { dial: 'tls_to_plain_port' },
    'tls-cut': { dial: 'tls_cut' },
    'tls-silent': { dial: 'tls_silent', outcomes: { stream: 'timeout' } },
    'reset-when-asked': { behave: (wire) => wire.rst(), visits: 1 },
    'closed-when-asked': { behave: (wire) => wire.fin(), visits: 1 },
  },
)

const staleBy = (end: 'fin' | 'rst') => (wire: FaultWire) => (wire.nth === 1 ? healthy()(wire) : wire[end]())
const U02 = faultsOf(
  'U02',
  { client: 'same', outcome: 'ok', text: HELLO },
  { closed: staleBy('fin'), reset: staleBy('rst') },
)

const U10 = {
  ...faultsOf(
    'U10',
    { client: 'next', outcome: 'malformed' },
    {
      html: refusal(200, '<!doctype html><p>Sign in to the hotel</p>', { 'content-type': 'text/html' }),
      'html-that-says-json': refusal(200, '<!doctype html><p>Sign in</p>'),
      'html-about-limits': refusal(200, '<p>Our rate limit and content policy: maximum context length</p>', {
        'content-type': 'text/html',
      }),
      'json-to-a-stream': { behave: refusal(200, completion('whole')), asks: ['stream'] },
      'stream-to-json': {
        behave: (wire) =>
          wire
            .open()
            .then(() => wire.frames(sseOf(streamOf())))
            .then(() => wire.done()),
        asks: ['json'],
      },
      'error-without-words': refusal(200, { error: {} }),
    },
  ),
  ...faultsOf(
    'U10',
    { client: 'next', outcome: 'server_error' },
    {
      'server-error': refusal(200, errorBody('internal')),
      'code-502': refusal(200, { error: { code: 502, message: 'Provider returned error' } }),
      'error-event-first': {
        asks: ['stream'],
        async behave(wire) {
          await wire.open()
          await wire.event(errorBody('internal'))
          await wire.done()
        },
      },
    },
  ),
  ...faultsOf(
    'U10',
    { client: 'next', outcome: 'rate_limited', rest: 'cooling' },
    { 'code-429': refusal(200, { error: { code: 429, message: 'Rate limit exceeded' } }) },
  ),
}

const emptyStream = async (wire: FaultWire, ...events: string[]) => {
  await wire.open()
  for (const event of events) await wire.event(event)
  await wire.done()
}
const roleOnly = JSON.stringify(chunk({ role: 'assistant', content: '' }))
// What an answer talks about does not say what became of it.
const cut = JSON.stringify(completion('the maximum context length and our content policy')).slice(0, -20)
const U11 = {
  ...faultsOf(
    'U11',
    { client: 'next', outcome: 'malformed', asks: ['json'] },
    {
      'invalid-json': refusal(200, cut),
      'usage-is-nan': refusal(
        200,
        JSON.stringify(completion('x')).replace('"prompt_tokens":10', '"prompt_tokens":NaN'),
      ),
      'no-choices': refusal(200, { id: 'x', object: 'chat.completion' }),
      'empty-choices': refusal(200, { ...completion('x'), choices: [] }),
      'choice-without-message': refusal(200, { ...completion('x'), choices: [{ index: 0 }] }),
      null: refusal(200, 'null'),
      empty: refusal(200, ''),
      'not-utf8': refusal(200, Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d])),
      'broken-off': refusal(200, {
        ...completion('x'),
        choices: [{ index: 0, message: { role: 'assistant', content: 'x' }, finish_reason: 'error' }],
      }),
    },
  ),
  ...faultsOf(
    'U11',
    { client: 'next', outcome: 'malformed', asks: ['stream'] },
    {
      'event-no-json': (wire) => emptyStream(wire, roleOnly, '{"choices":[{'),
      'event-no-object': (wire) => emptyStream(wire, '"hello"'),
      'event-no-choices': (wire) => emptyStream(wire, '{"id":"x"}'),
    },
  ),
  ...faultsOf(
    'U11',
    { client: 'next', outcome: 'server_error', asks: ['stream'] },
    {
      'done-at-once': (wire) => emptyStream(wire, '[DONE]'),
      'role-then-done': (wire) => emptyStream(wire, roleOnly, '[DONE]'),
      'empty-stream': (wire) => emptyStream(wire),
      'role-then-end': (wire) => emptyStream(wire, roleOnly),
      'role-then-reset': (wire) => Promise.resolve(begin(wire)).then(() => wire.rst()),
    },
  ),
}

const U13 = faultsOf(
  'U13',
  { client: 'next', outcome: 'timeout' },
  {
    silence: (wire) => wire.hang(),
    'half-a-head': (wire) => wire.raw('HTTP/1.1 200 OK\r\ncontent-type: te').then(() => wire.hang()),
    'head-and-silence': {
      behave: (wire) => wire.open().then(() => wire.hang()),
      asks: ['stream'],
    },
  },
)

/** Writes `bytes` for ever, `pauseMs` between. */
const repeat = async (wire: FaultWire, bytes: string | Buffer, pauseMs = 0) => {
  while (!wire.gone) {
    await wire.frames(bytes)
    if (pauseMs > 0) await delay(pauseMs)
  }
}
const U15 = faultsOf(
  'U15',
  { client: 'next', outcome: 'timeout', asks: ['stream'] },
  {
    comments: (wire) => wire.open().then(() => repeat(wire, ': keep-alive\n\n', 100)),
    'role-and-comments': async (wire) => {
      await begin(wire)
      await repeat(wire, ': keep-alive\n\n', 100)
    },
    'empty-deltas': async (wire) => {
      await begin(wire)
      await repeat(wire, `data: ${JSON.stringify(chunk({ content: '' }))}\n\n`, 100)
    },
  },
)

const FLOOD = 64 * 1024
const U18 = faultsOf(
  'U18',
  { client: 'next', outcome: 'malformed', asks: ['stream'] },
  {
    'endless-line': (wire) => wire.open().then(() => repeat(wire, 'x'.repeat(FLOOD))),
    'endless-event': (wire) => wire.open().then(() => repeat(wire, `data: ${'x'.repeat(FLOOD)}\n`)),
    'flood-of-comments': (wire) => wire.open().then(() => repeat(wire, ':\n'.repeat(FLOOD / 2))),
    'flood-of-nothing': (wire) =>
      wire.open().then(() => repeat(wire, 'data: {"choices":[]}\n\n'.repeat(3_000))),
    'flood-of-roles': (wire) => wire.open().then(() => repeat(wire, sseOf([roleOnly]).repeat(400))),
  },
)

const body = JSON.stringify(completion('smuggled'))
const head = (lines: string) => `HTTP/1.1 200 OK\r\n${lines}\r\n\r\n`
const json = 'content-type: application/json'
const U31 = {
  ...faultsOf(
    'U31',
    { client: 'next', outcome: 'malformed', lacks: ['smuggled'] },
    {
      'two-lengths': (wire) =>
        wire.raw(head(`${json}\r\ncontent-length: 5\r\ncontent-length: ${body.length}`), body),
      'length-and-chunks': (wire) =>
        wire.raw(head(`${json}\r\ncontent-length: ${body.length}\r\ntransfer-encoding: chunked`), body),
      'bare-line-feed': (wire) =>
        wire.raw(head(`${json}\r\nx-a: 1\nx-b: 2\r\ncontent-length: ${body.length}`), body),
      'nul-in-header': (wire) =>
        wire.raw(head(`${json}\r\nx-a: a\0b\r\ncontent-length: ${body.length}`), body),
      'old-folding': (wire) =>
        wire.raw(head(`${json}\r\nx-a: a\r\n b: c\r\ncontent-length: ${body.length}`), body),
      'garbage-status': (wire) => wire.raw('SSH-2.0-OpenSSH_9.9\r\n\r\n'),
      'http-9.9': (wire) =>
        wire.raw(`HTTP/9.9 200 OK\r\n${json}\r\ncontent-length: ${body.length}\r\n\r\n`, body),
      'header-of-20-kb': (wire) =>
        wire.raw(head(`${json}\r\nx-a: ${'a'.repeat(20 * 1024)}\r\ncontent-length: ${body.length}`), body),
      'bad-chunk-size': (wire) =>
        wire.raw(head(`${json}\r\ntransfer-encoding: chunked`), 'zz\r\nsmuggled\r\n'),
    },
  ),
  ...faultsOf(
    'U31',
    { client: 'next', outcome: 'network', lacks: ['smuggled'] },
    {
      'switching-protocols': (wire) =>
        wire.raw('HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n', body),
      'endless-continue': async (wire) => {
        while (!wire.gone) await wire.raw('HTTP/1.1 100 Continue\r\n\r\n'.repeat(100))
      },
    },
  ),
  ...faultsOf(
    'U31',
    { client: 'same', outcome: 'ok', text: HELLO, lacks: ['smuggled'], asks: ['json'] },
    {
      // The answer is whole; what follows it on the connection belongs to nobody.
      'second-answer': async (wire) => {
        const whole = JSON.stringify(completion(HELLO))
        const lengths = (text: string) => head(`${json}\r\ncontent-length: ${text.length}`)
        await wire.raw(lengths(whole), whole, lengths(body), body)
      },
      'second-answer-later': async (wire) => {
        await healthy()(wire)
        await delay(5)
        await wire.raw(head(`${json}\r\ncontent-length: ${body.length}`), body)
      },
    },
  ),
}

const U32 = faultsOf(
  'U32',
  { client: 'next', outcome: 'network', visits: 0 },
  {
    'other-certificate': { dial: 'tls_untrusted' },
    // Whoever points a name inside does not get another chance.
    'name-leads-inside': { dial: 'tls_well', flips: true, rest: 'disabled' },
  },
)

export const beginnings: Record<string, Fault> = {
  ...U01,
  ...U02,
  ...U10,
  ...U11,
  ...U13,
  ...U15,
  ...U18,
  ...U31,
  ...U32,
}
