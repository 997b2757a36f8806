/**
 * One upstream stream on its way to one client. Events are buffered until the first content, so that a stream
 * that fails before it can be replaced by the next offer; then they go through as they come, with back-pressure.
 */

import type { Tokenizer } from '../catalog/catalog.ts'
import type { Exchange, ExchangeFailure, ExchangeHandler } from '../egress/exchange.ts'
import { SseEventTooLarge, SseFramer } from '../http/sse-framer.ts'
import { countText } from '../metering/count-tokens.ts'
import { OutputCounter } from '../metering/output-counter.ts'
import type { UpstreamFailure } from '../providers/outcome.ts'
import { type Headers, MalformedReply, type StreamReader, type WireFormat } from '../providers/provider.ts'
import type { Usage } from '../providers/usage.ts'
import { Chatter } from './chatter.ts'
import { FailureBody } from './failure-body.ts'
import { FirstBytes } from './first-bytes.ts'
import { Progress } from './progress.ts'
import { clientLeft, type StreamEnd, tooMuchChatter, unfinished } from './stream-end.ts'

// Role and bookkeeping chunks before the first content are a few hundred bytes; more is not a chat stream.
const MAX_BUFFERED_CHARS = 64 * 1024
// After the finish chunk a leaving client still owes the usage report that is on its way.
const LEAVE_DRAIN_MS = 5_000
// A stream that is over ends its connection's answer at once; one that does not costs us the connection only.
const LINGER_MS = 1_000

const complete = { kind: 'complete' } as const

/** What the relay needs of the client's side. */
export interface RelaySink {
  write(text: string): boolean
}

interface RelayDeps {
  format: WireFormat
  reader: StreamReader
  tokenizer: Tokenizer
  /** Measures what is written, beside the count that is billed. */
  yardstick?: { add(text: string): void }
  /** The failure of an answer that calls tools of these names; `undefined` when it may. */
  refuseCalls: (names: readonly string[]) => UpstreamFailure | undefined
  nowMs: () => number
  sink: RelaySink
  /** Called once, when the upstream answers with a stream; `mislabelled` when only its bytes say that it is one. */
  onHeaders: (answer: { mislabelled: boolean }) => void
  /** Called once at the first content; the buffered events are written when it resolves. */
  onContent: () => Promise<void>
  /** Called about once a second while content flows. */
  onProgress: () => void
  /** Completion tokens that the client's limit on the cost has room for. */
  allowedOutput: number | undefined
}

export class StreamRelay implements ExchangeHandler {
  readonly #deps: RelayDeps
  readonly #framer = new SseFramer()
  readonly #counter: OutputCounter
  readonly #chatter = new Chatter()
  #exchange: Exchange | undefined
  #failureBody: FailureBody | undefined
  #buffered = ''
  #stage: 'waiting' | 'opening' | 'flowing' | 'over' = 'waiting'
  #opening = false
  #endWhenOpen: StreamEnd | undefined
  #delivered: number | undefined
  readonly #progress = new Progress()
  #drainTimer: NodeJS.Timeout | undefined
  #unlabelled: FirstBytes | undefined

  /** The first content is here; or why none will be. */
  readonly opened: Promise<UpstreamFailure | undefined>
  /** The first content has gone out; until then another upstream may take over, and this is why one must. */
  readonly flowing: Promise<UpstreamFailure | undefined>
  readonly ended: Promise<StreamEnd>
  #resolveOpened!: (failure: UpstreamFailure | undefined) => void
  #resolveFlowing!: (failure: UpstreamFailure | undefined) => void
  #resolveEnded!: (end: StreamEnd) => void

  usage: Usage | undefined
  finishReason: string | undefined
  hasToolCalls = false
  /** How many tool calls were begun. */
  calls = 0
  hasText = false

