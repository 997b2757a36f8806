import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'
import type { Clock } from '../platform/clock.ts'
import { CallRefused } from './place.ts'
import { AddressRefused } from './resolve.ts'

/** What went wrong on the way, in the words of routing's outcome classes. */
export interface ExchangeFailure {
  class: 'network' | 'timeout' | 'malformed' | 'server_error' | 'own_fault' | 'client_gone'
  message: string
  /** A limit of ours ended it: the caller of the gateway read too slowly, or asked for more than fits or for too long. */
  cut?: 'slow_reader' | 'too_large' | 'too_long'
  /** The upstream's name led where it must not lead, so the listing is not to be called again. Its class is `network`. */
  blocked?: true
}

export interface ExchangeLimits {
  /** From start to response headers. */
  firstByteMs: number
  /** Between two pieces of the body. */
  idleMs: number
  /** Whole exchange. */
  totalMs: number
  maxBytes: number
}

export interface ExchangeHandler {
  onHeaders(status: number, headers: Readonly<Record<string, string>>): void
  onData(chunk: Buffer): void
  onEnd(): void
  /** Called once, instead of `onEnd`. */
  onFailure(failure: ExchangeFailure): void
}

// A timer that fires this late was held up by our own event loop; the seller is not to blame.
const LATE_TIMER_MS = 250
// Held back for longer than this in all, the exchange ran out of time because of whom it was held back for.
const SLOW_READER_MS = 5_000

