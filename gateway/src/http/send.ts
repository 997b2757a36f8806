import type { ServerResponse } from 'node:http'
import { errorBody, errorHeaders, type GatewayError } from '../platform/errors.ts'

/** Writes an error answer in OpenAI's shape. Does nothing when an answer has already begun. */
export function sendError(response: ServerResponse, error: GatewayError, requestId: string): void {
  if (response.headersSent || response.destroyed) return
  const body = Buffer.from(errorBody(error, requestId))
  response.writeHead(error.status, {
    ...errorHeaders(error),
    'content-type': 'application/json; charset=utf-8',
    'content-length': body.length,
    'x-request-id': requestId,
    'x-content-type-options': 'nosniff',
  })
  response.end(body)
}

/** Writes a JSON answer whose bytes are ready. */
export function sendJson(
  response: ServerResponse,
  status: number,
  body: Buffer,
  headers: Record<string, string>,
): void {
  response.writeHead(status, {
    ...headers,
    'content-type': 'application/json; charset=utf-8',
    'content-length': body.length,
  })
  response.end(body)
}
