/** The OpenAPI 3.1 document, made from the operations that the routes are mounted from. The only file that knows `zod-openapi`. */
import { z } from 'zod'
import {
  createDocument,
  type ZodOpenApiOperationObject,
  type ZodOpenApiPathsObject,
  type ZodOpenApiResponsesObject,
} from 'zod-openapi'
import type { Access, Operation } from '../http/operation.ts'
import { errorCatalogue } from '../platform/errors.ts'
import type { Room } from './rooms.ts'

const errorObject = z
  .strictObject({
    error: z.strictObject({
      message: z.string().meta({ description: 'What is wrong and what to do next.' }),
      type: z.string().meta({ description: 'OpenAI’s word for the class.' }),
      param: z.string().nullable().meta({ description: 'The field that is wrong: `messages[2].role`.' }),
      code: z.enum(Object.keys(errorCatalogue) as [string, ...string[]]),
      whose: z.enum(['key', 'buyer', 'group', 'platform', 'seller', 'provider']),
      retryable: z.boolean(),
      request_id: z.string().meta({ description: 'Quote it when you ask for help.' }),
      metadata: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])).optional(),
    }),
  })
  .meta({ id: 'Error', description: 'Every error, of every route.' })

const descriptions: Record<string, string> = {
  '400': 'The request is not understood; `param` names the field.',
  '401': 'Nobody is signed in, or what was sent proves nothing.',
  '403': 'Signed in, and not allowed to do this.',
  '404': 'There is no such thing, or it is somebody else’s.',
  '409': 'Not possible in the state it is in.',
  '429': 'Too often; `retry-after` says when again.',
  '503': 'Not possible at the moment; nothing was changed.',
}

export type OpenapiDocument = ReturnType<typeof createDocument>

export function createOpenapi(rooms: readonly Room[], version: string): OpenapiDocument {
  const paths: ZodOpenApiPathsObject = {}
  for (const { tag, operations } of rooms) {
    for (const [name, operation] of Object.entries(operations)) {
      const path = pathTemplate(operation.path)
      const item = paths[path] ?? {}
      if (item[operation.method]) throw new Error(`${operation.method} ${path} is described twice`)
      item[operation.method] = describe(name, operation, tag)
      paths[path] = item
    }
  }
  return createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Bourse',
      version,
      description:
        'The management API under `/api`, and the model API under `/v1`, which is OpenAI’s. Amounts are nano-dollars (1e-9 USD) as strings, times are UTC. Lists come in pages: send `nextCursor` as `cursor`.',
    },
    servers: [{ url: '/' }],
    tags: rooms.map(({ tag, about }) => ({ name: tag, description: about })),
    paths,
    components: {
      securitySchemes: {
        session: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'The token of `POST /api/login`. It opens `/api` for as long as its session lives.',
        },
        apiKey: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'sk-brs-…',
          description:
            'An API key: for `/v1`, and with the scope `read` for what readers may ask under `/api`.',
        },
      },
    },
  })
}

/** `/api/users/:id` as OpenAPI writes it: `/api/users/{id}`. */
function pathTemplate(path: string): string {
  return path.replace(/[:*](\w+)/g, '{$1}')
}

function describe(name: string, operation: Operation, tag: string): ZodOpenApiOperationObject {
  const { summary, description, access, path, query, body, ownBody } = operation
  const params = [...path.matchAll(/[:*](\w+)/g)].map(([, param]) => String(param))
  const content = body ?? ownBody
  return {
    operationId: name,
    summary,
    ...(description === undefined ? {} : { description }),
    tags: [tag],
    'x-access': access,
    security: securityOf(access, path),
    ...(query || params.length > 0
      ? {
          requestParams: {
            ...(params.length > 0
              ? { path: z.object(Object.fromEntries(params.map((each) => [each, z.string()]))) }
              : {}),
            ...(query ? { query: query as z.ZodObject } : {}),
          },
        }
      : {}),
    ...(content
      ? {
          requestBody: {
            required: !takesNothing(content),
            content: { 'application/json': { schema: content } },
          },
        }
      : {}),
    responses: responsesOf(operation, params.length > 0),
  }
}

function takesNothing(body: z.ZodType): boolean {
  return body.safeParse({}).success
}

const SIGNED_IN = { session: [] }
const WITH_KEY = { apiKey: [] }

function securityOf(access: Access, path: string): Record<string, string[]>[] {
  if (access === 'anyone') return [{}]
  if (!path.startsWith('/api/')) return [WITH_KEY]
  return access === 'reader' || access === 'caller' ? [SIGNED_IN, WITH_KEY] : [SIGNED_IN]
}

function responsesOf(
  { answer, status, media = 'application/json', access, query, body, ownBody }: Operation,
  named: boolean,
): ZodOpenApiResponsesObject {
  const success = String(status ?? (answer ? 200 : 204)) as '200' | '201' | '202' | '204'
  const content = Object.fromEntries(
    media.split('; ').map((type) => {
      if (type !== 'application/json') return [type, { schema: { type: 'string' as const } }]
      return [type, { schema: answer ?? {} }]
    }),
  )
  const errors = [
    ...(query || body || ownBody ? ['400'] : []),
    ...(access === 'anyone' ? [] : ['401', '403']),
    ...(named ? ['404'] : []),
    ...(body ? ['409'] : []),
    '429',
    '503',
  ]
  const error = { 'application/json': { schema: errorObject } }
  return {
    [success]: {
      description: answer || media ? 'Done.' : 'Done; nothing to say.',
      ...(success === '204' ? {} : { content }),
    },
    ...Object.fromEntries(
      errors.map((code) => [code, { description: String(descriptions[code]), content: error }]),
    ),
  }
}
