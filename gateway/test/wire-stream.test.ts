/** The wire of streams: whatever comes from the upstream, what goes to the client is clean, whole, and told when it is not. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { chunk, type Script, streaming } from './support/scripted-upstream.ts'
import { ask, eventsIn, startWireScene, type WireScene } from './support/wire-scene.ts'

let scene: WireScene

beforeAll(async () => {
  scene = await startWireScene()
})
afterAll(() => scene.close())

test('a stream is clean whatever the framing upstream: comments, CRLF, a BOM, data on two lines, cuts at any byte', async () => {
  const words = ['Hé', 'llo 😀', ' \r\n', '"\\']
  const lines = [
    '\uFEFF: welcome',
    'retry: 10',
    ...[{ role: 'assistant', content: '' }, ...words.map((content) => ({ content }))].flatMap((delta, at) => [
      `id: ${at}`,
      `data:${JSON.stringify(chunk(delta)).replace('"choices"', '\r\ndata: "choices"')}`,
      '',
      ': still here',
    ]),
    'event: message',
    `data: ${JSON.stringify(chunk({}, 'stop'))}`,
    '',
    'data: [DONE]',
    '',
    '',
  ]
  const bytes = Buffer.from(lines.join('\r\n'))
  for (const size of [1, 7, bytes.length]) {
    const { text } = await scene.post(
      async (wire) => {
        await wire.stream()
        const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
          bytes.subarray(at * size, (at + 1) * size),
        )
        await wire.body(...pieces)
        await wire.endStream()
      },
      ask({ stream: true }),
    )
    expect(text).toMatch(/^(data: \{.*\}\n\n)+data: \[DONE\]\n\n$/)
    expect(text).not.toMatch(/\r|welcome|still here/)
    const events = eventsIn(text)
    expect(events.map(({ choices }) => choices[0].delta.content ?? '').join('')).toBe(words.join(''))
    expect(
      new Set(events.map(({ id, created, model, object }) => `${id} ${created} ${model} ${object}`)).size,
    ).toBe(1)
    expect(events.map(({ choices }) => choices[0].delta.role)).toEqual([
      'assistant',
      ...Array(words.length + 1).fill(undefined),
    ])
    expect(events.map(({ choices }) => choices[0].finish_reason)).toEqual([
      ...Array(words.length + 1).fill(null),
      'stop',
    ])
  }
})

test('a stream is never compressed, and passes refusals, thoughts and log probabilities through', async () => {
  const { headers, text } = await scene.post(
    async (wire) => {
      await wire.stream()
      await wire.event(chunk({ role: 'assistant', reasoning_content: 'Hm.' }))
      await wire.event({ ...chunk({ refusal: 'I cannot.' }), obfuscation: 'xyz' })
      await wire.event(
        chunk({ content: 'a' }, null, {
          choices: [
            {
              index: 0,
              delta: { content: 'a' },
              logprobs: { content: [{ token: 'a', logprob: -0.5 }] },
              finish_reason: null,
            },
          ],
        }),
      )
      await wire.event(chunk({}, 'stop'))
      await wire.event('[DONE]')
      await wire.endStream()
    },
    ask({ stream: true }),
    { 'accept-encoding': 'gzip, br' },
  )
  expect(headers.get('content-encoding')).toBeNull()
  const choices = eventsIn(text).map((event) => event.choices[0])
  expect(choices.map(({ delta }) => delta)).toMatchObject([
    { reasoning_content: 'Hm.' },
    { refusal: 'I cannot.' },
    { content: 'a' },
    {},
  ])
  expect(choices[2].logprobs.content[0]).toEqual({ token: 'a', logprob: -0.5 })
})

test('a stream that was asked for usage says null in every chunk until the one at the end', async () => {
  const { text } = await scene.post(
    streaming(['Hel', 'lo']),
    ask({ stream: true, stream_options: { include_usage: true } }),
  )
  const events = eventsIn(text)
  expect(events.at(-1)).toMatchObject({
    choices: [],
    usage: { prompt_tokens: 10, completion_tokens: 2, total_tokens: 12 },
  })
  expect(
    events.slice(0, -1).every(({ usage, choices }) => (usage ?? null) === null && choices.length === 1),
  ).toBe(true)
})

test.each<[string, Script]>([
  ['ends politely without a finish', () => undefined],
  ['says [DONE] without a finish', (wire) => wire.event('[DONE]')],
  ['sends an error', (wire) => wire.event({ error: { message: 'sk-upstream-secret is broken' } })],
  ['sends half a JSON', (wire) => wire.event('{"choices":[{"delta":{"content":"secret')],
])(
  'a stream whose upstream %s tells that to SDKs as JSON, without [DONE] and without the words of the upstream',
  async (_name, breakOff) => {
    const text = await readBroken(breakOff)
    expect(text).toMatch(/^(data: \{.*\}\n\n)+$/)
    expect(text).not.toMatch(/DONE|secret/)
    const error = eventsIn(text).at(-1)?.error
    expect(error).toMatchObject({ code: 'upstream_failed', type: 'server_error', param: null })
    expect(await scene.gateway.bookedNanos(error.request_id)).toBeUndefined()
  },
)

test('a stream that nobody reads holds the upstream back, and is whole when it is read after all', async () => {
  const EVENT_BYTES = 64 * 1024
  const EVENTS = 50 * 16
  let written = 0
  const loud: Script = async (wire) => {
    await wire.stream()
    await wire.event(chunk({ role: 'assistant', content: 'Listen:' }))
    // Sound is not counted in tokens of text, so that the test measures the relay and nothing else.
    for (let at = 0; at < EVENTS && !wire.gone(); at += 1) {
      await wire.event(chunk({ audio: { data: 'A'.repeat(EVENT_BYTES) } }))
      written += EVENT_BYTES
    }
    await wire.event(chunk({}, 'stop'))
    await wire.event({
      ...chunk({}),
      choices: [],
      usage: { prompt_tokens: 10, completion_tokens: 9, total_tokens: 19 },
    })
    await wire.event('[DONE]')
    await wire.endStream()
  }
  const response = await scene.open(loud, ask({ stream: true }))
  await stalled(() => written)
  // What fits into the socket buffers of two connections; the rest of the 50 MB waits in the upstream.
  expect(written).toBeLessThan(20 * 1024 * 1024)
  let sound = 0
  let tail = ''
  for await (const bytes of response) {
    for (const byte of bytes) if (byte === 0x41) sound += 1
    tail = (tail + bytes.toString('latin1')).slice(-100)
  }
  expect(sound).toBe(EVENTS * EVENT_BYTES)
  expect(tail).toMatch(/data: \[DONE\]\n\n$/)
})

/** A stream whose upstream breaks off only when the client has its first content. */
async function readBroken(breakOff: Script): Promise<string> {
  let contentRead = () => {}
  const gate = new Promise<void>((resolve) => {
    contentRead = resolve
  })
  const script: Script = async (wire) => {
    await wire.stream()
    await wire.event(chunk({ role: 'assistant', content: 'Once' }))
    await gate
    await breakOff(wire)
    await wire.endStream()
  }
  let text = ''
  for await (const bytes of await scene.open(script, ask({ stream: true }))) {
    text += bytes.toString()
    if (text.includes('Once')) contentRead()
  }
  return text
}

/** Resolves when `read` has begun to grow and has not grown for half a second. */
async function stalled(read: () => number): Promise<void> {
  let last = -1
  while (last <= 0 || read() !== last) {
    last = read()
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}
