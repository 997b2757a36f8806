/** U09, U12, U14, U16 and U17, and U18 after content: answers that come in odd shapes, or break. */
import { setTimeout as delay } from 'node:timers/promises'
import {
  type Ask,
  begin,
  errorBody,
  type Fault,
  faultsOf,
  framed,
  HELLO,
  healthy,
  sseOf,
  streamOf,
} from './fault.ts'
import type { Behaviour, FaultWire } from './fault-wire.ts'
import { chunk, completion } from './scripted-upstream.ts'

const STREAM: readonly Ask[] = ['stream']
const JSON_ONLY: readonly Ask[] = ['json']

const afterContent =
  (then: (wire: FaultWire) => unknown): Behaviour =>
  async (wire) => {
    await begin(wire)
    await wire.event(chunk({ content: 'so far' }))
    await then(wire)
  }
const partOfJson =
  (then: (wire: FaultWire) => unknown): Behaviour =>
  async (wire) => {
    const whole = JSON.stringify(completion('so far and further'))
    await wire.head(200, { 'content-type': 'application/json', 'content-length': String(whole.length) })
    await wire.raw(whole.slice(0, 150))
    await then(wire)
  }
const U09 = {
  ...faultsOf(
    'U09',
    { client: 'breaks', outcome: 'server_error', asks: STREAM, holds: ['so far'] },
    {
      fin: afterContent((wire) => wire.fin()),
      reset: afterContent((wire) => wire.rst()),
      'end-without-finish': afterContent((wire) => wire.done()),
      'done-without-finish': afterContent((wire) => wire.event('[DONE]').then(() => wire.done())),
      'error-event': afterContent((wire) =>
        wire.event(errorBody('boom sk-upstream-secret')).then(() => wire.done()),
      ),
      'finish-error': afterContent((wire) => wire.event(chunk({}, 'error')).then(() => wire.done())),
      'http-1.0': async (wire) => {
        await wire.raw('HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\n')
        await wire.raw(sseOf(streamOf({ words: ['so far'] }).slice(0, 2)))
        wire.fin()
      },
      'reset-without-keep-alive': async (wire) => {
        await wire.open({ connection: 'close' })
        await wire.frames(sseOf(streamOf({ words: ['so far'] }).slice(0, 2)))
        wire.rst()
      },
      stall: { behave: afterContent((wire) => wire.hang()), outcome: 'timeout' },
      'bad-chunk-size': { behave: afterContent((wire) => wire.raw('zz\r\n')), outcome: 'malformed' },
      'no-json': {
        behave: afterContent((wire) => wire.event('{"choices":[{').then(() => wire.done())),
        outcome: 'malformed',
      },
    },
  ),
  // A JSON answer is read whole before anything is sent, so nobody sees it break.
  ...faultsOf(
    'U09',
    { client: 'next', outcome: 'server_error', asks: JSON_ONLY, lacks: ['so far'] },
    {
      'json-fin': partOfJson((wire) => wire.fin()),
      'json-reset': partOfJson((wire) => wire.rst()),
      'json-stall': { behave: partOfJson((wire) => wire.hang()), outcome: 'timeout' },
      'json-http-1.0': {
        async behave(wire) {
          await wire.raw('HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n')
          await wire.raw(JSON.stringify(completion('so far and further')).slice(0, 150))
          wire.fin()
        },
        outcome: 'malformed',
      },
    },
  ),
}

const typed =
  (type: string): Behaviour =>
  async (wire) => {
    if (!wire.stream) {
      await wire.answer(200, completion(HELLO), { 'content-type': type })
      return
    }
    await wire.open({ 'content-type': type })
    await wire.frames(sseOf(streamOf()))
    await wire.done()
  }
const U12 = faultsOf(
  'U12',
  { client: 'same', outcome: 'ok', text: HELLO },
  {
    'text-plain': typed('text/plain'),
    'octet-stream': typed('application/octet-stream'),
    html: typed('text/html'),
    'no-type': typed(''),
    'json-for-a-stream': { behave: typed('application/json'), asks: STREAM },
    'comment-first': {
      asks: STREAM,
      async behave(wire) {
        await wire.open({ 'content-type': 'application/json' })
        await wire.frames(': OPENROUTER ', 'PROCESSING\n\n', sseOf(streamOf()))
        await wire.done()
      },
    },
    'byte-by-byte': {
      asks: STREAM,
      async behave(wire) {
        await wire.open({ 'content-type': 'text/plain' })
        await wire.frames(...sseOf(streamOf()))
        await wire.done()
      },
    },
  },
)

