import { beforeEach, expect, test, vi } from 'vitest'
import { chatRequest } from '../providers/chat.ts'
import { countPrompt, countText, estimatePrompt } from './count-tokens.ts'
import { OutputCounter } from './output-counter.ts'
import { countWith } from './tokenizers.ts'

/** Characters that were really encoded. */
let encoded = 0

vi.mock('./tokenizers.ts', async (load) => {
  const real = await load<typeof import('./tokenizers.ts')>()
  return {
    ...real,
    countWith: (encoding: Parameters<typeof real.countWith>[0], text: string) => {
      encoded += text.length
      return real.countWith(encoding, text)
    },
  }
})

const MOST = 64 * 1024
const SIZE = 8 * 1024 * 1024

beforeEach(() => {
  encoded = 0
})

function randomLetters(size: number, alphabet: string): string {
  let state = 1
  let text = ''
  while (text.length < size) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    text += alphabet[(state >> 8) % alphabet.length]
  }
  return text
}

const hostile = {
  letters: randomLetters(SIZE, 'abcdefghijklmnopqrstuvwxyz'),
  ideographs: randomLetters(SIZE, '齉龘靐齾爩鱻麤龗灪吁龖厵'),
}

test('hostile text of 8 MiB costs a bounded number of encoded characters', () => {
  for (const text of Object.values(hostile)) {
    encoded = 0
    expect(countText(text, 'o200k')).toBeGreaterThan(SIZE / 4)
    expect(encoded).toBeGreaterThan(10_000)
    expect(encoded).toBeLessThanOrEqual(MOST)
  }
})

test('a prompt has one bound for all of its texts, tools and calls', () => {
  const piece = hostile.letters.slice(0, 40_000)
  const request = chatRequest.parse({
    model: 'gpt-4o',
    messages: [
      ...Array.from({ length: 100 }, () => ({ role: 'user', content: [{ type: 'text', text: piece }] })),
      {
        role: 'assistant',
        tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: hostile.letters } }],
      },
    ],
    tools: [{ type: 'function', function: { name: 'f', description: hostile.letters } }],
  })
  expect(countPrompt(request, 'o200k')).toBeGreaterThan(SIZE / 2)
  expect(encoded).toBeLessThanOrEqual(MOST)
  encoded = 0
  estimatePrompt(request, Buffer.byteLength(JSON.stringify(request)), 'o200k')
  expect(encoded).toBeLessThanOrEqual(1_024)
})

test('an estimate encodes 4 Ki characters at most, whatever it reads', () => {
  for (const text of [hostile.letters, 'The harbour lights had gone out. '.repeat(100_000)]) {
    encoded = 0
    const request = chatRequest.parse({ model: 'gpt-4o', messages: [{ role: 'user', content: text }] })
    estimatePrompt(request, Buffer.byteLength(text), 'o200k')
    expect(encoded).toBeLessThanOrEqual(4_096)
  }
})

test('honest text comes within three percent of its exact count', () => {
  const samples = {
    prose: 'It was late, and the harbour lights had gone out one by one; nobody spoke.\n',
    code: 'export function area({ width, height }: Box): number {\n  return width * height\n}\n',
    chinese: '今天的天气很好，我们一起去公园散步吧。',
    table: '2024-05-06,17.25,Leeds,"open",00081\n',
  }
  for (const [name, sample] of Object.entries(samples)) {
    const count = 6_000
    const whole = sample.repeat(count)
    // Lines of a repeated text count alike, so its exact count is known without counting it through.
    const two = countWith('o200k', sample.repeat(20))
    const exact = ((two - countWith('o200k', sample.repeat(10))) / 10) * count
    expect(Math.abs(countText(whole, 'o200k') / exact - 1), name).toBeLessThan(0.03)
  }
})

test('an answer is counted exactly up to 256 Ki characters, the rest at the density of those', () => {
  const counter = new OutputCounter('o200k')
  const line = 'The seller answered in small pieces, and nobody noticed. '
  const lines = Math.ceil(SIZE / line.length)
  for (let at = 0; at < lines; at += 1) counter.add(line)
  expect(encoded).toBeLessThanOrEqual(256 * 1024)
  expect(encoded).toBeGreaterThan(250 * 1024)
  const exact = (countWith('o200k', line.repeat(2)) - countWith('o200k', line)) * lines
  expect(Math.abs(counter.total() / exact - 1)).toBeLessThan(0.03)
})

test('an answer that comes in one piece of 8 MiB is bounded too', () => {
  const counter = new OutputCounter('o200k')
  counter.add(hostile.letters)
  const once = counter.total()
  expect(encoded).toBeLessThanOrEqual(MOST)
  counter.add(hostile.letters)
  expect(encoded).toBeLessThanOrEqual(256 * 1024)
  expect(Math.abs(counter.total() / once - 2)).toBeLessThan(0.03)
})
