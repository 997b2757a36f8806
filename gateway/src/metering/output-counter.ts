import type { Tokenizer } from '../catalog/catalog.ts'
import { countText } from './count-tokens.ts'

// Text waits as a chain of the small pieces it came in (about 30 bytes each on top): 4 KiB keep a stream below 40 KB.
const PIECE_CHARS = 4_096

// Hostile text costs 1.7 us a character, so one answer may cost half a second, spread over all its pieces. What comes
// after it is taken to be as dense as what was counted.
const MAX_EXACT_CHARS = 256 * 1024

// Of one UTF-16 unit; a token is at least a byte.
const MOST_UTF8_BYTES = 3

/** Counts what a stream's model wrote. Memory and time stay bounded: a full piece is counted and dropped. */
export class OutputCounter {
  readonly #tokenizer: Tokenizer
  #counted = 0
  #countedChars = 0
  #uncountedChars = 0
  #waiting = ''
  #chars = 0
  #lastTotal = { tokens: 0, chars: 0 }

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer
  }

  add(text: string): void {
    this.#chars += text.length
    if (this.#countedChars >= MAX_EXACT_CHARS) {
      this.#uncountedChars += text.length
      return
    }
    this.#waiting += text
    if (this.#waiting.length < PIECE_CHARS) return
    const end = Math.min(lastWordStart(this.#waiting), MAX_EXACT_CHARS - this.#countedChars)
    this.#counted += countText(this.#waiting.slice(0, end), this.#tokenizer)
    this.#countedChars += end
    this.#waiting = this.#waiting.slice(end)
    if (this.#countedChars < MAX_EXACT_CHARS) return
    this.#uncountedChars += this.#waiting.length
    this.#waiting = ''
  }

  /** Whether the tokens so far are no more than `limit`; counts only when that is close. */
  within(limit: number): boolean {
    const { tokens, chars } = this.#lastTotal
    const atMost = tokens + (this.#chars - chars) * MOST_UTF8_BYTES
    if (this.#uncountedChars === 0 && atMost <= limit) return true
    this.#lastTotal = { tokens: this.total(), chars: this.#chars }
    return this.#lastTotal.tokens <= limit
  }

  /** Tokens so far. */
  total(): number {
    if (this.#uncountedChars > 0) {
      return Math.ceil(this.#counted * (1 + this.#uncountedChars / this.#countedChars))
    }
    if (this.#waiting === '') return this.#counted
    return this.#counted + countText(this.#waiting, this.#tokenizer)
  }
}

/** Where to cut so that the parts count as the whole: before the last single space; else before a whole character. */
function lastWordStart(text: string): number {
  for (let at = text.length - 2; at > text.length / 2; at -= 1) {
    if (text[at] === ' ' && !isSpace(text, at - 1) && !isSpace(text, at + 1)) return at
  }
  const last = text.charCodeAt(text.length - 1)
  return last >= 0xd800 && last <= 0xdbff ? text.length - 1 : text.length
}

function isSpace(text: string, at: number): boolean {
  return text.charCodeAt(at) <= 0x20
}
