/** Replaces top-level members of a chunk in its text, in one pass and without building an object. */

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** JSON texts by the name of the member whose value they replace; `usage` only where it stands. */
export interface ChunkMembers {
  id: string
  object: string
  created: string
  model: string
  usage?: string
}

/** `text`, which `JSON.parse` has accepted as an object, with `members` in place of its own; missing ones come last. */
export function spliceChunk(text: string, members: ChunkMembers): string {
  let out = ''
  let copied = 0
  let at = text.indexOf('{') + 1
  const missing = new Set(['id', 'object', 'created', 'model'])
  let isEmpty = true
  for (;;) {
    at = text.indexOf('"', at)
    // What is left holds no quote: the closing brace.
    if (at < 0) break
    isEmpty = false
    const keyEnd = endOfString(text, at)
    const key = text.slice(at + 1, keyEnd - 1)
    let start = text.indexOf(':', keyEnd) + 1
    while (isSpace(text.charCodeAt(start))) start += 1
    const end = endOfValue(text, start)
    const value = replacement(key, members)
    if (value !== undefined) {
      out += text.slice(copied, start) + value
      copied = end
      missing.delete(key)
    }
    at = end
  }
  const close = text.lastIndexOf('}')
  out += text.slice(copied, close)
  for (const key of missing) {
    out += `${isEmpty ? '' : ','}"${key}":${replacement(key, members)}`
    isEmpty = false
  }
  return `${out}}`
}

function replacement(key: string, members: ChunkMembers): string | undefined {
  switch (key) {
    case 'id':
      return members.id
    case 'object':
      return members.object
    case 'created':
      return members.created
    case 'model':
      return members.model
    case 'usage':
      return members.usage
  }
  return undefined
}

function endOfValue(text: string, start: number): number {
  const first = text.charCodeAt(start)
  if (first === QUOTE) return endOfString(text, start)
  if (first === 0x7b || first === 0x5b) return endOfNested(text, start)
  let at = start
  // Numbers and words end where something else begins: `,`, `}` or white space.
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === 0x2c || code === 0x7d || isSpace(code)) break
    at += 1
  }
  return at
}

function endOfNested(text: string, start: number): number {
  let depth = 0
  let at = start
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      at = endOfString(text, at)
      continue
    }
    if (code === 0x7b || code === 0x5b) depth += 1
    else if (code === 0x7d || code === 0x5d) {
      depth -= 1
      if (depth === 0) return at + 1
    }
    at += 1
  }
  throw new SyntaxError('an object or array without an end')
}

function endOfString(text: string, start: number): number {
  let at = start + 1
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) return at + 1
    at += code === BACKSLASH ? 2 : 1
  }
  throw new SyntaxError('a string without an end')
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09
}
