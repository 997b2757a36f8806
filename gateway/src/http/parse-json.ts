import { isAscii, isUtf8 } from 'node:buffer'
import { GatewayError } from '../platform/errors.ts'
import { endOfString, type JsonMembers, scanMembers } from './json-members.ts'

/** Deeper than any tool schema seen in the wild; JSON.parse itself would go on for thousands. */
const MAX_DEPTH = 64
/** More values than any request seen; each costs time in every later step. */
const MAX_VALUES = 200_000

export interface ParsedJson {
  value: Record<string, unknown>
  members: JsonMembers
}

/** Reads a JSON object and where its top-level members stand. Throws `invalid_json` that says what is wrong. */
export function parseJsonObject(bytes: Buffer): ParsedJson {
  if (bytes.length === 0) throw invalid('The request body is empty. Send a JSON object.')
  if (!isUtf8(bytes)) throw invalid('The request body is not valid UTF-8.')
  refuseShape(bytes)
  const text = bytes.toString(isAscii(bytes) ? 'latin1' : 'utf8')
  const value = parse(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid('The request body must be a JSON object.')
  }
  if (text.includes('\\u') && LONE_SURROGATE_HINT.test(text) && !isWellFormed(value)) {
    throw invalid(
      'A string contains half of a surrogate pair (\\ud800 to \\udfff); such text cannot be sent on.',
    )
  }
  const members = scanMembers(bytes)
  if (members.duplicate !== undefined) {
    // Two parsers may disagree on which of the two counts; nobody may be billed on one and served on the other.
    throw new GatewayError(
      'invalid_json',
      `The key '${members.duplicate.slice(0, 80)}' stands twice in the request body.`,
      {
        param: members.duplicate.slice(0, 80),
      },
    )
  }
  return { value: value as Record<string, unknown>, members }
}

const LONE_SURROGATE_HINT = /\\u[dD][89a-fA-F]/

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.slice(0, 160) : ''
    throw new GatewayError('invalid_json', `The request body is not valid JSON: ${reason}`, { cause })
  }
}

/** Bounds depth and number of values in one pass over the bytes; brackets and commas inside strings do not count. */
export function refuseShape(bytes: Buffer): void {
  let depth = 0
  let values = 1
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at]
    if (byte === 0x22) {
      const end = endOfString(bytes, at)
      // An open string is for the parser to complain of.
      if (end < 0) return
      at = end - 1
    } else if (byte === 0x7b || byte === 0x5b) {
      depth += 1
      if (depth > MAX_DEPTH) throw invalid(`The request body is nested deeper than ${MAX_DEPTH} levels.`)
    } else if (byte === 0x7d || byte === 0x5d) {
      depth -= 1
    } else if (byte === 0x2c) {
      values += 1
      if (values > MAX_VALUES) throw invalid(`The request body holds more than ${MAX_VALUES} values.`)
    }
  }
}

/** Whether every string in `value`, keys included, is whole Unicode. */
function isWellFormed(value: unknown): boolean {
  if (typeof value === 'string') return isWellFormedText(value)
  if (typeof value !== 'object' || value === null) return true
  return Object.entries(value).every(([key, inner]) => isWellFormedText(key) && isWellFormed(inner))
}

// String.prototype.isWellFormed is in Node 20 but not yet in the ES2023 types.
function isWellFormedText(text: string): boolean {
  return !/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(text)
}

function invalid(message: string): GatewayError {
  return new GatewayError('invalid_json', message)
}
