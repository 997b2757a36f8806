/**
 * The only file that knows `gpt-tokenizer`. One encoding is loaded when it is first needed (o200k: about 170 ms and
 * 65 MB resident, cl100k: about 80 ms and 35 MB), never the whole package.
 */
import { createRequire } from 'node:module'
import type { Tokenizer } from '../catalog/catalog.ts'

export type Encoding = Exclude<Tokenizer, 'approximate'>

interface Encoder {
  countTokens(text: string, options: EncodeOptions): number
  encode(text: string, options: EncodeOptions): number[]
  decodeGenerator(tokens: Iterable<number>): Iterable<string>
  setMergeCacheSize(size: number): void
}

interface EncodeOptions {
  disallowedSpecial: Set<string>
}

const modules: Record<Encoding, string> = {
  o200k: 'gpt-tokenizer/cjs/encoding/o200k_base',
  cl100k: 'gpt-tokenizer/cjs/encoding/cl100k_base',
}

// The package remembers merges of unusual words; 10,000 of at most MAX_RUN characters stay below 10 MB.
const MERGE_CACHE_ENTRIES = 10_000

// Text such as <|endoftext|> in a prompt is text: it is counted, it neither throws nor ends anything.
const asPlainText: EncodeOptions = { disallowedSpecial: new Set() }

const require = createRequire(import.meta.url)
const loaded = new Map<Encoding, Encoder>()

/** Loads `tokenizer`'s tables now instead of under the first request that needs them. */
export function warmTokenizer(tokenizer: Tokenizer): void {
  if (tokenizer !== 'approximate') encoderOf(tokenizer)
}

/** Tokens in `text`. Its time grows with the square of the longest word: callers bound that, see `splitLongRuns`. */
export function countWith(encoding: Encoding, text: string): number {
  return encoderOf(encoding).countTokens(text, asPlainText)
}

/** `text` in pieces of about one token each, cut between whole characters. */
export function tokenPieces(encoding: Encoding, text: string): string[] {
  const encoder = encoderOf(encoding)
  return [...encoder.decodeGenerator(encoder.encode(text, asPlainText))]
}

function encoderOf(encoding: Encoding): Encoder {
  const known = loaded.get(encoding)
  if (known) return known
  const encoder = require(modules[encoding]) as Encoder
  encoder.setMergeCacheSize(MERGE_CACHE_ENTRIES)
  loaded.set(encoding, encoder)
  return encoder
}