  constructor(deps: RelayDeps) {
    this.#deps = deps
    this.#counter = new OutputCounter(deps.tokenizer)
    this.opened = new Promise((resolve) => {
      this.#resolveOpened = resolve
    })
    this.flowing = new Promise((resolve) => {
      this.#resolveFlowing = resolve
    })
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve
    })
  }

  start(exchange: Exchange): void {
    this.#exchange = exchange
  }

  get isOver(): boolean {
    return this.#stage === 'over'
  }

  /** Completion tokens of what was passed on so far, by our own count. */
  countedOutput(): number {
    return this.#delivered ?? this.#counter.total()
  }

  /** The client has taken what was written. */
  resume(): void {
    if (this.#stage === 'flowing') this.#exchange?.resume()
  }

  /** The client has left: stop the upstream, unless its usage report is all that is missing. */
  clientGone(): void {
    if (this.#stage === 'over') return
    // What was read and not sent is not delivered.
    if (this.#stage !== 'flowing') this.#delivered = 0
    if (this.finishReason !== undefined && this.usage === undefined) {
      this.#exchange?.resume()
      this.#drainTimer ??= setTimeout(() => this.#end({ kind: 'client_gone' }), LEAVE_DRAIN_MS)
      return
    }
    this.#end({ kind: 'client_gone' })
  }

  /** We must stop the stream (time is up, or the hold was refused). */
  stop(failure: UpstreamFailure): void {
    this.#fail(failure)
  }

  onHeaders(status: number, headers: Headers): void {
    const type = headers['content-type'] ?? ''
    if (status !== 200) this.#failureBody = new FailureBody({ status, headers })
    else if (type.includes('event-stream')) this.#deps.onHeaders({ mislabelled: false })
    else this.#unlabelled = new FirstBytes(headers)
  }

  onData(chunk: Buffer): void {
    if (this.#stage === 'over') {
      // Nobody waits for what comes after the end, and it may have none.
      this.#exchange?.abort()
      return
    }
    if (this.#failureBody) {
      this.#failureBody.add(chunk)
      return
    }
    const bytes = this.#unlabelled ? this.#label(this.#unlabelled, chunk) : chunk
    if (!bytes) return
    try {
      let out = ''
      this.#chatter.received(bytes.length)
      for (const { event, data } of this.#framer.push(bytes)) out += this.#read(event, data)
      this.#pass(out)
      if (this.#chatter.isTooMuch) this.#fail(tooMuchChatter)
    } catch (error) {
      this.#failOnRead(error)
    }
  }

  /** The bytes of what turns out to be a stream. */
  #label(first: FirstBytes, chunk: Buffer): Buffer | undefined {
    const shown = first.add(chunk)
    if (!shown) return undefined
    this.#unlabelled = undefined
    if (shown.isStream) this.#deps.onHeaders({ mislabelled: true })
    else this.#failureBody = first.failureBody()
    return shown.isStream ? shown.bytes : undefined
  }

  onEnd(): void {
    if (this.#stage === 'over' || this.#endWhenOpen) return
    this.#failureBody ??= this.#unlabelled?.failureBody()
    if (this.#failureBody) {
      this.#fail(this.#failureBody.classify(this.#deps.format, this.#deps.nowMs()))
      return
    }
    try {
      let out = ''
      for (const { event, data } of this.#framer.end()) out += this.#read(event, data)
      this.#pass(out)
    } catch (error) {
      this.#failOnRead(error)
      return
    }
    if (this.finishReason === undefined) {
      this.#fail(unfinished)
    } else this.#endOnceOpen(complete)
  }

  onFailure(failure: ExchangeFailure): void {
    if (this.#endWhenOpen) return
    // A connection that breaks after the finish and the usage has delivered everything there was.
    if (this.finishReason !== undefined && this.usage !== undefined) this.#endOnceOpen(complete)
    else if (failure.cut && this.#stage === 'flowing') this.#end({ kind: 'cut_off', by: failure.cut })
    else this.#fail(failure)
  }

  #read(event: string, data: string): string {
    // What comes after the end is nobody's concern.
    if (this.#stage === 'over' || this.#endWhenOpen) return ''
    const part = this.#deps.reader.readEvent(event, data)
    if (part.failure) {
      this.#fail(part.failure)
      return ''
    }
    const refused = part.toolNames && this.#deps.refuseCalls(part.toolNames)
    if (refused) {
      this.#fail(refused)
      return ''
    }
    this.calls += part.toolNames?.length ?? 0
    if (part.usage) this.usage = part.usage
    if (part.finishReason !== undefined) this.finishReason = part.finishReason
    if (part.text !== '') {
      if (!this.#affords(part.text)) return ''
      this.hasText = true
    }
    if (part.hasToolCalls) this.hasToolCalls = true
    this.#chatter.event({ isContent: part.hasContent || part.text !== '' })
    let out = ''
    for (const chunk of part.chunks) out += `data: ${onOneLine(chunk)}\n\n`
    if (part.hasContent && this.#stage === 'waiting') this.#stage = 'opening'
    if (part.done && this.finishReason === undefined) this.#fail(unfinished)
    else if (part.done) this.#endWhenOpen = complete
    return out
  }

  /** Counts `text`; false when the client's limit has no room for it, which ends the stream before it. */
  #affords(text: string): boolean {
    const { allowedOutput, tokenizer } = this.#deps
    this.#counter.add(text)
    this.#deps.yardstick?.add(text)
    this.#progress.wrote(text.length)
    if (allowedOutput === undefined || this.#counter.within(allowedOutput)) return true
    const before = this.#counter.total() - countText(text, tokenizer)
    this.#delivered = Math.max(0, Math.min(before, allowedOutput))
    this.#endWhenOpen = { kind: 'cut_off', by: 'max_cost' }
    if (this.#stage === 'waiting') this.#stage = 'opening'
    return false
  }

  #pass(out: string): void {
    if (this.#stage === 'over') return
    if (this.#stage === 'flowing') {
      if (out !== '' && !this.#deps.sink.write(out)) this.#exchange?.pause()
    } else {
      this.#buffered += out
      if (this.#buffered.length > MAX_BUFFERED_CHARS && this.#stage === 'waiting') {
        this.#fail({ class: 'malformed', message: 'more than 64 KiB without any content' })
        return
      }
      if (this.#stage === 'opening') this.#open()
    }
    if (this.#endWhenOpen) this.#endOnceOpen(this.#endWhenOpen)
    else this.#tellProgress()
  }

  #tellProgress(): void {
    const nowMs = this.#deps.nowMs()
    if (this.#stage !== 'flowing') this.#progress.begin(nowMs)
    else if (this.#progress.isDue(nowMs)) this.#deps.onProgress()
  }

  /** Content has come: wait until the hold is durable, then let everything out. */
  #open(): void {
    if (this.#opening) return
    this.#opening = true
    this.#exchange?.pause()
    this.#resolveOpened(undefined)
    this.#deps.onContent().then(
      () => this.#flow(),
      (error: unknown) => this.#fail({ class: 'own_fault', message: String(error) }),
    )
  }

  #flow(): void {
    if (this.#stage !== 'opening') return
    this.#stage = 'flowing'
    this.#resolveFlowing(undefined)
    const keptUp = this.#buffered === '' || this.#deps.sink.write(this.#buffered)
    this.#buffered = ''
    if (this.#endWhenOpen) this.#end(this.#endWhenOpen)
    else if (keptUp) this.#exchange?.resume()
  }

  #endOnceOpen(end: StreamEnd): void {
    if (this.#stage === 'flowing') {
      this.#end(end)
      return
    }
    this.#endWhenOpen = end
    if (this.#stage === 'waiting') {
      // Finished without content: an empty answer, served as it is and free.
      this.#stage = 'opening'
      this.#open()
    }
  }

  /** Lets the connection come to the end of the answer, so that it can serve another; but not for long. */
  #letGo(): void {
    const exchange = this.#exchange
    if (!exchange || exchange.isOver) return
    exchange.resume()
    setTimeout(() => exchange.abort(), LINGER_MS).unref()
  }

  #failOnRead(error: unknown): void {
    if (!(error instanceof MalformedReply || error instanceof SseEventTooLarge)) throw error
    this.#fail({ class: 'malformed', message: error.message })
  }

  #fail(failure: UpstreamFailure): void {
    if (this.#stage === 'over') return
    // First: before any content has gone out this is a failed attempt, and the end of the relay is nobody's concern.
    this.#resolveOpened(failure)
    this.#resolveFlowing(failure)
    this.#end({ kind: 'upstream_failed', failure })
  }

  #end(end: StreamEnd): void {
    if (this.#stage === 'over') return
    this.#stage = 'over'
    clearTimeout(this.#drainTimer)
    if (end.kind === 'complete') this.#letGo()
    else this.#exchange?.abort()
    // The usage came, for a client that had left.
    const told: StreamEnd = end.kind === 'complete' && this.#drainTimer ? { kind: 'client_gone' } : end
    const left = told.kind === 'client_gone' ? clientLeft : undefined
    this.#resolveOpened(left)
    this.#resolveFlowing(left)
    this.#resolveEnded(told)
  }
}

/** An event may come on several lines; inside JSON text a line break can only stand between two values. */
function onOneLine(json: string): string {
  return json.includes('\n') ? json.replaceAll('\n', ' ') : json
}
