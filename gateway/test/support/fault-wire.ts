/**
 * The raw server under the fault upstream: one connection's requests one after the other, answers byte for byte, and a
 * log to which a line is appended for each connection and each request, with what was sent and how it ended.
 */
import { appendFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { answerToVerification } from './verification.ts'

/** How a connection or a request's answer ended, in the upstream's eyes. */
export type Ended = 'kept' | 'fin' | 'rst' | 'peer'

export interface RequestLine {
  at: 'request'
  row: string
  fault: string
  /** What the caller named the request with (`user`); `''` for the gateway's own question whether a key works. */
  ask: string
  connection: number
  /** Which request of its connection this was, from 1. */
  nth: number
  stream: boolean
  sentBytes: number
  ended: Ended
}

export interface ConnectionLine {
  at: 'connection'
  row: string
  connection: number
  requests: number
  ended: Ended
}

export type UpstreamLogLine = RequestLine | ConnectionLine

export interface FaultWire {
  readonly ask: string
  readonly stream: boolean
  /** Which request of its connection this is, from 1. */
  readonly nth: number
  /** Writes bytes as they are; resolves when they have left, also when nobody takes them any more. */
  raw(...parts: (string | Buffer)[]): Promise<void>
  head(status: number, headers?: Record<string, string>): Promise<void>
  /** A whole answer with a true content-length. */
  answer(status: number, body: unknown, headers?: Record<string, string>): Promise<void>
  /** Opens a chunked answer, of server-sent events unless said otherwise. */
  open(headers?: Record<string, string>): Promise<void>
  /** Each part in a frame of its own. */
  frames(...parts: (string | Buffer)[]): Promise<void>
  event(data: unknown): Promise<void>
  /** The end of a chunked answer. */
  done(): Promise<void>
  fin(): void
  rst(): void
  readonly gone: boolean
  /** Waits until the caller has closed. */
  hang(): Promise<void>
}

export type Behaviour = (wire: FaultWire) => Promise<unknown> | unknown

const GONE_POLL_MS = 10

let connections = 0

export interface Listener {
  row: string
  log: string
  behaviourOf(fault: string): Behaviour | undefined
}

/** Reads requests off one connection and lets the behaviour that its path names answer each. */
export function serveSocket(socket: Socket, listener: Listener): void {
  connections += 1
  const connection = connections
  const { row } = listener
  let pending: Buffer = Buffer.alloc(0)
  let requests = 0
  let ours: Ended | undefined
  socket.setNoDelay(true)
  socket.on('error', () => undefined)
  socket.on('close', () =>
    writeLine(listener.log, { at: 'connection', row, connection, requests, ended: ours ?? 'peer' }),
  )
  const end = (how: Ended) => {
    ours ??= how
    if (how === 'rst') socket.resetAndDestroy()
    else socket.end()
  }
  socket.on('data', (bytes) => {
    pending = Buffer.concat([pending, bytes])
    const request = takeRequest(pending)
    if (!request) return
    pending = request.rest
    requests += 1
    const { ask, stream, fault, path, body } = request
    const wire = wireOf(socket, { ask, stream, nth: requests, end })
    const verified = proofOf(fault, path) ?? answerToVerification(path, body)
    const behaviour =
      verified === undefined ? (listener.behaviourOf(fault) ?? unknown) : verification(verified)
    const write = () => {
      const ended: Ended = ours ?? (socket.destroyed ? 'peer' : 'kept')
      const { nth, sentBytes } = wire
      writeLine(listener.log, { at: 'request', row, fault, ask, connection, nth, stream, sentBytes, ended })
    }
    Promise.resolve(behaviour(wire)).then(write, write)
  })
}

const unknown: Behaviour = (wire) => wire.answer(404, { error: { message: 'no such fault' } })

// Closed afterwards, so that a fault of the next connection meets the first request that is a buyer's.
const verification =
  (json: string): Behaviour =>
  async (wire) => {
    await wire.answer(200, json, { connection: 'close' })
    wire.fin()
  }

/** What shows that a listing's seller controls its host. */
function proofOf(folder: string, path: string): string | undefined {
  return folder === '.well-known' ? /^\/bourse-(\w+)$/.exec(path)?.[1] : undefined
}

/** For a connection that never came to a request. */
export function noteConnection({ row, log }: Pick<Listener, 'row' | 'log'>, ended: Ended): void {
  connections += 1
  writeLine(log, { at: 'connection', row, connection: connections, requests: 0, ended })
}

function writeLine(file: string, line: UpstreamLogLine): void {
  appendFileSync(file, `${JSON.stringify(line)}\n`)
}

interface TakenRequest {
  /** Without its first part. */
  path: string
  body: string
  fault: string
  ask: string
  stream: boolean
  rest: Buffer
}

/** The first whole request in `bytes`. The fault is the path's first part. */
function takeRequest(bytes: Buffer): TakenRequest | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n')
  if (headEnd < 0) return undefined
  const head = bytes.subarray(0, headEnd).toString('latin1')
  const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0)
  const end = headEnd + 4 + length
  if (bytes.length < end) return undefined
  const body = bytes.subarray(headEnd + 4, end).toString()
  const json = length === 0 ? {} : (JSON.parse(body) as { user?: unknown; stream?: unknown })
  const [, fault = '', ...path] = head.split(' ')[1]?.split('/') ?? []
  return {
    path: `/${path.join('/')}`,
    body,
    fault,
    ask: typeof json.user === 'string' ? json.user : '',
    stream: json.stream === true,
    rest: bytes.subarray(end),
  }
}

interface WireState {
  ask: string
  stream: boolean
  nth: number
  end(how: Ended): void
}

function wireOf(socket: Socket, { ask, stream, nth, end }: WireState): FaultWire & { sentBytes: number } {
  const wire = {
    ask,
    stream,
    nth,
    sentBytes: 0,
    raw(...parts: (string | Buffer)[]) {
      const bytes = Buffer.concat(parts.map((part) => Buffer.from(part as string)))
      return new Promise<void>((resolve) => {
        if (socket.destroyed || socket.writableEnded) {
          resolve()
          return
        }
        wire.sentBytes += bytes.length
        socket.once('close', resolve)
        socket.write(bytes, () => {
          socket.off('close', resolve)
          resolve()
        })
      })
    },
    head: (status: number, headers: Record<string, string> = {}) => wire.raw(headOf(status, headers)),
    answer(status: number, body: unknown, headers: Record<string, string> = {}) {
      const text = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body)
      const length = String(Buffer.byteLength(text))
      return wire.raw(
        headOf(status, { 'content-type': 'application/json', 'content-length': length, ...headers }),
        text,
      )
    },
    open: (headers: Record<string, string> = {}) =>
      wire.head(200, {
        'content-type': 'text/event-stream',
        'transfer-encoding': 'chunked',
        ...headers,
      }),
    frames: (...parts: (string | Buffer)[]) => wire.raw(Buffer.concat(parts.map(inFrame))),
    event: (data: unknown) =>
      wire.frames(`data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`),
    done: () => wire.raw('0\r\n\r\n'),
    fin: () => end('fin'),
    rst: () => end('rst'),
    get gone() {
      return socket.destroyed
    },
    async hang() {
      while (!socket.destroyed) await delay(GONE_POLL_MS)
    },
  }
  return wire
}

function headOf(status: number, headers: Record<string, string>): string {
  const lines = Object.entries(headers)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} Whatever\r\n${lines.join('')}\r\n`
}

function inFrame(part: string | Buffer): Buffer {
  const bytes = Buffer.from(part as string)
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')])
}
