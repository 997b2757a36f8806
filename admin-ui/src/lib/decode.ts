/**
 * The door for what the gateway sends: each reader takes a parsed JSON object and the name of a field and
 * throws `DecodeError` naming the field that is not as agreed, so that a page never shows `undefined`.
 */

export type Json = Readonly<Record<string, unknown>>

export class DecodeError extends Error {
  constructor(field: string, expected: string) {
    super(`'${field}' should be ${expected}`)
    this.name = 'DecodeError'
  }
}

export function asObject(value: unknown, field = 'answer'): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new DecodeError(field, 'an object')
  return value as Json
}

export function text(json: Json, field: string): string {
  const value = json[field]
  if (typeof value !== 'string') throw new DecodeError(field, 'text')
  return value
}

/** `undefined` when the field is absent or null. */
export function optionalText(json: Json, field: string): string | undefined {
  return json[field] === undefined || json[field] === null ? undefined : text(json, field)
}

export function optionalCount(json: Json, field: string): number | undefined {
  const value = json[field]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'number' || !Number.isSafeInteger(value))
    throw new DecodeError(field, 'a whole number')
  return value
}

/** Whole nano-dollars, which travel as a string. */
export function nanos(json: Json, field: string): bigint {
  const value = text(json, field)
  if (!/^-?\d{1,30}$/.test(value)) throw new DecodeError(field, 'whole nano-dollars as a string')
  return BigInt(value)
}

export function optionalNanos(json: Json, field: string): bigint | undefined {
  return json[field] === undefined || json[field] === null ? undefined : nanos(json, field)
}

/** The list under `field`; an absent one is empty. */
export function texts(json: Json, field: string): string[] {
  return items(json, field).map((item) => {
    if (typeof item !== 'string') throw new DecodeError(field, 'a list of texts')
    return item
  })
}

export function list<Item>(json: Json, field: string, read: (item: Json) => Item): Item[] {
  return items(json, field).map((item) => read(asObject(item, field)))
}

function items(json: Json, field: string): readonly unknown[] {
  const value = json[field]
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw new DecodeError(field, 'a list')
  return value
}
