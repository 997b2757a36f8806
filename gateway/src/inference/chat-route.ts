/** `POST /v1/chat/completions`: names the request, walks it through the corridor, and tells what became of it. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { corsHeaders } from '../http/cors.ts'
import { BodyBudget, ClientLeft, readBody } from '../http/read-body.ts'
import { sendError } from '../http/send.ts'
import type { Caller } from '../keys/verify.ts'
import { GatewayError, toGatewayError } from '../platform/errors.ts'
import { formatId, uuidv7 } from '../platform/ids.ts'
import { createRetryAdvice, type RetryAdvice } from '../routing/retry-advice.ts'
import type { Wait } from '../routing/router.ts'
import { type AdmittedChat, admitChat, authenticate, chatAt } from './admit-chat.ts'
import { ClientStream } from './client-stream.ts'
import { conclude } from './conclude.ts'
import { type CutOff, isOurs, shuttingDown } from './cut-off.ts'
import type { InferenceDeps } from './deps.ts'
import { maxCost } from './max-cost.ts'
import { maxWaitMs } from './max-wait.ts'
import { RequestTrace } from './request-trace.ts'
import { routeWish } from './route-wish.ts'
import { serveJson } from './serve-json.ts'
import { serveStream } from './serve-stream.ts'

// Agents send whole repositories and images; see decision 14 of the design notes.
const MAX_BODY_BYTES = 32 * 1024 * 1024
// All bodies together; one alone may be large, a flood of them may not take the process.
const MAX_HELD_BODY_BYTES = 512 * 1024 * 1024
// A quarter of what a lease lasts: one renewal may come late without harm.
const RENEW_LEASES_MS = 30_000
const ROUTE = 'chat_completions'

interface Visit {
  uuid: string
  requestId: string
  message: IncomingMessage
  response: ServerResponse
  trace: RequestTrace
  caller: Caller | undefined
  client: ClientStream | undefined
  cut: CutOff
  /** Of the request's body; given back when the visit is over. */
  bodyBytes: number
}

/** The handler, and how it comes to rest. */
export interface ChatRoute {
  handle(message: IncomingMessage, response: ServerResponse): void
  /** Resolves when no request runs. */
  idle(): Promise<void>
  /** From now on new requests are refused; resolves when the running ones are over. */
  drain(): Promise<void>
  /** Ends what still runs, as a fault of ours: it costs the buyer nothing. */
  cutOff(): void
}

export function createChatRoute(deps: InferenceDeps): ChatRoute {
  const running = new Set<Promise<void>>()
  const visits = new Set<Visit>()
  const bodies = new BodyBudget(MAX_HELD_BODY_BYTES)
  const advice = createRetryAdvice(deps.clock)
  let draining = false
  // A lease that nobody renews is taken for lost, so only a request whose client is there to wait for it does.
  const renewal = setInterval(() => {
    for (const { cut, response } of visits) if (!response.closed) cut.lease?.renew()
  }, RENEW_LEASES_MS)
  renewal.unref()

  function refuseIfFull(): void {
    if (draining) throw shuttingDown()
    if (running.size >= deps.bounds.maxConcurrent) {
      throw new GatewayError(
        'overloaded',
        'The gateway is serving as many requests as it can; try again shortly.',
        { retryAfterMs: 1_000 },
      )
    }
  }

  async function idle(): Promise<void> {
    while (running.size > 0) await Promise.allSettled([...running])
  }

  return {
    handle(message, response) {
      const uuid = uuidv7(deps.clock.nowMs())
      const visit: Visit = {
        uuid,
        requestId: formatId('gen-', uuid),
        message,
        response,
        trace: new RequestTrace(deps.clock, deps.metrics),
        caller: undefined,
        client: undefined,
        cut: { stop: undefined, reason: undefined },
        bodyBytes: 0,
      }
      const work = visitCorridor(deps, visit, { refuseIfFull, bodies, advice })
      running.add(work)
      visits.add(visit)
      void work.finally(() => {
        running.delete(work)
        visits.delete(visit)
        bodies.giveBack(visit.bodyBytes)
      })
    },
    idle,
    drain() {
      draining = true
      return idle().finally(() => clearInterval(renewal))
    },
    cutOff() {
      for (const { cut } of visits) {
        cut.reason ??= shuttingDown(
          'The gateway had to stop before the answer was complete. You were not charged; retry.',
        )
        cut.stop?.({ class: 'own_fault', message: 'the gateway is shutting down' })
      }
    },
  }
}

