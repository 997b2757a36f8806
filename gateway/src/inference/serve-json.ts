/** A chat completion as one JSON answer: read whole and checked before the status is sent, so any failure can fail over. */
import type { ServerResponse } from 'node:http'
import type { Exchange, ExchangeFailure } from '../egress/exchange.ts'
import { sendJson } from '../http/send.ts'
import type { Offer } from '../marketplace/offer.ts'
import { countText } from '../metering/count-tokens.ts'
import { formatUsd } from '../platform/money.ts'
import type { UpstreamFailure } from '../providers/outcome.ts'
import {
  type ChatReply,
  type Headers,
  MalformedReply,
  type ReplyIdentity,
  type WireFormat,
} from '../providers/provider.ts'
import { outputTokens } from '../providers/usage.ts'
import type { Lease } from '../routing/lease.ts'
import type { AdmittedChat } from './admit-chat.ts'
import { conclude, hashOf } from './conclude.ts'
import type { CutOff } from './cut-off.ts'
import { undeclaredCall } from './declared-tools.ts'
import type { InferenceDeps } from './deps.ts'
import { FailureBody } from './failure-body.ts'
import { measureFor, writtenBy } from './measure.ts'
import { replyHeaders } from './reply-headers.ts'
import type { RequestTrace } from './request-trace.ts'
import { serveOffers, serviceAt } from './serve-offers.ts'
import { callUpstream, MAX_JSON_BYTES } from './upstream-call.ts'
import { usageJson } from './usage-json.ts'

interface JsonService {
  chat: AdmittedChat
  identity: ReplyIdentity
  response: ServerResponse
  headers: Record<string, string>
  trace: RequestTrace
  cut: CutOff
}

interface ServedReply {
  reply: ChatReply
  offer: Offer
  lease: Lease
  attemptNumber: number
}

/** Serves the answer and books it. Throws `GatewayError`; then nothing was sent, and what is left to do is the caller's. */
export async function serveJson(deps: InferenceDeps, service: JsonService): Promise<void> {
  const { chat, response, trace } = service
  const served = await serveOffers(deps, chat, async ({ offer, lease, attemptNumber }) => {
    if (service.cut.reason) throw service.cut.reason
    service.cut.lease = lease
    trace.attemptStarted()
    const result = await requestReply(deps, serviceAt(service, offer), offer)
    trace.attemptEnded(offer, 'failure' in result ? result.failure.class : 'ok')
    if (!('failure' in result)) return { served: { ...result, offer, lease, attemptNumber } }
    if (result.failure.integrity) deps.watch.calledUndeclaredTool(offer, service.identity.id)
    return result
  })
  const body = await book(deps, serviceAt(service, served.offer), served)
  if (response.destroyed) return
  sendJson(response, 200, body, {
    ...service.headers,
    ...replyHeaders(chat, {
      requestId: service.identity.id,
      offer: served.offer,
      attempts: served.attemptNumber,
    }),
    'x-gateway-cost': formatUsd(trace.costNanos),
  })
}

/** Makes the charge safe and returns the body that tells it. */
async function book(deps: InferenceDeps, service: JsonService, served: ServedReply): Promise<Buffer> {
  const { reply, offer, lease } = served
  let body: Buffer = Buffer.alloc(0)
  const { model } = service.chat
  const countOutput = () => countText(reply.text, model.tokenizer)
  const measure = measureFor(deps, offer, model)
  measure.yardstick?.add(reply.text)
  await conclude(deps, service, {
    end: { by: 'upstream_finished', empty: isEmpty(reply, offer, countOutput) },
    offer,
    lease: { lease, outcome: 'ok' },
    reported: reply.usage,
    countOutput,
    written: writtenBy(measure, { countOutput, calls: reply.toolNames.length }),
    watched: measure.watched,
    finishReason: reply.finishReason,
    answer(usage, costNanos) {
      body = reply.jsonWith(usageJson(usage, costNanos))
      return hashOf(body)
    },
  })
  return body
}

