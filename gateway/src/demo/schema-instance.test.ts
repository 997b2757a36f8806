import { Ajv } from 'ajv'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { schemaInstance } from './schema-instance.ts'

const ajv = new Ajv({ strict: false, validateFormats: false })

const leaf: fc.Arbitrary<object> = fc.oneof(
  fc.record({ type: fc.constantFrom('string', 'boolean', 'null', 'integer', 'number') }),
  fc.record({ type: fc.constant('string'), minLength: fc.nat(20) }),
  fc.record({ type: fc.constant('string'), maxLength: fc.nat(20) }),
  fc.record({ type: fc.constant('integer'), minimum: fc.integer({ min: -50, max: 50 }) }),
  fc.record({ type: fc.constant('number'), maximum: fc.integer({ min: -50, max: 50 }) }),
  fc.record({
    type: fc.constant('integer'),
    multipleOf: fc.integer({ min: 1, max: 9 }),
    exclusiveMinimum: fc.nat(30),
  }),
  fc.record({ enum: fc.uniqueArray(fc.oneof(fc.string(), fc.integer()), { minLength: 1, maxLength: 4 }) }),
  fc.record({ const: fc.oneof(fc.string(), fc.integer(), fc.boolean()) }),
  fc.record({ type: fc.constant(['string', 'null']) }),
)
const { schema } = fc.letrec<{ schema: object }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    fc.record({ type: fc.constant('array'), items: tie('schema'), minItems: fc.nat(3) }),
    fc
      .dictionary(fc.constantFrom('city', 'days', 'user name', 'constructor', 'toString'), tie('schema'), {
        maxKeys: 4,
      })
      .map((properties) => ({
        type: 'object',
        properties,
        required: Object.keys(properties),
        additionalProperties: false,
      })),
    fc.record({ anyOf: fc.array(tie('schema'), { minLength: 1, maxLength: 3 }) }),
  ),
}))

test('an instance satisfies its schema', () => {
  fc.assert(
    fc.property(schema, (shape) => {
      const validate = ajv.compile(shape)
      const value: unknown = JSON.parse(JSON.stringify(schemaInstance(shape, 'demo')))
      expect([validate(value), validate.errors]).toEqual([true, null])
    }),
    { numRuns: 1_000 },
  )
})

test('references, also to itself, are followed to an end', () => {
  const node = {
    $defs: {
      node: {
        type: 'object',
        properties: {
          value: { type: 'integer' },
          next: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] },
        },
        required: ['value'],
      },
    },
    $ref: '#/$defs/node',
  }
  const value = schemaInstance(node, 'demo')
  expect(ajv.compile(node)(value)).toBe(true)
  const endless = { $ref: '#' }
  expect(schemaInstance(endless, 'demo')).toBeNull()
  expect(schemaInstance({ $ref: 'https://example.com/schema.json' }, 'demo')).toBeNull()
})

test('formats and all branches', () => {
  expect(schemaInstance({ type: 'string', format: 'date' }, 'demo')).toBe('2025-01-01')
  expect(
    schemaInstance(
      { allOf: [{ type: 'object', properties: { a: { type: 'string' } } }, { required: ['a'] }] },
      'demo',
    ),
  ).toEqual({ a: 'demo' })
  expect(schemaInstance(true, 'demo')).toBeNull()
})

test('a schema cannot reach behind the object it describes', () => {
  const schema = JSON.parse(
    '{"type":"object","properties":{"__proto__":{"const":{"polluted":true}}},"required":["__proto__"]}',
  )
  expect(JSON.stringify(schemaInstance(schema, 'demo'))).toBe('{"__proto__":{"polluted":true}}')
  expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
})
