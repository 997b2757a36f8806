import type { z } from 'zod'
import { GatewayError } from '../platform/errors.ts'

/** `value` as `schema` reads it. Throws `invalid_value` that names every faulty field, the first as `param`. */
export function validate<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const faults = result.error.issues
    .slice(0, 5)
    .map((issue) => ({ path: pathOf(issue), message: issue.message }))
  const message = faults
    .map((fault) => (fault.path === '' ? fault.message : `${fault.path}: ${fault.message}`))
    .join('; ')
  const param = faults[0]?.path
  throw new GatewayError('invalid_value', message, param ? { param } : {})
}

/** `messages[2].role`, the way OpenAI names a field. Unknown keys are named themselves. */
function pathOf(issue: z.core.$ZodIssue): string {
  const path = issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0] ?? ''] : issue.path
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`
    return text === '' ? String(part) : `${text}.${String(part)}`
  }, '')
}
