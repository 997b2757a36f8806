/**
 * Shows another server's pages under a path of ours. The only file that knows `http-proxy-middleware`. What is passed
 * on, both ways, is named here; nothing else goes through: no cookie, no credential, no hop-by-hop header.
 */
import { Agent, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { createProxyMiddleware } from 'http-proxy-middleware'

export interface ReverseProxyOptions {
  /** Of the other server: scheme, host and port. */
  origin: string
  /** Under which both of us serve it, without a slash at the end. */
  prefix: string
  /** No byte from the other server for so long ends it. */
  idleMs?: number
  /** However it goes, an answer takes no longer. */
  totalMs?: number
  maxAnswerBytes?: number
}

export type ProxyFault = 'down' | 'slow' | 'astray'

export interface ReverseProxy {
  /**
   * Passes the request on with `headers` beside what a browser may say, its path without the prefix in `url`, and writes
   * the answer. `onFault` writes the page when there is none.
   */
  pass(
    request: IncomingMessage,
    response: ServerResponse,
    options: { headers: Record<string, string>; onFault: (fault: ProxyFault) => void },
  ): void
  close(): void
}

const IDLE_MS = 30_000
const TOTAL_MS = 120_000
const MAX_ANSWER_BYTES = 64 * 1024 * 1024
const MAX_SOCKETS = 32

const ASKED = [
  'accept',
  'accept-encoding',
  'accept-language',
  'content-length',
  'content-type',
  'if-modified-since',
  'if-none-match',
  'range',
  'user-agent',
  'x-dashboard-uid',
  'x-datasource-uid',
  'x-grafana-org-id',
  'x-panel-id',
  'x-plugin-id',
  'x-query-group-id',
]
const ANSWERED = [
  'accept-ranges',
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'etag',
  'expires',
  'last-modified',
  'vary',
]

interface Passing {
  onFault: (fault: ProxyFault) => void
}

export function createReverseProxy(options: ReverseProxyOptions): ReverseProxy {
  const { origin, prefix, idleMs = IDLE_MS, totalMs = TOTAL_MS } = options
  // With https each request has a connection of its own.
  const agent = origin.startsWith('http:')
    ? new Agent({ keepAlive: true, maxSockets: MAX_SOCKETS })
    : undefined
  const passing = new WeakMap<IncomingMessage, Passing>()
  const proxy = createProxyMiddleware({
    target: origin + prefix,
    changeOrigin: true,
    proxyTimeout: idleMs,
    ...(agent ? { agent } : {}),
    selfHandleResponse: true,
    // The package's own plugins write to the console and answer with the target's address.
    ejectPlugins: true,
    plugins: [
      (server) => {
        server.on('error', (error, request, response) => {
          if (!('writeHead' in response)) return
          if (response.headersSent) response.destroy()
          else passing.get(request)?.onFault(isSlow(error) ? 'slow' : 'down')
        })
        server.on('proxyRes', (answer, request, response) => {
          relay(
            { answer, response, fault: passing.get(request)?.onFault ?? (() => response.destroy()) },
            options,
          )
        })
        server.on('econnreset', (_error, _request, response) => {
          if ('destroy' in response) response.destroy()
        })
      },
    ],
  })
  return {
    pass(request, response, { headers, onFault }) {
      passing.set(request, { onFault })
      // Before the package reads them: it would pass a request that says `expect` on as it came.
      request.headers = { ...only(request.headers, ASKED), ...headers }
      const timer = setTimeout(() => response.destroy(), totalMs)
      response.once('close', () => clearTimeout(timer))
      void proxy(request, response, () => onFault('down'))
    },
    close: () => agent?.destroy(),
  }
}

function relay(
  {
    answer,
    response,
    fault,
  }: { answer: IncomingMessage; response: ServerResponse; fault: (fault: ProxyFault) => void },
  { origin, prefix, maxAnswerBytes = MAX_ANSWER_BYTES }: ReverseProxyOptions,
): void {
  const { location } = answer.headers
  const target = location === undefined ? undefined : pathWithin(location, { origin, prefix })
  if (location !== undefined && target === undefined) {
    // A page's policy forgets paths at a redirect, so none may lead out of the prefix.
    answer.destroy()
    fault('astray')
    return
  }
  for (const [name, value] of Object.entries(only(answer.headers, ANSWERED)))
    if (value !== undefined) response.setHeader(name, value)
  response.writeHead(answer.statusCode ?? 502, target === undefined ? {} : { location: target })
  let bytes = 0
  answer.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > maxAnswerBytes) answer.destroy(new Error('the answer is too large'))
  })
  answer.on('error', () => response.destroy())
  answer.on('close', () => {
    if (!answer.complete) response.destroy()
  })
  response.on('close', () => answer.destroy())
  answer.pipe(response)
}

/** Where a redirect leads, if that is below our prefix. */
function pathWithin(
  location: string,
  { origin, prefix }: { origin: string; prefix: string },
): string | undefined {
  const base = `${origin}${prefix}/`
  if (!URL.canParse(location, base)) return undefined
  const { origin: there, pathname, search, hash } = new URL(location, base)
  const inside = there === origin && (pathname === prefix || pathname.startsWith(`${prefix}/`))
  return inside ? pathname + search + hash : undefined
}

function only(headers: IncomingHttpHeaders, names: readonly string[]): IncomingHttpHeaders {
  return Object.fromEntries(
    names.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]])),
  )
}

function isSlow(error: unknown): boolean {
  // The package gives up on a silent server by ending the connection.
  return ['ECONNRESET', 'ETIMEDOUT'].includes(String((error as NodeJS.ErrnoException).code))
}
