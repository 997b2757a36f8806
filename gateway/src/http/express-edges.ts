/** The edges every Express route shares: the request's name, the last 404, and how a thrown error becomes an answer. */
import type { NextFunction, Request, Response } from 'express'
import { GatewayError, toGatewayError } from '../platform/errors.ts'
import { formatId, uuidv7 } from '../platform/ids.ts'
import type { Logger } from '../platform/logger.ts'
import { sendError } from './send.ts'
import { NO_PAGE } from './server.ts'

/** Gives the request its id, in `response.locals.requestId` and as `x-request-id`; rooms with pages set their own policy. */
export function nameRequest(_request: Request, response: Response, next: NextFunction): void {
  const requestId = formatId('gen-', uuidv7())
  response.locals.requestId = requestId
  response.setHeader('x-request-id', requestId)
  response.setHeader('x-content-type-options', 'nosniff')
  response.setHeader('content-security-policy', NO_PAGE)
  next()
}

/** The end of the line: no route has taken the request. */
export function refuseUnknownRoute(request: Request): never {
  throw new GatewayError(
    'unknown_route',
    `There is no ${request.method} ${request.path.slice(0, 120)}. The API is at /v1, for example POST /v1/chat/completions and GET /v1/models.`,
  )
}

/** 405 with `allow` for a path that exists under other methods. */
export function allowOnly(methods: string) {
  return function refuseMethod(request: Request, response: Response): never {
    response.setHeader('allow', methods)
    throw new GatewayError('method_not_allowed', `${request.method} is not possible here; use ${methods}.`)
  }
}

export function createErrorHandler(logger: Logger) {
  // Express tells an error handler by its four parameters.
  return function answerError(
    thrown: unknown,
    _request: Request,
    response: Response,
    next: NextFunction,
  ): void {
    if (response.headersSent) {
      next(thrown)
      return
    }
    const error = toGatewayError(meaningOfParserError(thrown) ?? thrown)
    const requestId = String(response.locals.requestId ?? formatId('gen-', uuidv7()))
    if (error.status >= 500)
      logger.error({ err: error.details.cause ?? error, requestId }, 'a request failed inside the gateway')
    sendError(response, error, requestId)
  }
}

/** What Express's own body parser throws, in our words. */
function meaningOfParserError(thrown: unknown): GatewayError | undefined {
  const type = typeof thrown === 'object' && thrown !== null && 'type' in thrown ? thrown.type : undefined
  if (type === 'entity.parse.failed')
    return new GatewayError('invalid_json', 'The request body is not valid JSON.')
  if (type === 'entity.too.large')
    return new GatewayError('request_too_large', 'The request body is larger than 100 KiB.')
  if (type === 'encoding.unsupported')
    return new GatewayError('unsupported_media_type', 'Send the body uncompressed.')
  if (type === 'charset.unsupported')
    return new GatewayError('unsupported_media_type', 'Send the body as UTF-8.')
  if (type === 'request.aborted')
    return new GatewayError('invalid_request', 'The request body did not arrive completely.')
  if (thrown instanceof URIError)
    return new GatewayError('invalid_request', 'The path contains a broken %-escape.')
  return undefined
}
