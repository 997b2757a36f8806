/** OpenAI's own OpenAPI document in `SPEC_DIR`, as validators. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import type { Json } from './read-recording.ts'

const file = process.env.SPEC_DIR && join(process.env.SPEC_DIR, 'openai-openapi.json')

export const hasDocument = file !== undefined && existsSync(file)
if (!hasDocument) console.log('checks against the OpenAPI document skipped: SPEC_DIR is not set')

/** A validator of one of the document's schemas. Ask for it only when `hasDocument`. */
export function schemaOf(name: string): ValidateFunction {
  const document = JSON.parse(readFileSync(file as string, 'utf8'))
  const ajv = new Ajv2020({
    strict: false,
    allErrors: true,
    formats: { unixtime: true, uri: true, date: true },
  })
  return ajv.compile({
    $ref: `#/components/schemas/${name}`,
    components: { schemas: withNull(document.components.schemas) },
  })
}

/** The places where `value` breaks the schema, list positions aside; empty when it keeps it. */
export function faultsOf(validate: ValidateFunction, value: unknown): string[] {
  if (validate(value)) return []
  const faults = (validate.errors ?? []).map(
    ({ instancePath, keyword }) => `${instancePath.replace(/\d+/g, '*')} ${keyword}`,
  )
  return [...new Set(faults)].sort()
}

/** The document says `nullable` as OpenAPI 3.0 did; JSON Schema knows only a union with null. */
function withNull(schema: Json): Json {
  if (Array.isArray(schema)) return schema.map(withNull)
  if (typeof schema !== 'object' || schema === null) return schema
  const { nullable, ...rest } = Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [key, withNull(value)]),
  )
  return nullable === true ? { anyOf: [rest, { type: 'null' }] } : rest
}
