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
  expect(Math.abs(tokens - 400_001)).toBeLessThan(20)
})

test('the pieces of a text are its text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
      expect(tokenPieces('o200k', text).join('')).toBe(text)
    }),
  )
})
