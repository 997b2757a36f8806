import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Tokenizer } from '../catalog/catalog.ts'
import { type ChatRequest, chatRequest } from '../providers/chat.ts'
import { countPrompt, countText, estimatePrompt } from './count-tokens.ts'
import { MAX_RUN, splitLongRuns } from './split-long-runs.ts'
import { tokenPieces, warmTokenizer } from './tokenizers.ts'

const tokenizers: Tokenizer[] = ['o200k', 'cl100k', 'approximate']
const ask = (content: unknown, more: object = {}): ChatRequest =>
  chatRequest.parse({ model: 'gpt-4o', messages: [{ role: 'user', content }], ...more })
const bytesOf = (request: ChatRequest) => Buffer.byteLength(JSON.stringify(request))

test('text is counted as its tokenizer counts it', () => {
  warmTokenizer('o200k')
  expect(countText('hello world', 'o200k')).toBe(2)
  expect(countText('hello world', 'cl100k')).toBe(2)
  expect(countText('お誕生日おめでとう', 'o200k')).toBe(8)
  expect(countText('お誕生日おめでとう', 'cl100k')).toBe(9)
  expect(countText('hello world', 'approximate')).toBe(4)
  for (const tokenizer of tokenizers) expect(countText('', tokenizer)).toBe(0)
})

test('words that mean something to a tokenizer are plain text in a prompt', () => {
  expect(countText('<|endoftext|>', 'o200k')).toBeGreaterThan(1)
  expect(countText('<|im_start|>', 'cl100k')).toBeGreaterThan(1)
})

test('any text has a count between none and one token a byte', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.constantFrom(...tokenizers),
      (text, tokenizer) => {
        const tokens = countText(text, tokenizer)
        expect(Number.isSafeInteger(tokens)).toBe(true)
        expect(tokens > 0).toBe(text !== '')
        expect(tokens).toBeLessThanOrEqual(Buffer.byteLength(text))
      },
    ),
  )
})

test('the published overheads: 3 tokens a message, 1 a name, 3 for the reply', () => {
  const role = countText('user', 'o200k')
  expect(countPrompt(ask('hello world'), 'o200k')).toBe(3 + role + 2 + 3)
  const named = chatRequest.parse({
    model: 'gpt-4o',
    messages: [{ role: 'user', name: 'ann', content: 'hello world' }],
  })
  expect(countPrompt(named, 'o200k')).toBe(3 + role + 2 + 3 + 1 + countText('ann', 'o200k'))
})

test('tools, calls, formats and parts of a prompt are counted', () => {
  const plain = countPrompt(ask('hi'), 'o200k')
  const tools = [
    { type: 'function', function: { name: 'get_weather', parameters: { type: 'object', properties: {} } } },
  ]
  expect(countPrompt(ask('hi', { tools }), 'o200k')).toBe(plain + countText(JSON.stringify(tools), 'o200k'))
  const format = { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'object' } } }
  expect(countPrompt(ask('hi', { response_format: format }), 'o200k')).toBe(
    plain + countText(JSON.stringify(format), 'o200k'),
  )
  expect(countPrompt(ask('hi', { response_format: { type: 'text' } }), 'o200k')).toBe(plain)
  const image = (url: string, detail?: string) => [
    { type: 'text', text: 'hi' },
    { type: 'image_url', image_url: { url, detail } },
  ]
  expect(countPrompt(ask(image('https://example.com/a.png')), 'o200k')).toBe(plain + 765)
  expect(countPrompt(ask(image('https://example.com/a.png', 'low')), 'o200k')).toBe(plain + 85)
  expect(countPrompt(ask(image('x'), { model: 'openai/gpt-4o-mini' }), 'o200k')).toBe(plain + 25_501)
  const calls = chatRequest.parse({
    model: 'gpt-4o',
    messages: [
      { role: 'user', content: 'hi' },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }],
      },
    ],
  })
  expect(countPrompt(calls, 'o200k')).toBeGreaterThan(plain + 10)
})

