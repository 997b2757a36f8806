/**
 * A fake upstream that costs as little CPU as it can, so that a load test measures what stands before it. It speaks
 * OpenAI's dialect, answers every chat completion with the same precomputed bytes, and checks nothing.
 *
 *   npx tsx loadtests/upstream.ts            PORT=9001 DELAY_MS=20 CHUNKS=200 INTERVAL_MS=50 by environment,
 *   POST /v1/chat/completions?delay=20       or per request in the query: delay, chunks, interval
 *
 * GET /stats answers the counts since the start as JSON.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'

export interface LoadUpstreamOptions {
  port: number
  /** Before the answer, or before a stream's first chunk. */
  delayMs: number
  /** Content chunks of a stream. */
  chunks: number
  /** Between two chunks; 0 writes the stream in one piece. */
  intervalMs: number
}

export interface LoadUpstream {
  origin: string
  stats(): LoadStats
  close(): Promise<void>
}

export interface LoadStats {
  requests: number
  streams: number
  /** Answers that the caller did not wait for. */
  aborted: number
}

const PROMPT_TOKENS = 250
const PIECE = ' lorem'

const defaults: LoadUpstreamOptions = { port: 0, delayMs: 0, chunks: 200, intervalMs: 50 }

/** Starts the upstream on 127.0.0.1; `port` 0 takes any free one. */
export async function startLoadUpstream(given: Partial<LoadUpstreamOptions> = {}): Promise<LoadUpstream> {
  const options = { ...defaults, ...given }
  const stats: LoadStats = { requests: 0, streams: 0, aborted: 0 }
  const server = createServer((request, response) => serve({ options, stats }, request, response))
  server.keepAliveTimeout = 120_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port: options.port, host: '127.0.0.1', backlog: 4_096 }, resolve)
  })
  const { port } = server.address() as AddressInfo
  return { origin: `http://127.0.0.1:${port}`, stats: () => ({ ...stats }), close: () => close(server) }
}

interface Context {
  options: LoadUpstreamOptions
  stats: LoadStats
}

function serve({ options, stats }: Context, request: IncomingMessage, response: ServerResponse): void {
  if (request.method === 'GET') {
    const isStats = request.url === '/stats'
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(isStats ? JSON.stringify(stats) : modelsBody)
    return
  }
  const wanted = withQuery(options, request.url ?? '')
  let body = ''
  request.on('data', (chunk: Buffer) => {
    body += chunk.toString('latin1')
  })
  request.on('end', () => {
    stats.requests += 1
    const streams = /"stream"\s*:\s*true/.test(body)
    if (streams) stats.streams += 1
    response.on('close', () => {
      if (!response.writableFinished) stats.aborted += 1
    })
    const answer = () => {
      if (response.destroyed) return
      if (streams) stream(response, wanted, /"include_usage"\s*:\s*true/.test(body))
      else response.writeHead(200, jsonHeaders).end(jsonBody)
    }
    if (wanted.delayMs > 0) setTimeout(answer, wanted.delayMs)
    else answer()
  })
}

function withQuery(options: LoadUpstreamOptions, url: string): LoadUpstreamOptions {
  const at = url.indexOf('?')
  if (at < 0) return options
  const query = new URLSearchParams(url.slice(at + 1))
  const read = (name: string, fallback: number) => {
    const value = Number(query.get(name) ?? fallback)
    return Number.isFinite(value) && value >= 0 ? value : fallback
  }
  return {
    ...options,
    delayMs: read('delay', options.delayMs),
    chunks: read('chunks', options.chunks),
    intervalMs: read('interval', options.intervalMs),
  }
}

function stream(
  response: ServerResponse,
  { chunks, intervalMs }: LoadUpstreamOptions,
  includeUsage: boolean,
): void {
  response.writeHead(200, streamHeaders)
  const end = includeUsage
    ? Buffer.concat([finishEvent, usageEvent(chunks), doneEvent])
    : Buffer.concat([finishEvent, doneEvent])
  if (intervalMs === 0) {
    response.end(Buffer.concat([openingEvent, ...Array<Buffer>(chunks).fill(contentEvent), end]))
    return
  }
  response.write(openingEvent)
  let sent = 0
  const timer = setInterval(() => {
    // A reader that is behind gets its chunks later: the tick is skipped, nothing is queued.
    if (response.writableNeedDrain) return
    if (sent < chunks) {
      sent += 1
      response.write(contentEvent)
      return
    }
    clearInterval(timer)
    response.end(end)
  }, intervalMs)
  response.on('close', () => clearInterval(timer))
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

const identity = { id: 'chatcmpl-load', created: 1_700_000_000, model: 'gpt-4o-mini-2024-07-18' }

const jsonBody = Buffer.from(
  JSON.stringify({
    ...identity,
    object: 'chat.completion',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: PIECE.repeat(100).trim(), refusal: null },
        logprobs: null,
        finish_reason: 'stop',
      },
    ],
    usage: usage(100),
    system_fingerprint: 'fp_load',
  }),
)
// Those that load tests list: a gateway asks before it sells them.
const served = ['gpt-4o-mini', 'gpt-4o', 'gpt-4.1-mini', 'gpt-4.1-nano', 'gpt-4.1', identity.model]
const modelsBody = JSON.stringify({
  object: 'list',
  data: served.map((id) => ({ id, object: 'model', created: identity.created, owned_by: 'load' })),
})
const jsonHeaders = { 'content-type': 'application/json', 'content-length': String(jsonBody.length) }
const streamHeaders = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' }
const openingEvent = event([
  { index: 0, delta: { role: 'assistant', content: '', refusal: null }, logprobs: null, finish_reason: null },
])
const contentEvent = event([{ index: 0, delta: { content: PIECE }, logprobs: null, finish_reason: null }])
const finishEvent = event([{ index: 0, delta: {}, logprobs: null, finish_reason: 'stop' }])
const doneEvent = Buffer.from('data: [DONE]\n\n')

function event(choices: object[], more: object = {}): Buffer {
  const chunk = {
    ...identity,
    object: 'chat.completion.chunk',
    system_fingerprint: 'fp_load',
    choices,
    ...more,
  }
  return Buffer.from(`data: ${JSON.stringify(chunk)}\n\n`)
}

function usageEvent(chunks: number): Buffer {
  return event([], { usage: usage(chunks) })
}

function usage(completionTokens: number): object {
  return {
    prompt_tokens: PROMPT_TOKENS,
    completion_tokens: completionTokens,
    total_tokens: PROMPT_TOKENS + completionTokens,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const read = (name: string, fallback: number) => Number(process.env[name] ?? fallback)
  const upstream = await startLoadUpstream({
    port: read('PORT', 9001),
    delayMs: read('DELAY_MS', defaults.delayMs),
    chunks: read('CHUNKS', defaults.chunks),
    intervalMs: read('INTERVAL_MS', defaults.intervalMs),
  })
  console.log(`fake upstream on ${upstream.origin}`)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void upstream.close())
}
