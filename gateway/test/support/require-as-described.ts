import { isDeepStrictEqual } from 'node:util'
import type { Operation } from '../../src/http/operation.ts'

/** Holds an answer of `/api` against the schema that the OpenAPI document and the console's types are made from. */
export function requireAsDescribed({ method, path, answer }: Operation, given: unknown): void {
  const name = `${method.toUpperCase()} ${path}`
  if (answer === undefined) {
    if (given !== undefined) throw new Error(`${name} answers something, and is described to answer nothing`)
    return
  }
  const sent: unknown = JSON.parse(JSON.stringify(given ?? null))
  const result = answer.safeParse(sent)
  if (!result.success)
    throw new Error(`${name} does not answer as described: ${JSON.stringify(result.error.issues)}`)
  // A schema that is not strict would hide what it leaves out.
  if (!isDeepStrictEqual(result.data, sent))
    throw new Error(`${name} answers more than is described: ${JSON.stringify(sent).slice(0, 500)}`)
}
