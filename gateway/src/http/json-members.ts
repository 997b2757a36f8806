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
export function scanMembers(bytes: Uint8Array): JsonMembers {
  let at = skipSpace(bytes, 0)
  if (bytes[at] !== OPEN_BRACE) throw new SyntaxError('not a JSON object')
  const open = at + 1
  const spans = new Map<string, MemberSpan>()
  let duplicate: string | undefined
  at = skipSpace(bytes, open)
  while (bytes[at] === QUOTE) {
    const keyStart = at
    const keyEnd = skipString(bytes, at)
    const key = JSON.parse(
      Buffer.from(bytes.buffer, bytes.byteOffset + keyStart, keyEnd - keyStart).toString(),
    )
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
  const parts: (Buffer | string)[] = []
  for (const [key, span] of members.spans) {
    if (!Object.hasOwn(edits, key)) parts.push(bytes.subarray(span.keyStart, span.end))
    else if (edits[key] !== undefined) parts.push(`${JSON.stringify(key)}:${edits[key]}`)
  }
  for (const [key, text] of Object.entries(edits)) {
    if (text !== undefined && !members.spans.has(key)) parts.push(`${JSON.stringify(key)}:${text}`)
  }
  const pieces: Buffer[] = [Buffer.from('{')]
  parts.forEach((part, index) => {
    if (index > 0) pieces.push(COMMA_BYTES)
    pieces.push(typeof part === 'string' ? Buffer.from(part) : part)
  })
  pieces.push(Buffer.from('}'))
  return Buffer.concat(pieces)
}

const COMMA_BYTES = Buffer.from(',')

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
  let at = from + 1
  while (at < bytes.length) {
    const byte = bytes[at]
    if (byte === QUOTE) return at + 1
    at += byte === BACKSLASH ? 2 : 1
  }
  throw new SyntaxError('a string without an end')
}

function skipSpace(bytes: Uint8Array, from: number): number {
  let at = from
  while (at < bytes.length && isSpace(bytes[at] as number)) at += 1
  return at
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}