interface Door {
  refuseIfFull(): void
  bodies: BodyBudget
  advice: RetryAdvice
}

/** Never rejects: whatever happens becomes an answer, a log line and a metric. */
async function visitCorridor(
  deps: InferenceDeps,
  visit: Visit,
  { refuseIfFull, bodies, advice }: Door,
): Promise<void> {
  const { response, requestId } = visit
  let failure: GatewayError | undefined
  try {
    refuseIfFull()
    await serveChat(deps, visit, bodies)
  } catch (error) {
    if (error instanceof ClientLeft || (response.destroyed && !response.writableEnded)) failure = undefined
    else failure = advice.given(visit.caller?.keyId, visit.cut.reason ?? toGatewayError(error))
    if (failure && visit.client?.headSent) visit.client.fail(failure, requestId)
    else if (failure) answerError(deps, visit, failure)
    if (failure && failure.status >= 500) tellOperator(deps, failure, requestId)
  }
  report(deps, visit, failure)
}

/**
 * The caller hears what to do; the operator also hears why, when the fault is ours. What an upstream said is left out:
 * it may echo the seller's key.
 */
function tellOperator({ logger }: InferenceDeps, { code, details }: GatewayError, requestId: string): void {
  if (code === 'internal_error')
    logger.error({ err: details.cause, requestId }, 'a request failed inside the gateway')
  else if (details.cause instanceof Error)
    logger.warn({ err: details.cause, code, requestId }, 'a request could not be served')
}

function answerError(
  deps: InferenceDeps,
  { message, response, requestId }: Visit,
  failure: GatewayError,
): void {
  for (const [name, value] of Object.entries(corsHeaders(deps.cors, message.headers.origin)))
    response.setHeader(name, value)
  // A body that was not read to its end would be taken for the next request.
  if (!message.complete) response.setHeader('connection', 'close')
  sendError(response, failure, requestId)
}

async function serveChat(deps: InferenceDeps, visit: Visit, bodies: BodyBudget): Promise<void> {
  const { message, response, trace, uuid, requestId } = visit
  visit.caller = await authenticate(deps, message)
  const bytes = await readBody(message, MAX_BODY_BYTES, (count) => {
    bodies.take(count)
    visit.bodyBytes += count
  })
  const { request, members } = await deps.parser.parse(bytes)
  trace.stream = request.stream === true
  trace.model = request.model
  const maxCostNanos = maxCost(request, message.headers)
  const chat = await admitChat(deps, {
    id: uuid,
    caller: visit.caller,
    request,
    body: { bytes, members },
    maxCostNanos,
    wish: routeWish(request, message.headers),
    ...waitOf(visit, maxWaitMs(request, message.headers)),
  })
  stopWhenRefused(chat, visit.cut)
  const identity = { id: requestId, model: chat.model.id, createdS: Math.floor(deps.clock.nowMs() / 1000) }
  const headers = corsHeaders(deps.cors, message.headers.origin)
  const service = { chat, identity, response, headers, trace, cut: visit.cut }
  try {
    if (trace.stream) {
      visit.client = new ClientStream(response)
      await serveStream(deps, service, visit.client)
    } else await serveJson(deps, service)
  } catch (error) {
    await concludeUnserved(deps, chat, visit)
    throw error
  }
}

