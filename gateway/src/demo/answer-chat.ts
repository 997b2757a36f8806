import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { countPrompt, countText } from '../metering/count-tokens.ts'
import type { Clock } from '../platform/clock.ts'
import { type ChatRequest, chatRequest } from '../providers/chat.ts'
import {
  chunkText,
  completionText,
  errorText,
  openingDelta,
  pieceDelta,
  type ReportedUsage,
  usageChunkText,
  type WireIdentity,
} from './chat-wire.ts'
import { type Answer, composeAnswer } from './compose-answer.ts'
import type { DemoOptions } from './demo-options.ts'
import { hashText, seededRandom } from './seeded-random.ts'

/** One request as the demo upstream saw it. */
export interface ServedRequest {
  id: string
  model: string
  stream: boolean
  /** 0 while unanswered. */
  status: number
  promptTokens: number
  /** Of what was really written, also when the connection broke. */
  completionTokens: number
  /** Bytes of the answer's body that were written. */
  bytes: number
  finished: boolean
  /** The gateway left before the end, or we broke off. */
  aborted: boolean
  abortedAtMs: number | undefined
}

export interface DemoState {
  clock: Clock
  log: ServedRequest[]
  served: number
  /** Per credential, the sequence that decides which requests fail. */
  drawn: Map<string, () => number>
}

interface ChatExchange {
  options: DemoOptions
  credential: string
  body: Buffer
  response: ServerResponse
}

/** What one exchange carries along. `gone` and `left` fire when the connection ends, however it ends. */
interface Exchange {
  options: DemoOptions
  clock: Clock
  response: ServerResponse
  record: ServedRequest
  identity: WireIdentity
  gone: AbortSignal
  left: Promise<void>
}

const TOKENIZER = 'o200k'
const MAX_LOG = 20_000
const MAX_SEQUENCES = 1_000

/** Answers one chat completion as `options` say, and keeps a record of it. */
export async function answerChat(
  state: DemoState,
  { options, credential, body, response }: ChatExchange,
): Promise<void> {
  const request = readRequest(body)
  const exchange = openExchange(state, { options, response, request })
  const { gone, record } = exchange
  if (!request)
    return sendError(exchange, 400, 'The demo upstream could not read this as a chat completion request.')
  try {
    if (options.latencyMs > 0) await delay(options.latencyMs, undefined, { signal: gone })
    if (options.hang) await exchange.left
    if (gone.aborted) return
    if (nextDraw(state, credential, options.seed) < options.failShare) {
      return sendError(exchange, options.status, failureMessage(options.status, credential))
    }
    if (options.garbage) return sendGarbage(exchange)
    const answers = Array.from({ length: request.n ?? 1 }, (_, choice) =>
      composeAnswer(request, choice, options),
    )
    record.promptTokens = countPrompt(request, TOKENIZER)
    if (request.stream === true)
      await sendStream(exchange, answers, request.stream_options?.include_usage === true)
    else sendCompletion(exchange, answers)
  } catch (error) {
    if (!gone.aborted) throw error
  }
}

function readRequest(body: Buffer): ChatRequest | undefined {
  try {
    return chatRequest.safeParse(JSON.parse(body.toString())).data
  } catch {
    return undefined
  }
}

function openExchange(
  state: DemoState,
  {
    options,
    response,
    request,
  }: { options: DemoOptions; response: ServerResponse; request: ChatRequest | undefined },
): Exchange {
  state.served += 1
  const record: ServedRequest = {
    id: `chatcmpl-demo-${String(state.served).padStart(8, '0')}`,
    model: request?.model ?? '',
    stream: request?.stream === true,
    status: 0,
    promptTokens: 0,
    completionTokens: 0,
    bytes: 0,
    finished: false,
    aborted: false,
    abortedAtMs: undefined,
  }
  state.log.push(record)
  if (state.log.length > MAX_LOG) state.log.shift()
  const gone = new AbortController()
  const left = new Promise<void>((resolve) => {
    response.once('close', () => {
      record.finished = response.writableFinished
      record.aborted = !response.writableFinished
      if (record.aborted) record.abortedAtMs = state.clock.nowMs()
      gone.abort()
      resolve()
    })
  })
  const identity = { id: record.id, createdS: Math.floor(state.clock.nowMs() / 1000), model: record.model }
  return { options, clock: state.clock, response, record, identity, gone: gone.signal, left }
}

/** The next number of this credential's sequence, so that a share of 0.1 fails the same requests in every run. */
function nextDraw(state: DemoState, credential: string, seed: number): number {
  let sequence = state.drawn.get(credential)
  if (!sequence) {
    if (state.drawn.size >= MAX_SEQUENCES) state.drawn.clear()
    sequence = seededRandom(hashText(`${seed}/${credential}`))
    state.drawn.set(credential, sequence)
  }
  return sequence()
}

function failureMessage(status: number, credential: string): string {
  return status === 401
    ? `Incorrect API key provided: ${credential}.`
    : `The demo upstream was told to fail with ${status}.`
}

function sendError(exchange: Exchange, status: number, message: string): void {
  const { retryAfterS } = exchange.options
  const headers = retryAfterS === undefined ? {} : { 'retry-after': String(retryAfterS) }
  send(exchange, status, { 'content-type': 'application/json', ...headers }, errorText(status, message))
}

