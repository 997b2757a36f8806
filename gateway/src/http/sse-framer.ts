/**
 * Cuts the bytes of an SSE stream into events. Accepts `\n`, `\r\n` and `\r`, a byte order mark, comments, `data:`
 * without a space, data over several lines, and cuts at any byte: text is decoded by whole lines only, so a UTF-8
 * sequence is never split.
 */

const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
const COLON = 0x3a
const SPACE = 0x20
const BYTE_ORDER_MARK = '\uFEFF'

// Room for an image in base64 inside one event; a megabyte of tool arguments is the most seen in text.
const MAX_EVENT_BYTES = 4 * 1024 * 1024

export interface SseEvent {
  /** The `event:` field, `''` when absent. */
  event: string
  /** The `data:` lines, joined by line feeds. */
  data: string
}

/** An event that outgrew `MAX_EVENT_BYTES`: the stream cannot be read on. */
export class SseEventTooLarge extends Error {
  constructor() {
    super(`an event of more than ${MAX_EVENT_BYTES} bytes`)
    this.name = 'SseEventTooLarge'
  }
}

/** Holds the unfinished line and event of one stream. */
export class SseFramer {
  #pending: Uint8Array[] = []
  #pendingBytes = 0
  #skipLineFeed = false
  #atStart = true
  #event = ''
  #data: string | undefined

  /** The events that `chunk` completes. Throws `SseEventTooLarge`. */
  push(chunk: Uint8Array): SseEvent[] {
    if (chunk.length === 0) return []
    // The second half of a `\r\n` that was cut in the middle.
    const bytes = this.#skipLineFeed && chunk[0] === LINE_FEED ? chunk.subarray(1) : chunk
    this.#skipLineFeed = false
    const end = Math.max(bytes.lastIndexOf(LINE_FEED), bytes.lastIndexOf(CARRIAGE_RETURN)) + 1
    if (end === 0) {
      this.#keep(bytes)
      return []
    }
    this.#skipLineFeed = end === bytes.length && bytes[end - 1] === CARRIAGE_RETURN
    const text = this.#takeText(bytes.subarray(0, end))
    if (end < bytes.length) this.#keep(bytes.subarray(end))
    return this.#readLines(text)
  }

  /** What the end of the stream completes: the last event of an upstream that leaves out the final blank line. */
  end(): SseEvent[] {
    const text = this.#takeText(new Uint8Array(0))
    return this.#readLines(`${text}\n\n`)
  }

  #keep(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#pending.push(bytes)
    this.#pendingBytes += bytes.length
    if (this.#pendingBytes > MAX_EVENT_BYTES) throw new SseEventTooLarge()
  }

  #takeText(bytes: Uint8Array): string {
    let whole = bytes
    if (this.#pending.length > 0) {
      this.#pending.push(bytes)
      whole = Buffer.concat(this.#pending)
      this.#pending = []
      this.#pendingBytes = 0
    }
    const text = Buffer.from(whole.buffer, whole.byteOffset, whole.byteLength).toString('utf8')
    if (!this.#atStart || text === '') return text
    this.#atStart = false
    return text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text
  }

  /** `text` is whole lines: it ends with a line end. */
  #readLines(text: string): SseEvent[] {
    const lines = text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text
    const events: SseEvent[] = []
    let start = 0
    while (start < lines.length) {
      const end = lines.indexOf('\n', start)
      if (end > start) this.#readLine(lines, start, end)
      else if (this.#data !== undefined) {
        events.push({ event: this.#event, data: this.#data })
        this.#data = undefined
        this.#event = ''
      } else this.#event = ''
      start = end + 1
    }
    return events
  }

  #readLine(text: string, start: number, end: number): void {
    if (text.startsWith('data', start)) {
      const value = fieldValue(text, start + 4, end)
      if (value === undefined) return
      this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`
      if (this.#data.length > MAX_EVENT_BYTES) throw new SseEventTooLarge()
    } else if (text.startsWith('event', start)) {
      this.#event = fieldValue(text, start + 5, end) ?? this.#event
    }
    // Comments, `id` and `retry` carry nothing for us.
  }
}

/** The value behind a field name that ends at `at`; `undefined` when the name goes on (`database:`). */
function fieldValue(text: string, at: number, end: number): string | undefined {
  if (at === end) return ''
  if (text.charCodeAt(at) !== COLON) return undefined
  const from = at + 1 < end && text.charCodeAt(at + 1) === SPACE ? at + 2 : at + 1
  return text.slice(from, end)
}
