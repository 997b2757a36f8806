import { createHash, type Hash } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { errorBody, type GatewayError } from '../platform/errors.ts'

const KEEP_ALIVE = ': keep-alive\n'
// Proxies and clients give up on a silent stream at about 20 s.
const KEEP_ALIVE_MS = 15_000
// A reader that takes nothing for this long is gone, or holding an upstream slot hostage.
const SLOW_READER_MS = 60_000

/** The client's side of an SSE answer: head, events, back-pressure, keep-alive comments, and its departure. */
export class ClientStream {
  readonly #response: ServerResponse
  readonly #onDrain = new Set<() => void>()
  #keepAlive: NodeJS.Timeout | undefined
  #slowReader: NodeJS.Timeout | undefined
  #wroteSinceTick = false
  readonly #hash: Hash = createHash('sha256')
  #hashed = false

  constructor(response: ServerResponse) {
    this.#response = response
    response.on('drain', () => {
      clearTimeout(this.#slowReader)
      this.#slowReader = undefined
      for (const listener of this.#onDrain) listener()
    })
    response.on('close', () => this.#stopTimers())
  }

  get headSent(): boolean {
    return this.#response.headersSent
  }

  get gone(): boolean {
    return this.#response.destroyed
  }

  /** Calls `listener` each time the client has taken what was written. */
  onDrain(listener: () => void): void {
    this.#onDrain.add(listener)
  }

  /** Sends status 200 and the headers; from here on failures are told inside the stream. */
  open(headers: Record<string, string>): void {
    if (this.headSent || this.gone) return
    this.#response.writeHead(200, {
      ...headers,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      'x-accel-buffering': 'no',
    })
    this.#response.flushHeaders()
    this.#keepAlive = setInterval(() => this.#tick(), KEEP_ALIVE_MS)
  }

  /** Writes events; false when the client is behind and the upstream should wait for `onDrain`. */
  write(text: string): boolean {
    if (this.gone) return true
    this.#wroteSinceTick = true
    this.#hash.update(text)
    const keptUp = this.#response.write(text)
    if (!keptUp && this.#slowReader === undefined) {
      this.#slowReader = setTimeout(() => this.#response.destroy(), SLOW_READER_MS)
    }
    return keptUp
  }

  /** A comment line; one newline, because some SDKs take a blank line for an empty event. */
  comment(): void {
    if (this.gone || this.#hashed || this.#response.writableNeedDrain) return
    this.#hash.update(KEEP_ALIVE)
    this.#response.write(KEEP_ALIVE)
  }

  /**
   * SHA-256 in hex of all that was written, and `lastBytes` when the client is there to get them. Asked once; nothing
   * but those may be written from then on.
   */
  hashWith(lastBytes: string): string {
    this.#hashed = true
    clearInterval(this.#keepAlive)
    if (!this.gone) this.#hash.update(lastBytes)
    return this.#hash.digest('hex')
  }

  /** Ends the stream with an error event and without `[DONE]`. */
  fail(error: GatewayError, requestId: string): void {
    clearInterval(this.#keepAlive)
    if (!this.gone) this.#response.end(`data: ${errorBody(error, requestId)}\n\n`)
  }

  /** Ends the stream; a reader that does not take the rest is still cut off. */
  finish(lastEvents: string): void {
    clearInterval(this.#keepAlive)
    if (!this.gone) this.#response.end(lastEvents)
  }

  #tick(): void {
    if (!this.#wroteSinceTick) this.comment()
    this.#wroteSinceTick = false
  }

  #stopTimers(): void {
    clearInterval(this.#keepAlive)
    clearTimeout(this.#slowReader)
  }
}
