/**
 * The built-in demo upstream: an OpenAI-compatible server on the loopback that says it is a demo. Answers are
 * deterministic, latency and faults come from the listing's credential (`demo-options.ts`), and its log is the third
 * account beside the client's bytes and the ledger.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Clock, systemClock } from '../platform/clock.ts'
import { answerChat, type DemoState, type ServedRequest } from './answer-chat.ts'
import { errorText } from './chat-wire.ts'
import { demoModels } from './demo-models.ts'
import { parseDemoOptions } from './demo-options.ts'

export interface DemoUpstream {
  /** `http://127.0.0.1:<port>`; the API is under `/v1`. */
  origin: string
  /** What was served, oldest first, the last 20,000. */
  log(): readonly ServedRequest[]
  close(): Promise<void>
}

// Above what the gateway lets in (32 MiB), so that the demo is never the one that refuses.
const MAX_BODY_BYTES = 40 * 1024 * 1024

/** Starts the demo upstream on 127.0.0.1; `port` 0 takes any free one. */
export async function startDemoUpstream({
  port = 0,
  clock = systemClock,
}: {
  port?: number
  clock?: Clock
} = {}): Promise<DemoUpstream> {
  const state: DemoState = { clock, log: [], served: 0, drawn: new Map() }
  const server = createServer((request, response) => {
    response.on('error', () => response.destroy())
    handle(state, request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy()
      else sendError(response, 500, `The demo upstream failed: ${String(error)}`)
    })
  })
  server.keepAliveTimeout = 65_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  const { port: boundPort } = server.address() as AddressInfo
  return {
    origin: `http://127.0.0.1:${boundPort}`,
    log: () => state.log,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function handle(state: DemoState, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = (request.url ?? '').split('?')[0]?.replace(/\/$/, '')
  const credential = /^bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? ''
  const options = parseDemoOptions(credential)
  // Real vendors echo the key here; ours does too, so that redaction is tested against it.
  if (!options)
    return sendError(
      response,
      401,
      `Incorrect API key provided: ${credential}. Demo keys look like demo:latency=20.`,
    )
  if (request.method === 'GET' && path === '/v1/models') return sendModels(state, response)
  if (request.method !== 'POST' || path !== '/v1/chat/completions') {
    return sendError(response, 404, `The demo upstream has no ${request.method} ${path}.`)
  }
  const body = await readBody(request)
  if (!body) return sendError(response, 413, 'The demo upstream reads at most 40 MiB.')
  await answerChat(state, { options, credential, body, response })
}

function sendModels({ clock }: DemoState, response: ServerResponse): void {
  const created = Math.floor(clock.nowMs() / 1000)
  const data = demoModels.map(({ upstreamModel }) => ({
    id: upstreamModel,
    object: 'model',
    created,
    owned_by: 'bourse-demo',
  }))
  response
    .writeHead(200, { 'content-type': 'application/json' })
    .end(JSON.stringify({ object: 'list', data }))
}

function sendError(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(errorText(status, message))
}

/** The whole body, or `undefined` when it is too large. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_BODY_BYTES) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
