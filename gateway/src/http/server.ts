import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { errorBody, GatewayError } from '../platform/errors.ts'
import { formatId, uuidv7 } from '../platform/ids.ts'

// Node's default is 16 KiB; named here because limits are promises.
const MAX_HEADER_BYTES = 16 * 1024
const MAX_HEADERS = 100
const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 60_000
const TIMEOUT_CHECK_MS = 5_000
// Above the usual idle time of load balancers, so that they close first and nobody races a reset.
const KEEP_ALIVE_MS = 65_000
const TCP_KEEP_ALIVE_MS = 30_000

/**
 * The policy of whatever is no page: shown in a frame it may ask for nothing and run nothing. A page that may not call
 * `/api` itself (admin/metrics-routes.ts) could else call it through such a frame.
 */
export const NO_PAGE = "default-src 'none'; frame-ancestors 'none'"

export type RequestHandler = (message: IncomingMessage, response: ServerResponse) => void

/** The one HTTP server. `handle` sees every request; what is not HTTP is answered here with a JSON error. */
export function createHttpServer(handle: RequestHandler): Server {
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAlive: true,
      keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
      noDelay: true,
    },
    (message, response) => whenItsTurn(message, response, handle),
  )
  server.maxHeadersCount = MAX_HEADERS
  server.on('clientError', refuseBytes)
  return server
}

/**
 * A pipelined request has no socket until the answer before it is done, and until then would not hear that its client
 * left; it is begun only then.
 */
function whenItsTurn(message: IncomingMessage, response: ServerResponse, handle: RequestHandler): void {
  if (response.socket) handle(message, response)
  else response.once('socket', () => handle(message, response))
}

/** Bytes that are no HTTP request, or too many headers of one. */
function refuseBytes(error: NodeJS.ErrnoException, socket: Socket): void {
  // In the middle of an answer a second one would be taken for a part of it.
  const answering = (socket as Socket & { _httpMessage?: ServerResponse })._httpMessage?.headersSent === true
  if (error.code === 'ECONNRESET' || !socket.writable || answering) {
    socket.destroy()
    return
  }
  const [status, failure] = meaningOf(error)
  const requestId = formatId('gen-', uuidv7())
  const body = errorBody(failure, requestId)
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\n` +
      `content-security-policy: ${NO_PAGE}\r\nx-request-id: ${requestId}\r\nx-should-retry: false\r\nconnection: close\r\n\r\n${body}`,
  )
}

function meaningOf({ code }: NodeJS.ErrnoException): [string, GatewayError] {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return [
      '431 Request Header Fields Too Large',
      new GatewayError('invalid_request', `The request headers are larger than ${MAX_HEADER_BYTES} bytes.`),
    ]
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return [
      '408 Request Timeout',
      new GatewayError('request_timeout', 'The request did not arrive completely within 60 seconds.'),
    ]
  }
  return [
    '400 Bad Request',
    new GatewayError('invalid_request', 'These bytes are not a valid HTTP/1.1 request.'),
  ]
}