/** One call to an upstream, from dispatch to its last byte. */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly #clock: Clock
  readonly #limits: ExchangeLimits
  readonly #handler: ExchangeHandler
  readonly #startedMs: number
  #controller: Dispatcher.DispatchController | undefined
  #timer: NodeJS.Timeout | undefined
  #armedForMs = 0
  #graceGiven = false
  #dueMs: number
  #bytes = 0
  #headersSeen = false
  #over = false
  #paused = false
  #pausedAtMs = 0
  #heldBackMs = 0
  #runsOut = false
  /** Told when the call is about to be written to a connection. */
  onStart: (() => void) | undefined
  /** Asked before a call that heard nothing fails; says whether it goes out once more. */
  redial: ((error: Error) => boolean) | undefined

  constructor(clock: Clock, limits: ExchangeLimits, handler: ExchangeHandler) {
    this.#clock = clock
    this.#limits = limits
    this.#handler = handler
    this.#startedMs = clock.monotonicMs()
    this.#dueMs = this.#startedMs + limits.firstByteMs
    this.#arm(this.#startedMs)
  }

  /** Nothing more will be told of it, so there is no use in beginning. */
  get isOver(): boolean {
    return this.#over
  }

  /** Stops the call; the handler hears nothing more. */
  abort(): void {
    if (this.#over) return
    this.#finish()
    this.#controller?.abort(new Error('aborted by the gateway'))
  }

  pause(): void {
    if (!this.#paused) this.#pausedAtMs = this.#clock.monotonicMs()
    this.#paused = true
    if (!this.#runsOut) this.#controller?.pause()
  }

  /** The connection has ended: what is left of the answer comes now, whether or not anybody keeps up. */
  runOut(): void {
    this.#runsOut = true
    this.#controller?.resume()
  }

  resume(): void {
    const nowMs = this.#clock.monotonicMs()
    if (this.#paused) this.#heldBackMs += nowMs - this.#pausedAtMs
    this.#paused = false
    this.#dueMs = nowMs + this.#limits.idleMs
    this.#controller?.resume()
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    this.onStart?.()
    if (this.#over) controller.abort(new Error('aborted by the gateway'))
    else if (this.#paused) controller.pause()
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    if (this.#over || status < 200) return
    this.#headersSeen = true
    const nowMs = this.#clock.monotonicMs()
    this.#dueMs = nowMs + this.#limits.idleMs
    // A timer that fires too early looks again; one that would fire too late is set anew.
    if (this.#dueMs < this.#armedForMs) this.#arm(nowMs)
    if (status >= 300 && status < 400) {
      // Followed, it would take the key to a host of the upstream's choice. Where it points is not told.
      this.#fail({ class: 'malformed', message: `the upstream answered with a redirect (${status})` })
      return
    }
    const encoding = headers['content-encoding']
    if (encoding !== undefined && encoding !== 'identity') {
      this.#fail({ class: 'malformed', message: `the upstream sent content-encoding ${encoding} unasked` })
      return
    }
    this.#handler.onHeaders(status, flat(headers))
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#over) return
    this.#dueMs = this.#clock.monotonicMs() + this.#limits.idleMs
    this.#bytes += chunk.length
    if (this.#bytes > this.#limits.maxBytes) {
      this.#fail({
        class: 'malformed',
        message: `the answer is larger than ${this.#limits.maxBytes} bytes`,
        cut: 'too_large',
      })
      return
    }
    this.#handler.onData(chunk)
  }

  onResponseEnd(): void {
    if (this.#over) return
    this.#finish()
    try {
      this.#handler.onEnd()
    } catch (error) {
      // Swallowed by the client library, it would leave the request waiting for ever.
      this.#handler.onFailure({
        class: 'malformed',
        message: `the answer could not be read: ${String(error)}`,
      })
    }
  }

  onResponseError(_controller: unknown, error: Error): void {
    if (this.#over) return
    if (!this.#headersSeen && this.redial?.(error)) return
    this.#finish()
    const failure = classify(error, this.#headersSeen)
    // An upstream that nobody reads from gives up in the end.
    const gaveUp = failure.class === 'server_error' && this.#wasHeldBack(this.#clock.monotonicMs())
    this.#handler.onFailure(gaveUp ? { ...failure, cut: 'slow_reader' } : failure)
  }

  /** Sets the timer for whichever limit comes first; later activity only moves `#dueMs`, the timer looks when it fires. */
  #arm(nowMs: number): void {
    clearTimeout(this.#timer)
    // While we hold the upstream back for a slow reader, its silence is our doing.
    const dueMs = this.#paused ? nowMs + this.#limits.idleMs : this.#dueMs
    this.#armedForMs = Math.min(dueMs, nowMs + this.#limits.idleMs, this.#totalDueMs)
    this.#timer = setTimeout(() => this.#onTimer(), Math.max(0, this.#armedForMs - nowMs))
  }

  get #totalDueMs(): number {
    return this.#startedMs + this.#limits.totalMs
  }

  #onTimer(): void {
    if (this.#over) return
    const nowMs = this.#clock.monotonicMs()
    const totalIsUp = nowMs >= this.#totalDueMs
    if (!totalIsUp && (this.#paused || nowMs < this.#dueMs)) {
      this.#arm(nowMs)
      return
    }
    if (nowMs - this.#armedForMs > LATE_TIMER_MS && !this.#graceGiven) {
      // Our event loop stalled; the bytes that wait in the socket get one more turn before we judge.
      this.#graceGiven = true
      this.#timer = setTimeout(() => this.#onTimer(), LATE_TIMER_MS)
      return
    }
    const what = totalIsUp ? 'the whole answer' : this.#headersSeen ? 'the next bytes' : 'response headers'
    // An upstream that still sends has done nothing wrong: the answer is longer than we pass on.
    const isTalking = this.#headersSeen && nowMs < this.#dueMs
    const cut = this.#wasHeldBack(nowMs) ? 'slow_reader' : isTalking ? 'too_long' : undefined
    this.#fail({
      class: 'timeout',
      message: `the upstream did not send ${what} in time`,
      ...(totalIsUp && cut ? { cut } : {}),
    })
  }

  #wasHeldBack(nowMs: number): boolean {
    return this.#heldBackMs + (this.#paused ? nowMs - this.#pausedAtMs : 0) > SLOW_READER_MS
  }

  #fail(failure: ExchangeFailure): void {
    this.#finish()
    this.#controller?.abort(new Error(failure.message))
    this.#handler.onFailure(failure)
  }

  #finish(): void {
    this.#over = true
    clearTimeout(this.#timer)
  }
}

/** One value per name: a header that was sent twice counts as its first. */
function flat(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  for (const [name, value] of Object.entries(headers)) if (Array.isArray(value)) headers[name] = value[0]
  return headers as Readonly<Record<string, string>>
}

function classify(error: Error, headersSeen: boolean): ExchangeFailure {
  const code = 'code' in error ? String(error.code) : ''
  const message = `${code} ${error.message}`.trim()
  if (error instanceof CallRefused) return { class: 'own_fault', message }
  if (error instanceof AddressRefused) {
    if (error.reason === 'blocked') return { class: 'network', message, blocked: true }
    return { class: error.reason === 'our_rules' ? 'own_fault' : 'network', message }
  }
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return { class: 'network', message }
  // An answer in pieces that was cut: without keep-alive, the parser is the one to notice.
  if (/Invalid EOF state/.test(message)) return { class: headersSeen ? 'server_error' : 'network', message }
  if (
    error.name === 'HTTPParserError' ||
    code.startsWith('HPE_') ||
    code === 'UND_ERR_HEADERS_OVERFLOW' ||
    code.startsWith('UND_ERR_RES')
  ) {
    return { class: 'malformed', message }
  }
  if (code === 'UND_ERR_INVALID_ARG' || code === 'ERR_INVALID_ARG_VALUE' || code === 'EMFILE')
    return { class: 'own_fault', message }
  return { class: headersSeen ? 'server_error' : 'network', message }
}
