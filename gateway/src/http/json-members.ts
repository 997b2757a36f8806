/**
 * One scan over a JSON object's bytes that finds where its top-level members stand, so that single values can be
 * replaced while every other byte goes on as it came. Run it on text that `JSON.parse` has accepted: the scan
 * looks for structure and leaves validity to the parser.
 */

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d

const LAST_ASCII = 0x7f
// Of one UTF-16 unit.
const MOST_UTF8_BYTES = 3

// Up to here a string is read byte by byte.
const NEAR_BYTES = 64

/** Byte offsets of one member: `keyStart` is its opening quote, `start`..`end` its value. */
export interface MemberSpan {
  keyStart: number
  start: number
  end: number
}

export interface JsonMembers {
  spans: ReadonlyMap<string, MemberSpan>
  /** Offset just behind the opening brace. */
  open: number
  /** First key that stands twice, if any. */
  duplicate: string | undefined
}

/** The top-level members of the object in `bytes`. Throws when the text does not open with `{`. */
export function scanMembers(bytes: Buffer): JsonMembers {
  let at = skipSpace(bytes, 0)
  if (bytes[at] !== OPEN_BRACE) throw new SyntaxError('not a JSON object')
  const open = at + 1
  const spans = new Map<string, MemberSpan>()
  let duplicate: string | undefined
  at = skipSpace(bytes, open)
  while (bytes[at] === QUOTE) {
    const keyStart = at
    const keyEnd = skipString(bytes, at)
    const key = keyIn(bytes, keyStart, keyEnd)
    at = skipSpace(bytes, keyEnd)
    if (bytes[at] !== COLON) throw new SyntaxError('a key without a value')
    const start = skipSpace(bytes, at + 1)
    const end = skipValue(bytes, start)
    if (spans.has(key)) duplicate ??= key
    spans.set(key, { keyStart, start, end })
    at = skipSpace(bytes, end)
    if (bytes[at] === COMMA) at = skipSpace(bytes, at + 1)
  }
  return { spans, open, duplicate }
}

/** What to do with members: a JSON text to stand as the value, or `undefined` to take the member out. */
export type MemberEdits = Readonly<Record<string, string | undefined>>

/** The same object with `edits` made. Values that are not named keep their bytes; new members come last. */
export function editMembers(bytes: Buffer, members: JsonMembers, edits: MemberEdits): Buffer {
  const texts = new Map<string, string>()
  let room = bytes.length + 2
  for (const key in edits) {
    if (edits[key] === undefined) continue
    const text = `${JSON.stringify(key)}:${edits[key]}`
    texts.set(key, text)
    room += 1 + text.length * MOST_UTF8_BYTES
  }
  // Written into one piece of memory: each part as a Buffer of its own costs more than its copy.
  const edited = Buffer.allocUnsafe(room)
  let at = edited.write('{', 0, 'latin1')
  const write = (text: string) => {
    if (at > 1) edited[at++] = COMMA
    at += edited.write(text, at)
  }
  let kept: { from: number; to: number } | undefined
  const writeKept = () => {
    if (!kept) return
    if (at > 1) edited[at++] = COMMA
    at += bytes.copy(edited, at, kept.from, kept.to)
    kept = undefined
  }
  for (const [key, span] of members.spans) {
    if (!Object.hasOwn(edits, key)) {
      // Neighbours that stay go together, with what stands between them; a key that stood twice is no neighbour.
      if (kept && members.duplicate === undefined) kept.to = span.end
      else {
        writeKept()
        kept = { from: span.keyStart, to: span.end }
      }
      continue
    }
    writeKept()
    const text = texts.get(key)
    if (text !== undefined) write(text)
    texts.delete(key)
  }
  writeKept()
  for (const text of texts.values()) write(text)
  edited[at++] = CLOSE_BRACE
  return edited.subarray(0, at)
}

/** The key whose quotes stand at `start` and before `end`. */
function keyIn(bytes: Buffer, start: number, end: number): string {
  for (let at = start + 1; at < end - 1; at += 1) {
    const byte = bytes[at] as number
    if (byte === BACKSLASH || byte > LAST_ASCII) return JSON.parse(bytes.toString('utf8', start, end))
  }
  return bytes.toString('latin1', start + 1, end - 1)
}

function skipValue(bytes: Uint8Array, from: number): number {
  const first = bytes[from]
  if (first === QUOTE) return skipString(bytes, from)
  if (first === OPEN_BRACE || first === OPEN_BRACKET) return skipNested(bytes, from)
  let at = from
  while (at < bytes.length) {
    const byte = bytes[at] as number
    if (byte === COMMA || byte === CLOSE_BRACE || isSpace(byte)) break
    at += 1
  }
  return at
}

function skipNested(bytes: Uint8Array, from: number): number {
  let depth = 0
  let at = from
  while (at < bytes.length) {
    const byte = bytes[at]
    if (byte === QUOTE) {
      at = skipString(bytes, at)
      continue
    }
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth += 1
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      depth -= 1
      if (depth === 0) return at + 1
    }
    at += 1
  }
  throw new SyntaxError('an object or array without an end')
}

function skipString(bytes: Uint8Array, from: number): number {
  const end = endOfString(bytes, from)
  if (end < 0) throw new SyntaxError('a string without an end')
  return end
}

/** The offset behind the closing quote of the string whose opening quote stands at `from`; -1 when it has none. */
export function endOfString(bytes: Uint8Array, from: number): number {
  let at = from + 1
  while (at < bytes.length) {
    const near = Math.min(at + NEAR_BYTES, bytes.length)
    while (at < near) {
      const byte = bytes[at]
      if (byte === QUOTE) return at + 1
      at += byte === BACKSLASH ? 2 : 1
    }
    // A search is worth its call only in long strings, and only while their quotes are not escaped.
    const quote = bytes.indexOf(QUOTE, at)
    if (quote < 0) return -1
    let run = quote
    while (run > at && bytes[run - 1] === BACKSLASH) run -= 1
    if ((quote - run) % 2 === 0) return quote + 1
    at = quote + 1
  }
  return -1
}

function skipSpace(bytes: Uint8Array, from: number): number {
  let at = from
  while (at < bytes.length && isSpace(bytes[at] as number)) at += 1
  return at
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}
