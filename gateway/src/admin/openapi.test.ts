import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { operation } from '../http/operation.ts'
import { createOpenapi } from './openapi.ts'
import { rooms } from './rooms.ts'

// The schemas inside are checked by their own meta schema below; Ajv looks for this anchor in the wrong place.
const schema = JSON.parse(
  readFileSync(new URL('../../test/fixtures/openapi-3.1/schema.json', import.meta.url), 'utf8').replaceAll(
    '"$dynamicRef": "#meta"',
    '"$ref": "#/$defs/schema"',
  ),
)
const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(schema)
const document = createOpenapi(rooms, '9.9.9')

interface Described {
  operationId: string
  tags: string[]
  'x-access': string
  security: object[]
  responses: Record<string, { content?: Record<string, { schema: { $ref?: string } }> }>
}

const described = Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
  Object.entries(item).map(([method, each]) => ({ name: `${method} ${path}`, ...(each as Described) })),
)

test('the document is what the OpenAPI Initiative calls one', () => {
  expect(validate(document), JSON.stringify(validate.errors?.slice(0, 3))).toBe(true)
  expect(validate({ ...document, paths: { '/x': { get: { responses: 'none' } } } })).toBe(false)
})

test('every schema of the document can be compiled, and every reference leads somewhere', () => {
  const ajv = new Ajv2020({ strict: false, validateFormats: false })
  ajv.addSchema({ ...document, $id: 'https://bourse.test/openapi.json' })
  for (const name of Object.keys(document.components?.schemas ?? {})) {
    const reference = { $ref: `https://bourse.test/openapi.json#/components/schemas/${name}` }
    expect(() => ajv.compile(reference), name).not.toThrow()
  }
  const references = JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)
  const missing = [...references].filter(([, name]) => !document.components?.schemas?.[String(name)])
  expect(missing).toEqual([])
})

test('each route has a name of its own, a room, who may call it and the one error object', () => {
  const names = described.map(({ operationId }) => operationId)
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
  for (const each of described) {
    expect(each.tags, each.name).toHaveLength(1)
    expect(each['x-access'], each.name).toMatch(/^(anyone|caller|reader|user|buyer|seller|operator)$/)
    for (const [status, { content }] of Object.entries(each.responses))
      if (status >= '400')
        expect(content?.['application/json']?.schema.$ref, each.name).toBe('#/components/schemas/Error')
    expect(each.security, each.name).toHaveLength(
      ['caller', 'reader'].includes(each['x-access']) && each.name.includes(' /api/') ? 2 : 1,
    )
  }
})

test('the same method and path cannot be described twice', () => {
  const twice = operation({
    method: 'get',
    path: '/api/x',
    summary: 'x',
    access: 'anyone',
    answer: z.string(),
  })
  const room = { tag: 'T', about: '', operations: { one: twice, other: twice } }
  expect(() => createOpenapi([room], '1')).toThrow('described twice')
})