test('the estimate is not below the count for prose, code, digits, CJK or many messages of any size', () => {
  const alphabets = [
    'the quick brown fox said hello, and ',
    'const x = { a: [1, 2], b: f(y) };\n',
    '0123456789 ',
    '今日はいい天気ですね。',
    'çéàüöß ',
    '😀👍🏽',
  ]
  fc.assert(
    fc.property(
      fc.constantFrom(...alphabets),
      fc.integer({ min: 0, max: 3_000 }),
      fc.integer({ min: 1, max: 30 }),
      fc.constantFrom(...tokenizers),
      (unit, times, messages, tokenizer) => {
        const content = unit.repeat(Math.ceil(times / messages))
        const request = chatRequest.parse({
          model: 'gpt-4o',
          messages: Array.from({ length: messages }, () => ({ role: 'user', content })),
        })
        expect(estimatePrompt(request, bytesOf(request), tokenizer)).toBeGreaterThanOrEqual(
          countPrompt(request, tokenizer),
        )
      },
    ),
    { numRuns: 400 },
  )
})

test('dense text is noticed, not taken for prose', () => {
  const dense = Array.from({ length: 20_000 }, (_, at) => String.fromCharCode(33 + ((at * 7_919) % 89))).join(
    '',
  )
  const request = ask(dense)
  const counted = countPrompt(request, 'o200k')
  expect(counted).toBeGreaterThan(bytesOf(request) / 3)
  expect(estimatePrompt(request, bytesOf(request), 'o200k')).toBeGreaterThanOrEqual(counted)
})

test('an image in the body is not billed as text', () => {
  const url = `data:image/png;base64,${'A'.repeat(4_000_000)}`
  const request = ask([{ type: 'image_url', image_url: { url } }])
  expect(estimatePrompt(request, bytesOf(request), 'o200k')).toBeLessThan(3_000)
  expect(countPrompt(request, 'o200k')).toBeLessThan(1_000)
  const audio = ask([{ type: 'input_audio', input_audio: { data: 'A'.repeat(400_000), format: 'mp3' } }])
  expect(estimatePrompt(audio, bytesOf(audio), 'o200k')).toBeLessThan(11_000)
})

test('what cannot be measured from here holds the whole window, once', () => {
  const text = { type: 'text', text: 'hi' }
  const unmeasured = [
    { type: 'file', file: { file_data: 'https://example.com/book.pdf' } },
    { type: 'file', file: { file_data: 'gs://bucket/book.pdf' } },
    { type: 'file', file: { file_id: 'file-1' } },
    { type: 'file', file: { file_data: 'AAAA', file_id: 'file-1' } },
    { type: 'file', file: {} },
    { type: 'file' },
    { type: 'input_audio', input_audio: { data: 'https://example.com/a.mp3', format: 'mp3' } },
    { type: 'video_url', video_url: { url: 'https://example.com/a.mp4' } },
    { type: 'video_url', video_url: { url: `data:video/mp4;base64,${'A'.repeat(3_000_000)}` } },
    { type: 'document_url', document_url: 'https://example.com/book.pdf' },
    { type: 'something', text: 'hi', something: { url: 'https://example.com' } },
  ]
  for (const part of unmeasured) {
    for (const tokenizer of tokenizers) {
      const request = ask([text, part, part])
      const estimate = (window?: number) => estimatePrompt(request, bytesOf(request), tokenizer, window)
      for (const window of [32_000, 1_000_000]) {
        expect(estimate(window)).toBeGreaterThanOrEqual(window)
        expect(estimate(window)).toBeLessThan(window + 1_000)
      }
      expect(estimate()).toBe(estimate(200_000))
      expect(countPrompt(request, tokenizer)).toBeLessThan(5_000)
    }
  }
  const spoken = chatRequest.parse({
    model: 'gpt-4o',
    messages: [{ role: 'assistant', content: null, audio: { id: 'audio_1' } }],
  })
  expect(estimatePrompt(spoken, bytesOf(spoken), 'o200k', 128_000)).toBeGreaterThan(128_000)
})

test('a part is what its type says, whatever text it carries beside', () => {
  const image = { type: 'image_url', image_url: { url: 'https://example.com/a.png' } }
  const bare = ask([image])
  const disguised = ask([{ ...image, text: '' }])
  expect(countPrompt(disguised, 'o200k')).toBe(countPrompt(bare, 'o200k'))
  expect(estimatePrompt(disguised, bytesOf(disguised), 'o200k')).toBeGreaterThan(1_600)
  const video = ask([{ type: 'video_url', text: 'x', video_url: { url: 'https://example.com/a.mp4' } }])
  expect(estimatePrompt(video, bytesOf(video), 'o200k', 128_000)).toBeGreaterThan(128_000)
  const text = ask([{ type: 'text', text: 'hi', image_url: { url: 'https://example.com/a.png' } }])
  expect(estimatePrompt(text, bytesOf(text), 'o200k', 128_000)).toBeLessThan(100)
})