function sendGarbage(exchange: Exchange): void {
  send(exchange, 200, { 'content-type': 'text/html' }, '<!doctype html><title>It works!</title>')
}

function sendCompletion(exchange: Exchange, answers: readonly Answer[]): void {
  const { options, record, response } = exchange
  record.completionTokens = answers.reduce((sum, answer) => sum + answer.completionTokens, 0)
  const text = completionText(exchange.identity, answers, options.silent ? undefined : usageOf(exchange))
  const headers = { 'content-type': 'application/json' }
  if (options.cutAfter === undefined) {
    send(exchange, 200, headers, text)
    return
  }
  const body = Buffer.from(text)
  const half = body.subarray(0, Math.floor(body.length / 2))
  record.status = 200
  record.bytes = half.length
  response.writeHead(200, { ...headers, 'content-length': body.length }).write(half)
  response.socket?.destroySoon()
}

async function sendStream(
  exchange: Exchange,
  answers: readonly Answer[],
  includeUsage: boolean,
): Promise<void> {
  const { record, response } = exchange
  record.status = 200
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' })
  response.flushHeaders()
  const written = answers.map(() => '')
  try {
    await writeChunks(exchange, { answers, written, includeUsage })
  } finally {
    record.completionTokens = tokensOf(answers, written)
  }
}

async function writeChunks(
  exchange: Exchange,
  { answers, written, includeUsage }: StreamPlan,
): Promise<void> {
  const { options, record, response, identity, gone } = exchange
  const chunk = (index: number, delta: object, finishReason: string | null = null) =>
    chunkText(identity, { index, delta, finishReason }, includeUsage)
  if (options.ttftMs > 0) await delay(options.ttftMs, undefined, { signal: gone })
  for (const [index, answer] of answers.entries())
    await sendEvent(exchange, chunk(index, openingDelta(answer)))
  const startedMs = exchange.clock.monotonicMs()
  let sent = 0
  for (const { index, answer, piece } of interleave(answers)) {
    if (await brokeOff(exchange, sent)) return
    await untilDue(exchange, startedMs, sent)
    await sendEvent(exchange, chunk(index, pieceDelta(answer, piece)))
    written[index] += piece
    sent += 1
  }
  if (await brokeOff(exchange, sent)) return
  record.completionTokens = answers.reduce((sum, answer) => sum + answer.completionTokens, 0)
  for (const [index, answer] of answers.entries())
    await sendEvent(exchange, chunk(index, {}, answer.finishReason))
  if (includeUsage && !options.silent) await sendEvent(exchange, usageChunkText(identity, usageOf(exchange)))
  await sendEvent(exchange, '[DONE]')
  response.end()
}

interface StreamPlan {
  answers: readonly Answer[]
  /** The text of each choice that was written so far. */
  written: string[]
  includeUsage: boolean
}

/** The choices' pieces in turn, as a server that writes them at the same time sends them. */
function* interleave(
  answers: readonly Answer[],
): Generator<{ index: number; answer: Answer; piece: string }> {
  const longest = Math.max(...answers.map((answer) => answer.pieces.length))
  for (let at = 0; at < longest; at += 1) {
    for (const [index, answer] of answers.entries()) {
      const piece = answer.pieces[at]
      if (piece !== undefined) yield { index, answer, piece }
    }
  }
}

/** True when a fault that was asked for ended the stream after `sent` pieces. */
async function brokeOff({ options, response, record, left }: Exchange, sent: number): Promise<boolean> {
  if (options.cutAfter !== undefined && sent >= options.cutAfter) {
    response.socket?.destroySoon()
    return true
  }
  if (options.stallAfter !== undefined && sent >= options.stallAfter) {
    await left
    return true
  }
  if (options.errorAfter !== undefined && sent >= options.errorAfter) {
    const event = `data: ${errorText(500, 'The demo upstream was told to fail in the stream.')}\n\n`
    record.bytes += Buffer.byteLength(event)
    response.end(event)
    return true
  }
  return false
}

async function untilDue({ options, clock, gone }: Exchange, startedMs: number, sent: number): Promise<void> {
  if (options.tokensPerSecond === undefined) return
  const waitMs = startedMs + (sent * 1000) / options.tokensPerSecond - clock.monotonicMs()
  if (waitMs >= 1) await delay(waitMs, undefined, { signal: gone })
}

async function sendEvent({ response, record, gone }: Exchange, data: string): Promise<void> {
  gone.throwIfAborted()
  const event = `data: ${data}\n\n`
  record.bytes += Buffer.byteLength(event)
  if (!response.write(event)) await once(response, 'drain', { signal: gone })
}

function send(
  { response, record }: Exchange,
  status: number,
  headers: Record<string, string>,
  text: string,
): void {
  const body = Buffer.from(text)
  record.status = status
  record.bytes = body.length
  response.writeHead(status, { ...headers, 'content-length': body.length }).end(body)
}

function tokensOf(answers: readonly Answer[], written: readonly string[]): number {
  return written.reduce((sum, text, index) => {
    const name = answers[index]?.toolCall?.name
    return sum + (text === '' ? 0 : countText(text, TOKENIZER) + (name ? countText(name, TOKENIZER) : 0))
  }, 0)
}

function usageOf({ options, record }: Exchange): ReportedUsage {
  return {
    promptTokens: Math.ceil(record.promptTokens * options.inflate),
    completionTokens: Math.ceil(record.completionTokens * options.inflate),
  }
}