/** No completion token and no tool call: the buyer asked and got nothing. What nobody can see counts from a provider only. */
function isEmpty(reply: ChatReply, { backing }: Offer, countOutput: () => number): boolean {
  if (reply.text !== '' || reply.hasToolCalls) return false
  if (backing === 'endpoint') return true
  return (reply.usage ? outputTokens(reply.usage) : countOutput()) === 0
}

function requestReply(
  deps: InferenceDeps,
  { chat, identity, response, trace, cut }: JsonService,
  offer: Offer,
): Promise<{ reply: ChatReply } | { failure: UpstreamFailure }> {
  const format = deps.providers.formatOf(offer.provider)
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let failureBody: FailureBody | undefined
    let answered: Headers = {}
    let exchange: Exchange | undefined
    const finish = (result: { reply: ChatReply } | { failure: UpstreamFailure }) => {
      response.off('close', onClose)
      cut.stop = undefined
      resolve(result)
    }
    const onClose = () => {
      if (response.writableEnded) return
      exchange?.abort()
      finish({ failure: { class: 'client_gone', message: 'the client left' } })
    }
    cut.stop = (failure) => {
      exchange?.abort()
      finish({ failure })
    }
    exchange = callUpstream(deps, {
      chat,
      offer,
      handler: {
        onHeaders(status: number, headers: Headers) {
          if (status !== 200) failureBody = new FailureBody({ status, headers })
          else {
            answered = headers
            // What is labelled as something else may be an answer all the same; only its whole body tells.
            if (isJson(headers)) trace.upstreamAnswered(offer)
          }
        },
        onData(chunk: Buffer) {
          if (failureBody) failureBody.add(chunk)
          else chunks.push(chunk)
        },
        onEnd() {
          if (failureBody) finish({ failure: failureBody.classify(format, deps.clock.nowMs()) })
          else {
            const read = readReply(deps, { format, identity, headers: answered, body: bodyOf(chunks) })
            if ('reply' in read) noteOddities(deps, offer, { reply: read.reply, headers: answered })
            const undeclared = 'reply' in read && undeclaredCall(chat.request, read.reply.toolNames)
            finish(undeclared ? { failure: undeclared } : read)
          }
        },
        onFailure: (failure: ExchangeFailure) =>
          finish({ failure: failure.cut === 'too_large' && mayBeLarge(chat) ? tooLarge : failure }),
      },
    })
    response.on('close', onClose)
    if (response.destroyed) onClose()
  })
}

function isJson(headers: Headers): boolean {
  return (headers['content-type'] ?? '').includes('json')
}

function noteOddities(
  { oddities }: InferenceDeps,
  offer: Offer,
  { reply, headers }: { reply: ChatReply; headers: Headers },
): void {
  if (!isJson(headers)) oddities.note(offer, 'mislabelled')
  oddities.answeredBy(offer, reply.answeredBy)
}

// With the twenty likeliest tokens told for each, a token takes two kilobytes.
const MOST_BYTES_PER_TOKEN = 4_096

/** Whether an honest answer to this request could be larger than we read. */
function mayBeLarge({ maxOutputTokens, request }: AdmittedChat): boolean {
  return maxOutputTokens * (request.n ?? 1) * MOST_BYTES_PER_TOKEN > MAX_JSON_BYTES
}

/** No other offer would answer shorter, so it is the caller's to change. */
const tooLarge: UpstreamFailure = {
  class: 'user_error',
  message: 'the answer is larger than we read',
  callerMessage:
    'The answer is larger than 16 MiB. Ask for fewer choices, less logprobs or a lower maximum, or stream it.',
}

function bodyOf(chunks: readonly Buffer[]): Buffer {
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
}

interface Answer {
  format: WireFormat
  identity: ReplyIdentity
  headers: Headers
  body: Buffer
}

/** The reply in a 200's body; or what the body means, when it is an error in disguise or nothing we know. */
function readReply(
  { clock }: InferenceDeps,
  { format, identity, headers, body }: Answer,
): { reply: ChatReply } | { failure: UpstreamFailure } {
  try {
    return { reply: format.readReply(body, identity) }
  } catch (error) {
    if (!(error instanceof MalformedReply)) throw error
    return { failure: format.classifyFailure({ status: 200, headers, body, nowMs: clock.nowMs() }) }
  }
}
