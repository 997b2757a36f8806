/** U19 to U24: whole answers whose usage, members or model are not what they should be. */
import {
  type Ask,
  type Fault,
  faultsOf,
  framed,
  HELLO,
  healthy,
  refusal,
  sseOf,
  streamOf,
  USAGE,
} from './fault.ts'
import type { Behaviour } from './fault-wire.ts'
import { chunk, completion } from './scripted-upstream.ts'

const STREAM: readonly Ask[] = ['stream']
const JSON_ONLY: readonly Ask[] = ['json']

const reporting = (report: { usage?: unknown }) => healthy(undefined, report)
const counted = { source: 'counted', input: 8, output: 2 } as const
const U19 = faultsOf(
  'U19',
  { client: 'same', outcome: 'ok', text: HELLO, billed: counted },
  { absent: reporting({}), null: reporting({ usage: null }), empty: reporting({ usage: {} }) },
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
    negative: reporting({ usage: { ...USAGE, completion_tokens: -5 } }),
    'nan-as-text': reporting({ usage: { ...USAGE, completion_tokens: 'NaN' } }),
    string: reporting({ usage: { ...USAGE, prompt_tokens: '10' } }),
    huge: reporting({ usage: { ...USAGE, completion_tokens: 1e308 } }),
    fraction: reporting({ usage: { ...USAGE, completion_tokens: 1.5 } }),
    'above-the-maximum': reporting({ usage: total(100_000) }),
    'above-the-window': reporting({ usage: total(5, 50_000_000) }),
    'no-object': reporting({ usage: 'free' }),
  },
)

const U22 = {
  ...faultsOf(
    'U22',
    { client: 'same', outcome: 'ok', text: HELLO, billed: counted },
    { 'all-zero': reporting({ usage: total(0, 0) }) },
  ),
  ...faultsOf(
    'U22',
    { client: 'same', outcome: 'ok', text: '', billed: { source: 'reported', input: 0, output: 0 } },
    { 'nothing-said': healthy([''], { usage: total(0) }) },
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

export const reports: Record<string, Fault> = { ...U19, ...U20, ...U21, ...U22, ...U23, ...U24 }