/** A client that leaves gives its place in the line up at once. */
function waitOf({ response }: Visit, maxWaitMs: number): { wait?: Wait } {
  if (maxWaitMs === 0) return {}
  const left = new AbortController()
  response.once('close', () => left.abort())
  return { wait: { maxWaitMs, signal: left.signal } }
}

/** A rich payer's hold may be refused while the upstream already works: nothing was sent yet, so it is an error like any. */
function stopWhenRefused({ hold }: AdmittedChat, cut: CutOff): void {
  hold.durable.catch((error: unknown) => {
    cut.reason ??= toGatewayError(error)
    cut.stop?.({ class: 'own_fault', message: 'the hold was refused' })
  })
}

/** Nothing was served: release the hold, or book the prompt of a client that left while the upstream answered. */
async function concludeUnserved(deps: InferenceDeps, chat: AdmittedChat, visit: Visit): Promise<void> {
  const { response, trace, cut } = visit
  const offer = trace.answeredBy
  const stage = offer ? 'answered' : 'asked'
  const left = response.destroyed && !response.writableEnded
  try {
    // A settlement that was tried stays the only one: whether it was booked or not, other figures would contradict it.
    if (chat.hold.concluded) return
    await conclude(
      deps,
      { chat: offer ? chatAt(chat, offer) : chat, trace },
      {
        end: left
          ? { by: 'client_gone', stage }
          : isOurs(cut)
            ? { by: 'we_broke', stage }
            : { by: 'upstream_broke' },
        offer,
        reported: undefined,
        countOutput: () => 0,
        finishReason: 'client_gone',
        answer: () => visit.client?.hashWith(''),
      },
    )
  } catch (error) {
    // The hold is not renewed any more and expires by itself.
    deps.logger.error({ err: error, holdId: chat.hold.id }, 'a hold could not be released')
  }
}

function report(deps: InferenceDeps, visit: Visit, failure: GatewayError | undefined): void {
  const { response, requestId, trace, caller } = visit
  const left = failure === undefined && !response.writableEnded
  const status = left ? 499 : (failure?.status ?? response.statusCode)
  const durationMs = trace.durationMs()
  const ttftMs = trace.timeToFirstTokenMs()
  deps.metrics.requestEnded({
    route: ROUTE,
    status,
    stream: trace.stream,
    durationMs,
    overheadMs: trace.overheadMs(),
    ...(ttftMs === undefined ? {} : { ttftMs }),
  })
  if (failure) deps.metrics.refused(failure.code)
  if (caller && deps.onRequestEnded) tellEnd(deps.onRequestEnded, visit, caller, { status, failure, left })
  deps.logger.info(
    {
      requestId,
      keyId: caller?.keyId,
      organisationId: caller?.organisationId,
      model: trace.model,
      status,
      code: failure?.code,
      provider: trace.offer?.provider.id,
      listingId: trace.offer?.listingId,
      attempts: trace.attempts.map(({ outcome }) => outcome),
      stream: trace.stream,
      finishReason: trace.finishReason,
      costNanos: trace.costNanos.toString(),
      durationMs: Math.round(durationMs),
      overheadMs: Math.round(trace.overheadMs() * 100) / 100,
    },
    'request',
  )
}

function tellEnd(
  tell: NonNullable<InferenceDeps['onRequestEnded']>,
  { uuid, trace }: Visit,
  { organisationId, keyId }: Caller,
  { status, failure, left }: { status: number; failure: GatewayError | undefined; left: boolean },
): void {
  tell({
    id: uuid,
    organisationId,
    keyId,
    modelAsked: trace.model,
    offer: trace.offer ?? trace.answeredBy ?? trace.lastTried,
    status,
    code: failure?.code,
    left,
    booked: trace.usage !== undefined,
    stream: trace.stream,
    finishReason: trace.finishReason,
    attempts: trace.attempts,
    startedAt: trace.startedAt,
    overheadMs: trace.overheadMs(),
    ttftMs: trace.timeToFirstTokenMs(),
    durationMs: trace.durationMs(),
  })
}