const prose = 'The seller answered in small pieces, and nobody who read them noticed the cuts. '
const dense = (length: number) =>
  Array.from({ length }, (_, at) => String.fromCharCode(33 + ((at * 7_919 + (at >> 3) * 31) % 89))).join('')

test('dense text is noticed between the places where four fixed samples stood', () => {
  const size = 400_000
  const blocks = Array.from({ length: 4 }, (_, at) => [(at + 0.5) / 4, (at + 0.5) / 4 + 0.01]).flat()
  let content = ''
  for (const [at, part] of [0, ...blocks].entries()) {
    const length = Math.floor(((blocks[at] ?? 1) - part) * size)
    content += at % 2 === 0 ? dense(length) : prose.repeat(Math.ceil(length / prose.length))
  }
  const request = ask(content)
  expect(estimatePrompt(request, bytesOf(request), 'o200k')).toBeGreaterThan(countText(content, 'o200k'))
})

test('one dense third of a prompt is enough to be noticed, wherever it stands', () => {
  for (const at of [0, 1, 2]) {
    const content = [0, 1, 2].map((third) => (third === at ? dense(50_000) : prose.repeat(625))).join(' ')
    const request = ask(content)
    expect(estimatePrompt(request, bytesOf(request), 'o200k')).toBeGreaterThan(countText(content, 'o200k'))
  }
})

test('dense tools and calls are noticed although the text is prose', () => {
  const call = { id: 'c', type: 'function', function: { name: 'f', arguments: dense(20_000) } }
  const tools = [{ type: 'function', function: { name: 'f', description: dense(20_000) } }]
  const requests = [
    ask(prose, { tools }),
    chatRequest.parse({
      model: 'gpt-4o',
      messages: [
        { role: 'user', content: prose },
        { role: 'assistant', content: null, tool_calls: [call] },
      ],
    }),
  ]
  for (const request of requests) {
    const estimate = estimatePrompt(request, bytesOf(request), 'o200k')
    expect(estimate).toBeGreaterThanOrEqual(countPrompt(request, 'o200k'))
    expect(estimate).toBeGreaterThan(10_000)
  }
})

test('an estimate is the same every time, and modest for honest prose', () => {
  const request = ask(prose.repeat(5_000))
  const estimate = estimatePrompt(request, bytesOf(request), 'o200k')
  expect(estimatePrompt(request, bytesOf(request), 'o200k')).toBe(estimate)
  expect(estimate).toBeLessThan(2 * countPrompt(request, 'o200k'))
})

test('a hostile run of one letter, space or ideograph is cut into pieces whose cost is bounded', () => {
  for (const letter of ['a', ' ', '=', '中', '😀', '\ud800', '7']) {
    const pieces = splitLongRuns(letter.repeat(50_000))
    expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThanOrEqual(MAX_RUN + 1)
    expect(pieces.join('')).toBe(letter.repeat(50_000))
  }
  // Uncut this is minutes of work for one request.
  expect(countText('a'.repeat(1_000_000), 'o200k')).toBe(125_000)
  expect(countText('ab'.repeat(2_000_000), 'o200k')).toBeGreaterThan(500_000)
})

test('ordinary text is not cut, and a cut never splits a character', () => {
  const text = 'A sentence of ordinary words, with 12345 digits.\n'.repeat(100)
  expect(splitLongRuns(text)).toEqual([text])
  for (const piece of splitLongRuns(`a${'😀'.repeat(300)}`)) expect(Buffer.from(piece).toString()).toBe(piece)
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('a', ' ', '😀', '中', '=', '\n'), { maxLength: 1_000 }),
      (letters) => {
        const joined = letters.flatMap((letter, at) => letter.repeat(at % 40)).join('')
        const pieces = splitLongRuns(joined)
        expect(pieces.join('')).toBe(joined)
        for (const piece of pieces) expect(Buffer.from(piece).toString()).toBe(piece)
      },
    ),
  )
})

test('text beyond the bound is extrapolated from what was counted', () => {
  const text = 'hello world '.repeat(200_000)
  const tokens = countText(text, 'o200k')
  expect(Math.abs(tokens - 400_001)).toBeLessThan(400_001 * 0.01)
})

test('the pieces of a text are its text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
      expect(tokenPieces('o200k', text).join('')).toBe(text)
    }),
  )
})
