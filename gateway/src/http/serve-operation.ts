/** Mounts an operation: who may call, what it takes, and its answer as JSON. */
import type { Request, RequestHandler, Response, Router } from 'express'
import type { z } from 'zod'
import type { Operation } from './operation.ts'
import { type Principal, principalOf, requireRole, userOf } from './principal.ts'
import { validate } from './validate.ts'

/** What every router of `/api` is given by `app.ts`. */
export interface Door {
  authenticate: RequestHandler
  /** Tests listen here, to hold each answer against its schema. */
  onAnswer?: (operation: Operation, answer: unknown) => void
}

/** The handler has written the answer itself: a stream or a file. */
export const sent = Object.freeze({ sent: 'by the handler' as const })

interface Call<Query, Body> {
  query: Query
  body: Body
  params: Record<string, string>
  request: Request
  response: Response
  principal: Principal
  /** Throws `forbidden` for an API key. */
  user: Extract<Principal, { kind: 'user' }>
}

type Parsed<Schema> = Schema extends z.ZodType ? z.output<Schema> : undefined

type Result<Answer> = (Answer extends z.ZodType ? z.input<Answer> : undefined) | typeof sent

const ROLES = ['buyer', 'seller', 'operator'] as const

/**
 * Mounts `operation` on a router that stands under `/api`. What the handler returns is the answer; what it throws is
 * for the error handler. Answers are never cached.
 */
export function serveOperation<
  Query extends z.ZodType,
  Body extends z.ZodType,
  Answer extends z.ZodType | undefined,
>(
  router: Router,
  { authenticate, onAnswer }: Door,
  operation: Operation<Query, Body, Answer>,
  handle: (call: Call<Parsed<Query>, Parsed<Body>>) => Result<Answer> | Promise<Result<Answer>>,
): void {
  const { method, path, access, answer } = operation
  const guards: RequestHandler[] = access === 'anyone' || access === 'caller' ? [] : [authenticate]
  const role = ROLES.find((each) => each === access)
  if (role) guards.push(requireRole(role))
  router[method](path.replace(/^\/api/, ''), ...guards, async (request, response) => {
    if (access === 'user') userOf(response)
    if (access === 'reader') principalOf(response)
    const call = {
      query: operation.query ? validate(operation.query, request.query) : undefined,
      body: operation.body ? validate(operation.body, request.body ?? {}) : undefined,
      params: request.params as Record<string, string>,
      request,
      response,
      get principal() {
        return principalOf(response)
      },
      get user() {
        return userOf(response)
      },
    } as Call<Parsed<Query>, Parsed<Body>>
    const result = await handle(call)
    if (result === sent) return
    onAnswer?.(operation as unknown as Operation, result)
    if (!response.hasHeader('cache-control')) response.setHeader('cache-control', 'no-store')
    if (answer === undefined) response.status(204).end()
    // A handler that knows better has set another one, such as 201 for the first of several equal calls.
    else
      response
        .status(response.statusCode === 200 ? (operation.status ?? 200) : response.statusCode)
        .json(result)
  })
}
