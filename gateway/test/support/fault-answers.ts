/** U09, U12, U14, U16, U17 and U19 to U24, and U18 after content: answers that come, in odd shapes, or break. */
import { setTimeout as delay } from 'node:timers/promises'
import {
  type Ask,
  begin,
  errorBody,
  type Fault,
  faultsOf,
  HELLO,
  healthy,
  refusal,
  sseOf,
  streamOf,
  USAGE,
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
const framed =
  (...parts: (string | Buffer)[]): Behaviour =>
  async (wire) => {
    await wire.open()
    await wire.frames(...parts)
    await wire.done()
  }
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

const counted = { source: 'counted', input: 8, output: 2 } as const
const U19 = faultsOf(
  'U19',
  { client: 'same', outcome: 'ok', text: HELLO, billed: counted },
  { absent: healthy(undefined, undefined), null: healthy(undefined, null), empty: healthy(undefined, {}) },
)

const total = (output: number, input = 10) => ({
  prompt_tokens: input,
  completion_tokens: output,
  total_tokens: input + output,
})
const withUsages =
  (...usages: unknown[]): Behaviour =>
  async (wire) => {
    const events = [...streamOf({ usage: undefined }).slice(0, -1)]
    const given = events.map((event, at) =>
      usages[at] === undefined ? event : JSON.stringify({ ...JSON.parse(event), usage: usages[at] }),
    )
    await framed(
      sseOf([
        ...given,
        ...usages.slice(events.length).map((usage) => JSON.stringify({ ...chunk({}), choices: [], usage })),
        '[DONE]',
      ]),
    )(wire)
  }
const U20 = faultsOf(
  'U20',
  { client: 'same', outcome: 'ok', text: HELLO, asks: STREAM },
  {
    twice: withUsages(undefined, undefined, undefined, undefined, USAGE, USAGE),
    cumulative: withUsages(total(0), total(1), total(2), total(3), USAGE),
    'on-every-chunk': withUsages(USAGE, USAGE, USAGE, USAGE, USAGE),
    'last-smaller': withUsages(undefined, undefined, undefined, undefined, total(40), USAGE),
  },
)

const U21 = faultsOf(
  'U21',
  { client: 'same', outcome: 'ok', text: HELLO, billed: counted },
  {
    negative: healthy(undefined, { ...USAGE, completion_tokens: -5 }),
    'nan-as-text': healthy(undefined, { ...USAGE, completion_tokens: 'NaN' }),
    string: healthy(undefined, { ...USAGE, prompt_tokens: '10' }),
    huge: healthy(undefined, { ...USAGE, completion_tokens: 1e308 }),
    fraction: healthy(undefined, { ...USAGE, completion_tokens: 1.5 }),
    'above-the-maximum': healthy(undefined, total(100_000)),
    'above-the-window': healthy(undefined, total(5, 50_000_000)),
    'no-object': healthy(undefined, 'free'),
  },
)

const U22 = {
  ...faultsOf(
    'U22',
    { client: 'same', outcome: 'ok', text: HELLO, billed: counted },
    { 'all-zero': healthy(undefined, total(0, 0)) },
  ),
  ...faultsOf(
    'U22',
    { client: 'same', outcome: 'ok', text: '', billed: { source: 'reported', input: 0, output: 0 } },
    { 'nothing-said': healthy([''], total(0)) },
  ),
}

const twoCalls = [
  { index: 1, id: 'call_b', type: 'function', function: { name: 'second', arguments: '' } },
  { index: 0, id: 'call_a', type: 'function', function: { name: 'first', arguments: '' } },
]
const tools = ['first', 'second'].map((name) => ({
  type: 'function',
  function: { name, parameters: { type: 'object', properties: {} } },
}))
const told = (usage: unknown = USAGE) => ({ ...chunk({}), choices: [], usage })
const events = (...all: unknown[]): Behaviour =>
  framed(sseOf([...all.map((event) => JSON.stringify(event)), '[DONE]']))
const of = (index: number, delta: object, finish: string | null = null) => ({
  ...chunk({}),
  choices: [{ index, delta, logprobs: null, finish_reason: finish }],
})
const U23 = faultsOf(
  'U23',
  { client: 'same', outcome: 'ok', asks: STREAM },
  {
    'unknown-fields': {
      behave: events(
        chunk({ role: 'assistant', content: HELLO }, null, { x_vendor: { a: [1] } }),
        chunk({}, 'stop'),
        told(),
      ),
      text: HELLO,
      holds: ['"x_vendor":{"a":[1]}'],
    },
    'unknown-fields-in-json': {
      asks: JSON_ONLY,
      behave: refusal(200, completion(HELLO, { x_vendor: { a: [1] } })),
      text: HELLO,
      holds: ['"x_vendor":{"a":[1]}'],
    },
    'unknown-finish': {
      behave: events(chunk({ role: 'assistant', content: HELLO }), chunk({}, 'banana'), told()),
      text: HELLO,
      holds: ['"finish_reason":"stop"'],
    },
    refusal: {
      behave: events(chunk({ role: 'assistant', refusal: 'I will not' }), chunk({}, 'stop'), told()),
      holds: ['"refusal":"I will not"'],
    },
    reasoning: {
      behave: events(
        chunk({ role: 'assistant', reasoning_content: 'hm' }),
        chunk({ content: HELLO }),
        chunk({}, 'stop'),
        told(),
      ),
      text: HELLO,
      holds: ['"reasoning_content":"hm"'],
    },
    'tool-calls-out-of-order': {
      request: { tools },
      behave: events(
        chunk({ role: 'assistant', content: null, tool_calls: twoCalls.slice(0, 1) }),
        chunk({ tool_calls: twoCalls.slice(1) }),
        chunk({ tool_calls: [{ index: 1, function: { arguments: '{"b":2}' } }] }),
        chunk({ tool_calls: [{ index: 0, function: { arguments: '{"a":1}' } }] }),
        chunk({}, 'tool_calls'),
        told(),
      ),
      holds: ['call_a', 'call_b', '{\\"a\\":1}', '{\\"b\\":2}', '"finish_reason":"tool_calls"'],
    },
    'two-choices-interleaved': {
      request: { n: 2 },
      behave: events(
        of(0, { role: 'assistant', content: 'a' }),
        of(1, { role: 'assistant', content: 'b' }),
        of(0, { content: 'c' }),
        of(1, { content: 'd' }, 'stop'),
        of(0, {}, 'stop'),
        told(),
      ),
      holds: ['"index":0,"delta":{"content":"c"}', '"index":1,"delta":{"content":"d"}'],
    },
  },
)

const otherModel = { ...completion(HELLO), model: 'cheaper-model-1b' }
const U24 = faultsOf(
  'U24',
  { client: 'same', outcome: 'ok', text: HELLO, lacks: ['cheaper-model-1b'] },
  {
    json: { asks: JSON_ONLY, behave: refusal(200, otherModel) },
    stream: {
      asks: STREAM,
      behave: framed(sseOf(streamOf()).replaceAll('"model":"upstream-model"', '"model":"cheaper-model-1b"')),
    },
    'in-mid-stream': {
      asks: STREAM,
      behave: framed(
        sseOf(
          streamOf().map((event, at) =>
            at < 2 ? event : event.replace('upstream-model', 'cheaper-model-1b'),
          ),
        ),
      ),
    },
  },
)

export const answers: Record<string, Fault> = {
  ...U09,
  ...U12,
  ...U14,
  ...U16,
  ...U17,
  ...U18,
  ...U19,
  ...U20,
  ...U21,
  ...U22,
  ...U23,
  ...U24,
}
