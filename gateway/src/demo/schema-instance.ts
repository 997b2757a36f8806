/**
 * A value that satisfies a JSON schema of the kind that tools and structured outputs use. `pattern` is not followed;
 * of `anyOf` and `oneOf` the first branch that is not null is taken.
 */
export function schemaInstance(schema: unknown, hint: string): unknown {
  return instanceOf(schema, { root: schema, hint, depth: 0 })
}

interface Context {
  root: unknown
  /** Put into free strings, so that the value has to do with the question. */
  hint: string
  depth: number
}

type Schema = Record<string, unknown>

// Deeper, optional members are left out, so that a schema that contains itself ends.
const MAX_OPTIONAL_DEPTH = 4
const MAX_DEPTH = 32
const MAX_ITEMS = 16

function instanceOf(schema: unknown, context: Context): unknown {
  if (!isSchema(schema) || context.depth > MAX_DEPTH) return null
  const deeper = { ...context, depth: context.depth + 1 }
  if (typeof schema.$ref === 'string') return instanceOf(resolve(schema.$ref, context.root), deeper)
  if ('const' in schema) return schema.const
  if (Array.isArray(schema.enum)) return schema.enum[0]
  const branches = [schema.anyOf, schema.oneOf].find(Array.isArray)
  if (branches) return instanceOf(branches.find((branch) => !isNull(branch)) ?? branches[0], deeper)
  if (Array.isArray(schema.allOf))
    return instanceOf(Object.assign({}, schema, { allOf: undefined }, ...schema.allOf), deeper)
  switch (typeOf(schema)) {
    case 'object':
      return objectOf(schema, context)
    case 'array':
      return arrayOf(schema, context)
    case 'integer':
      return numberOf(schema, true)
    case 'number':
      return numberOf(schema, false)
    case 'boolean':
      return true
    case 'null':
      return null
    default:
      return stringOf(schema, context.hint)
  }
}

function typeOf(schema: Schema): string {
  if (Array.isArray(schema.type)) return String(schema.type.find((type) => type !== 'null') ?? 'null')
  if (typeof schema.type === 'string') return schema.type
  if ('properties' in schema) return 'object'
  return 'items' in schema ? 'array' : 'string'
}

function objectOf(schema: Schema, context: Context): Record<string, unknown> {
  const properties = isSchema(schema.properties) ? schema.properties : {}
  const required = Array.isArray(schema.required) ? schema.required.map(String) : []
  const names = context.depth < MAX_OPTIONAL_DEPTH ? Object.keys(properties) : []
  const value = new Map<string, unknown>()
  for (const name of new Set([...names, ...required])) {
    const property = Object.hasOwn(properties, name) ? properties[name] : {}
    value.set(name, instanceOf(property, { ...context, depth: context.depth + 1 }))
  }
  return Object.fromEntries(value)
}

function arrayOf(schema: Schema, context: Context): unknown[] {
  const atLeast = wholeNumber(schema.minItems) ?? (context.depth < MAX_OPTIONAL_DEPTH ? 1 : 0)
  const length = Math.min(atLeast, wholeNumber(schema.maxItems) ?? MAX_ITEMS, MAX_ITEMS)
  return Array.from({ length }, () =>
    instanceOf(schema.items ?? {}, { ...context, depth: context.depth + 1 }),
  )
}

function numberOf(schema: Schema, whole: boolean): number {
  const step = number(schema.multipleOf) ?? (whole ? 1 : undefined)
  const aboveExclusive = number(schema.exclusiveMinimum)
  const belowExclusive = number(schema.exclusiveMaximum)
  let least = number(schema.minimum)
  if (aboveExclusive !== undefined) least = Math.max(least ?? aboveExclusive, aboveExclusive + (step ?? 0.5))
  let most = number(schema.maximum)
  if (belowExclusive !== undefined) most = Math.min(most ?? belowExclusive, belowExclusive - (step ?? 0.5))
  let value = least ?? Math.min(1, most ?? 1)
  if (step !== undefined) value = Math.ceil(value / step) * step
  return most !== undefined && value > most ? most : value
}

const formats: Readonly<Record<string, string>> = {
  date: '2025-01-01',
  time: '12:00:00Z',
  'date-time': '2025-01-01T12:00:00Z',
  email: 'demo@example.com',
  uri: 'https://example.com/',
  uuid: '00000000-0000-4000-8000-000000000000',
}

function stringOf(schema: Schema, hint: string): string {
  const text = formats[String(schema.format)] ?? hint
  const padded = text.padEnd(Math.min(wholeNumber(schema.minLength) ?? 0, 10_000), '.')
  return padded.slice(0, wholeNumber(schema.maxLength) ?? padded.length)
}

/** Follows `#/$defs/name`; anything else than a path inside the schema is unknown. */
function resolve(reference: string, root: unknown): unknown {
  if (!reference.startsWith('#')) return undefined
  let at = root
  for (const step of reference.slice(1).split('/').slice(1)) {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~')
    at = isSchema(at) && Object.hasOwn(at, key) ? at[key] : undefined
  }
  return at
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isNull(schema: unknown): boolean {
  return isSchema(schema) && schema.type === 'null'
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

function wholeNumber(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}
