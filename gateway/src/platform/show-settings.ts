/**
 * What an operator may see of the configuration. A value is shown when its variable can only hold a word, a number or
 * an address by its own schema, or is named here; so a new variable that takes free text hides itself.
 */
import { z } from 'zod'
import { derivedDefaults, type Environment, variables } from './config.ts'

export interface ShownSetting {
  name: string
  /** Null when it is not set, and for what is hidden. */
  value: string | null
  from: 'environment' | 'default' | 'unset'
  /** Set, and not shown. */
  hidden: boolean
}

/** Free text that is no secret. */
const PLAIN: ReadonlySet<string> = new Set(['NODE_ENV', 'HOST', 'DATA_DIR', 'GATEWAY_ANCHOR_FILE'])

/** Origins: their schema refuses whatever could carry a password. */
const ORIGINS: ReadonlySet<string> = new Set([
  'GATEWAY_PUBLIC_URL',
  'GATEWAY_CORS_ORIGINS',
  'GRAFANA_URL',
  'PROMETHEUS_URL',
])

/** Every variable there is, by name; of vendors' keys those that are set. */
export function showSettings(environment: Environment, vendorKeys: readonly string[]): ShownSetting[] {
  const derived = derivedDefaults(environment)
  const settings = Object.entries<z.ZodType>(variables).map(([name, schema]) =>
    show(name, schema, environment, derived[name]),
  )
  const keys = vendorKeys.filter((name) => isSet(environment[name]))
  return [
    ...settings,
    ...[...new Set(keys)].map((name) => ({ name, value: null, from: 'environment' as const, hidden: true })),
  ]
}

function show(
  name: string,
  schema: z.ZodType,
  environment: Environment,
  derived: string | undefined,
): ShownSetting {
  const shape = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
  const given = environment[name]?.trim()
  if (!isSet(given)) {
    const standard = shape.default ?? derived
    return standard === undefined
      ? { name, value: null, from: 'unset', hidden: false }
      : { name, value: String(standard), from: 'default', hidden: false }
  }
  const isPlain = PLAIN.has(name) || ORIGINS.has(name) || shape.enum !== undefined || isNumber(shape.pattern)
  return { name, value: isPlain ? String(given) : null, from: 'environment', hidden: !isPlain }
}

function isNumber(pattern: string | undefined): boolean {
  return pattern !== undefined && /^\^\\d\{\d+,\d+\}\$$/.test(pattern)
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value.trim() !== ''
}
