/**
 * An upstream that does what a story tells it, byte for byte: a raw TCP server, so that answers can be wrong in any
 * way, with its own log of what it was asked and what became of it. Scripts are chosen by the path before /v1.
 */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { answerToVerification } from './verification.ts'

export interface UpstreamVisit {
  name: string
  path: string
  headers: Record<string, string>
  body: string
  json: Record<string, unknown>
  /** Monotonic milliseconds at which the caller closed before we had finished. */
  abortedAtMs: number | undefined
  finished: boolean
}

export interface Wire {
  visit: UpstreamVisit
  /** Writes raw bytes; resolves when they have left. */
  raw(bytes: string | Buffer): Promise<void>
  json(status: number, body: unknown, headers?: Record<string, string>): Promise<void>
  /** Opens an SSE answer. */
  stream(headers?: Record<string, string>): Promise<void>
  event(data: unknown): Promise<void>
  /** Writes parts of a chunked body as they are, each in a frame of its own, so that readers get them cut like this. */
  body(...parts: readonly (string | Buffer)[]): Promise<void>
  /** Ends an SSE answer properly. */
  endStream(): Promise<void>
  reset(): void
  close(): void
  gone(): boolean
}

export type Script = (wire: Wire) => Promise<void> | void

export interface ScriptedUpstream {
  /**
   * Base URL for a listing served by `script`, ending in /v1. The gateway's own questions, whether the listing's key
   * works, are answered well and are no visits; with `verifies: false` they go to the script like any other.
   */
  serve(name: string, script: Script, options?: { verifies?: boolean }): string
  /** Where it stands: see `vendorOrigin` of a test gateway. */
  origin: string
  visits: UpstreamVisit[]
  visitsOf(name: string): UpstreamVisit[]
  close(): Promise<void>
}

export async function startScriptedUpstream(): Promise<ScriptedUpstream> {
  const scripts = new Map<string, Service>()
  const visits: UpstreamVisit[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    listen(socket, scripts, visits)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    origin,
    serve(name, script, { verifies = true } = {}) {
      scripts.set(name, { script, verifies })
      return `${origin}/${name}/v1`
    },
    visits,
    visitsOf: (name) => visits.filter((visit) => visit.name === name),
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

interface Service {
  script: Script
  verifies: boolean
}

/** Reads requests off one kept-alive connection, one after the other. */
function listen(socket: Socket, scripts: Map<string, Service>, visits: UpstreamVisit[]): void {
  let pending: Buffer = Buffer.alloc(0)
  let current: UpstreamVisit | undefined
  socket.on('close', () => {
    if (current && !current.finished) current.abortedAtMs = performance.now()
  })
  socket.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk])
    const request = takeRequest(pending)
    if (!request) return
    pending = request.rest
    const visit: UpstreamVisit = { ...request.visit, abortedAtMs: undefined, finished: false }
    const service = scripts.get(visit.name)
    const wire = wireOf(socket, visit)
    const verified = service?.verifies ? answerToVerification(visit.path, visit.body) : undefined
    if (verified !== undefined) {
      // The story's own requests find the connections as they would without it: none.
      void wire.json(200, verified, { connection: 'close' }).then(() => socket.end())
      return
    }
    current = visit
    visits.push(visit)
    void (
      service
        ? Promise.resolve(service.script(wire))
        : wire.json(404, { error: { message: 'no such script' } })
    ).then(() => {
      visit.finished = !wire.gone()
    })
  })
}

function takeRequest(
  bytes: Buffer,
): { visit: Omit<UpstreamVisit, 'abortedAtMs' | 'finished'>; rest: Buffer } | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n')
  if (headEnd < 0) return undefined
  const [first = '', ...lines] = bytes.subarray(0, headEnd).toString('latin1').split('\r\n')
  const headers = Object.fromEntries(
    lines.map((line) => [
      line.slice(0, line.indexOf(':')).toLowerCase(),
      line.slice(line.indexOf(':') + 1).trim(),
    ]),
  )
  const length = Number(headers['content-length'] ?? 0)
  const end = headEnd + 4 + length
  if (bytes.length < end) return undefined
  const body = bytes.subarray(headEnd + 4, end).toString('utf8')
  const path = first.split(' ')[1] ?? '/'
  return {
    visit: { name: path.split('/')[1] ?? '', path, headers, body, json: body === '' ? {} : JSON.parse(body) },
    rest: bytes.subarray(end),
  }
}

function wireOf(socket: Socket, visit: UpstreamVisit): Wire {
  let chunked = false
  const raw = (bytes: string | Buffer) =>
    new Promise<void>((resolve) => {
      if (socket.destroyed) resolve()
      else socket.write(bytes, () => resolve())
    })
  const body = (...parts: readonly (string | Buffer)[]) =>
    raw(Buffer.concat(parts.flatMap((part) => (chunked ? inFrame(Buffer.from(part)) : Buffer.from(part)))))
  return {
    visit,
    raw,
    json(status, body, headers = {}) {
      const text = typeof body === 'string' ? body : JSON.stringify(body)
      return raw(
        head(status, {
          'content-type': 'application/json',
          'content-length': String(Buffer.byteLength(text)),
          ...headers,
        }) + text,
      )
    },
    stream(headers = {}) {
      chunked = true
      return raw(
        head(200, { 'content-type': 'text/event-stream', 'transfer-encoding': 'chunked', ...headers }),
      )
    },
    event: (data) => body(`data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`),
    body,
    async endStream() {
      await raw('0\r\n\r\n')
      chunked = false
    },
    reset: () => void socket.resetAndDestroy(),
    close: () => void socket.destroy(),
    gone: () => socket.destroyed,
  }
}

function inFrame(part: Buffer): Buffer[] {
  return [Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')]
}

function head(status: number, headers: Record<string, string>): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} Whatever\r\n${lines.join('')}\r\n`
}

/** A plain answer in OpenAI's dialect. */
export function completion(
  content: string | null,
  { usage, ...more }: { usage?: unknown } & Record<string, unknown> = {},
) {
  return {
    id: 'chatcmpl-upstream',
    object: 'chat.completion',
    created: 1_700_000_000,
    model: 'upstream-model',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content, refusal: null },
        logprobs: null,
        finish_reason: 'stop',
      },
    ],
    usage: usage === undefined ? { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 } : usage,
    ...more,
  }
}

/** One chunk of a stream in OpenAI's dialect. */
export function chunk(
  delta: Record<string, unknown>,
  finish: string | null = null,
  more: Record<string, unknown> = {},
) {
  return {
    id: 'chatcmpl-upstream',
    object: 'chat.completion.chunk',
    created: 1_700_000_000,
    model: 'upstream-model',
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
    ...more,
  }
}

/** A whole, healthy stream that says `words` and reports `usage`. */
export function streaming(
  words: readonly string[],
  usage: unknown = { prompt_tokens: 10, completion_tokens: words.length, total_tokens: 10 + words.length },
): Script {
  return async (wire) => {
    await wire.stream()
    await wire.event(chunk({ role: 'assistant', content: '' }))
    for (const word of words) await wire.event(chunk({ content: word }))
    await wire.event(chunk({}, 'stop'))
    if (usage !== null) await wire.event({ ...chunk({}), choices: [], usage })
    await wire.event('[DONE]')
    await wire.endStream()
  }
}
