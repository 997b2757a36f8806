/**
 * One text for one value, so that a signature over it can be checked by whoever has the value: RFC 8785 for the part
 * of JSON that we sign. Amounts are strings there, so no number needs more than an integer's spelling.
 */

/** Deeper than anything we sign; a cycle ends here too. */
const MAX_DEPTH = 32

/**
 * The value with its keys sorted by UTF-16 code units and no white space. Throws a `TypeError` for what has no one
 * spelling: fractions, integers beyond 2⁵³, bigints, `undefined`, lone surrogates, and objects that are not plain.
 */
export function canonicalJson(value: unknown): string {
  return write(value, '$', 0)
}

function write(value: unknown, path: string, depth: number): string {
  if (depth > MAX_DEPTH) throw new TypeError(`${path} is nested deeper than ${MAX_DEPTH} levels.`)
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return text(value, path)
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value))
      throw new TypeError(`${path} is not a safe integer; write it as a string.`)
    return String(value === 0 ? 0 : value)
  }
  if (Array.isArray(value)) {
    return `[${Array.from(value, (each, index) => write(each, `${path}[${index}]`, depth + 1)).join(',')}]`
  }
  if (typeof value !== 'object' || !isPlain(value)) {
    throw new TypeError(`${path} is a ${typeof value} that JSON cannot say in one way.`)
  }
  const members = Object.keys(value)
    .sort()
    .map((key) => {
      const inside = `${path}.${key}`
      return `${text(key, inside)}:${write((value as Record<string, unknown>)[key], inside, depth + 1)}`
    })
  return `{${members.join(',')}}`
}

const LONE_SURROGATE = /\p{Surrogate}/u

// Half a surrogate pair has no UTF-8, so two texts would be signed as the same bytes.
function text(value: string, path: string): string {
  if (LONE_SURROGATE.test(value)) throw new TypeError(`${path} holds half a surrogate pair.`)
  return JSON.stringify(value)
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