const PAUSE_MS = 250
const U14 = faultsOf(
  'U14',
  { client: 'same', outcome: 'ok', text: HELLO },
  {
    drip: {
      asks: STREAM,
      async behave(wire) {
        await wire.open()
        for (const event of streamOf()) {
          await wire.event(event)
          await delay(PAUSE_MS)
        }
        await wire.done()
      },
    },
    'json-drip': {
      asks: JSON_ONLY,
      async behave(wire) {
        const whole = JSON.stringify(completion(HELLO))
        await wire.open({ 'content-type': 'application/json' })
        for (let at = 0; at < whole.length; at += 60) {
          await wire.frames(whole.slice(at, at + 60))
          await delay(PAUSE_MS)
        }
        await wire.done()
      },
    },
    'blank-lines-before-json': {
      asks: JSON_ONLY,
      async behave(wire) {
        await wire.open({ 'content-type': 'application/json' })
        for (let line = 0; line < 5; line += 1) {
          await wire.frames('\n')
          await delay(PAUSE_MS)
        }
        await wire.frames(JSON.stringify(completion(HELLO)))
        await wire.done()
      },
    },
  },
)

const afterDone =
  (then: (wire: FaultWire) => unknown): Behaviour =>
  async (wire) => {
    await wire.open()
    await wire.frames(sseOf(streamOf()))
    await then(wire)
  }
const late = sseOf([JSON.stringify(chunk({ content: 'too late' }))])
const U16 = faultsOf(
  'U16',
  { client: 'same', outcome: 'ok', text: HELLO, asks: STREAM, lacks: ['too late'] },
  {
    fin: afterDone((wire) => wire.fin()),
    reset: afterDone((wire) => delay(5).then(() => wire.rst())),
    'more-events': afterDone((wire) => wire.frames(late).then(() => wire.done())),
    'more-later': afterDone((wire) => delay(20).then(() => wire.frames(late))),
    garbage: afterDone((wire) => wire.raw('zz\r\n\0\0')),
    // Ended by the connection, all at once: it may end while we hold it back.
    'ends-with-the-connection': async (wire) => {
      await wire.raw(
        'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n',
        sseOf(streamOf()),
      )
      wire.fin()
    },
    'never-ends': afterDone((wire) => wire.hang()),
    'goes-on-for-ever': afterDone(async (wire) => {
      while (!wire.gone) await wire.frames(late.repeat(100))
    }),
    'bytes-after-json': {
      asks: JSON_ONLY,
      behave: (wire) => Promise.resolve(healthy()(wire)).then(() => wire.raw('too late')),
    },
  },
)

const WORLD = ['naïve ', '– 東京 ', '🙂']
const worldly = streamOf({ words: WORLD })
const bytes = Buffer.from(sseOf(worldly))
const inEmoji = bytes.indexOf('🙂') + 2
const cutAt = (at: number) => [bytes.subarray(0, at), bytes.subarray(at)]
const onTwoLines = (event: string) => event.replace(',"object"', '\ndata: ,"object"')
const U17 = faultsOf(
  'U17',
  { client: 'same', outcome: 'ok', text: WORLD.join(''), asks: STREAM },
  {
    'one-byte-each': framed(...Array.from(bytes, (byte) => Buffer.from([byte]))),
    'inside-a-character': framed(...cutAt(inEmoji)),
    crlf: framed(sseOf(worldly, '\r\n')),
    cr: framed(sseOf(worldly, '\r')),
    'all-line-ends': framed(
      worldly.map((event, at) => sseOf([event], ['\n', '\r\n', '\r'][at % 3])).join(''),
    ),
    'between-cr-and-lf': framed(...sseOf(worldly, '\r\n').split(/(?<=\r)/)),
    'byte-order-mark': framed(`\uFEFF${sseOf(worldly)}`),
    'data-on-two-lines': framed(sseOf(worldly.map(onTwoLines))),
    comments: framed(worldly.map((event) => `: processing\n${sseOf([event])}`).join('')),
    'other-fields': framed(
      worldly
        .map((event, at) => `event: message\nid: ${at}\nretry: 10\nfoo: bar\n${sseOf([event])}`)
        .join(''),
    ),
    'no-space': framed(sseOf(worldly).replaceAll('data: ', 'data:')),
    'no-last-line-end': framed(sseOf(worldly).trimEnd()),
  },
)

const flood = (piece: string) =>
  afterContent(async (wire) => {
    while (!wire.gone) await wire.frames(piece)
  })
const U18 = faultsOf(
  'U18',
  { client: 'breaks', outcome: 'malformed', asks: STREAM, holds: ['so far'] },
  {
    'line-after-content': flood('x'.repeat(64 * 1024)),
    'comments-after-content': flood(':\n'.repeat(32 * 1024)),
    'nothing-after-content': flood(sseOf([JSON.stringify(chunk({}))]).repeat(300)),
  },
)

export const answers: Record<string, Fault> = {
  ...U09,
  ...U12,
  ...U14,
  ...U16,
  ...U17,
  ...U18,
}
