/** A chat completion as a stream: fails over until the first content, then relays, meters, settles and ends. */
import type { ServerResponse } from 'node:http'
import type { Offer } from '../marketplace/offer.ts'
import { errorBody, GatewayError } from '../platform/errors.ts'
import { formatUsd } from '../platform/money.ts'
import type { UpstreamFailure } from '../providers/outcome.ts'
import type { ReplyIdentity, StreamReader } from '../providers/provider.ts'
import { outputTokens, type Usage } from '../providers/usage.ts'
import type { Lease } from '../routing/lease.ts'
import type { End } from '../settlement/who-pays.ts'
import type { AdmittedChat } from './admit-chat.ts'
import type { ClientStream } from './client-stream.ts'
import { conclude, noteProgress } from './conclude.ts'
import { type CutOff, isOurs } from './cut-off.ts'
import { undeclaredCall } from './declared-tools.ts'
import type { InferenceDeps } from './deps.ts'
import { allowedOutput } from './max-cost.ts'
import { type Measure, measureFor, writtenBy } from './measure.ts'
import { startPatience } from './patience.ts'
import { replyHeaders } from './reply-headers.ts'
import type { RequestTrace } from './request-trace.ts'
import { serveOffers, serviceAt } from './serve-offers.ts'
import { type StreamEnd, silent } from './stream-end.ts'
import { StreamRelay } from './stream-relay.ts'
import { callUpstream } from './upstream-call.ts'
import { usageJson } from './usage-json.ts'

// A model that thinks longer than this gets its client a 200 and comments, so that no proxy gives up on it.
const EARLY_HEAD_MS = 8_000

interface StreamService {
  chat: AdmittedChat
  identity: ReplyIdentity
  response: ServerResponse
  headers: Record<string, string>
  trace: RequestTrace
  cut: CutOff
}

interface OpenStream {
  relay: StreamRelay
  reader: StreamReader
  measure: Measure
  offer: Offer
  lease: Lease
  attemptNumber: number
}

/**
 * Serves the stream and books it. Throws `GatewayError` when no offer gave any content; then the caller voids the
 * hold and tells the client, in the stream when its head has gone out.
 */
export async function serveStream(
  deps: InferenceDeps,
  service: StreamService,
  client: ClientStream,
): Promise<void> {
  const { chat, response } = service
  const earlyHead = setTimeout(() => openEarly(service, client), EARLY_HEAD_MS)
  let open: OpenStream
  try {
    open = await serveOffers(deps, chat, (attempt) =>
      openRelay(deps, serviceAt(service, attempt.offer), client, attempt),
    )
  } finally {
    clearTimeout(earlyHead)
  }
  const onClose = () => open.relay.clientGone()
  response.on('close', onClose)
  if (response.destroyed) onClose()
  const end = await open.relay.ended
  response.off('close', onClose)
  await endStream(deps, serviceAt(service, open.offer), client, { ...open, end })
}

function openEarly({ chat, identity, headers }: StreamService, client: ClientStream): void {
  chat.hold.durable.then(
    () => {
      client.open({
        ...headers,
        ...replyHeaders(chat, { requestId: identity.id, offer: undefined, attempts: 0 }),
      })
      client.comment()
    },
    () => undefined, // a refused hold is told by whoever waits for it
  )
}

async function openRelay(
  deps: InferenceDeps,
  { chat, identity, response, headers, trace, cut }: StreamService,
  client: ClientStream,
  { offer, lease, attemptNumber }: { offer: Offer; lease: Lease; attemptNumber: number },
): Promise<{ served: OpenStream } | { failure: UpstreamFailure }> {
  if (cut.reason) throw cut.reason
  const format = deps.providers.formatOf(offer.provider)
  const measure = measureFor(deps, offer, chat.model)
  const reader = format.openStream(identity)
  const relay = new StreamRelay({
    format,
    reader,
    tokenizer: chat.model.tokenizer,
    ...(measure.yardstick ? { yardstick: measure.yardstick } : {}),
    refuseCalls: (names) => undeclaredCall(chat.request, names),
    nowMs: deps.clock.nowMs,
    sink: client,
    onHeaders({ mislabelled }) {
      trace.upstreamAnswered(offer)
      if (mislabelled) deps.oddities.note(offer, 'mislabelled')
    },
    onProgress: () => noteProgress(deps, { chat, trace }, { offer, outputTokens: relay.countedOutput() }),
    allowedOutput: allowedOutput(chat, offer),
    async onContent() {
      await chat.hold.durable
      // It broke meanwhile, and somebody else may answer.
      if (relay.isOver) return
      trace.firstByte()
      client.open({
        ...headers,
        ...replyHeaders(chat, { requestId: identity.id, offer, attempts: attemptNumber }),
      })
    },
  })
  cut.stop = (failure) => relay.stop(failure)
  cut.lease = lease
  trace.attemptStarted()
  relay.start(callUpstream(deps, { chat, offer, handler: relay }))
  const patience = startPatience(deps.clock, contentMs(deps, chat), () => relay.stop(silent))
  const onClose = () => relay.clientGone()
  response.on('close', onClose)
  if (response.destroyed) onClose()
  client.onDrain(() => relay.resume())
  await relay.opened
  patience.stop()
  const decidedMs = deps.clock.monotonicMs()
  const failure = await relay.flowing
  response.off('close', onClose)
  trace.attemptEnded(offer, failure?.class ?? 'ok', decidedMs)
  // Ended by us before anything was sent: nobody else is to be asked.
  if (failure && cut.reason) throw cut.reason
  if (!failure) return { served: { relay, reader, measure, offer, lease, attemptNumber } }
  if (failure.integrity) deps.watch.calledUndeclaredTool(offer, identity.id)
  return { failure }
}

/** Models that reason think in silence, for minutes. */
const REASONING_PATIENCE = 2.5

function contentMs({ bounds }: InferenceDeps, { model }: AdmittedChat): number {
  return model.reasoning ? bounds.firstContentMs * REASONING_PATIENCE : bounds.firstContentMs
}

/** Books what the stream came to, then lets its last bytes out. */
async function endStream(
  deps: InferenceDeps,
  service: StreamService,
  client: ClientStream,
  { relay, reader, measure, offer, lease, end }: OpenStream & { end: StreamEnd },
): Promise<void> {
  const { identity, trace, cut } = service
  const outcome = outcomeOf(end)
  deps.oddities.answeredBy(offer, reader.answeredBy)
  if (end.kind === 'upstream_failed') {
    trace.brokeOff(offer, outcome)
    if (end.failure.integrity) deps.watch.calledUndeclaredTool(offer, identity.id)
    // Nothing could be sent: the client's connection was closing as the first content came.
    if (!client.headSent) {
      lease.end(outcome, { tokens: 0 })
      throw cut.reason ?? brokenStream(end.failure)
    }
  }
  let lastBytes = ''
  const countOutput = () => relay.countedOutput()
  await conclude(deps, service, {
    end: whatEnded(end, relay, { cut, offer }),
    offer,
    lease: { lease, outcome },
    reported: relay.usage,
    countOutput,
    written: writtenBy(measure, { countOutput, calls: relay.calls }),
    watched: measure.watched,
    finishReason: finishReasonOf(end, relay),
    answer(usage, costNanos) {
      lastBytes = lastBytesOf(end, service, usage, costNanos)
      return client.hashWith(lastBytes)
    },
  })
  if (end.kind === 'upstream_failed') client.fail(cut.reason ?? brokenStream(end.failure), identity.id)
  else client.finish(lastBytes)
}

function whatEnded(end: StreamEnd, relay: StreamRelay, { cut, offer }: { cut: CutOff; offer: Offer }): End {
  const stage = relay.finishReason !== undefined && relay.usage ? 'finished' : 'delivering'
  switch (end.kind) {
    case 'complete': {
      // What nobody can see counts from a provider only, not from a server of the seller's.
      const told = offer.backing === 'key' && relay.usage
      const written = told ? outputTokens(told) : relay.countedOutput()
      return { by: 'upstream_finished', empty: !relay.hasText && !relay.hasToolCalls && written === 0 }
    }
    case 'client_gone':
      return { by: 'client_gone', stage }
    case 'cut_off':
      return { by: end.by, stage: end.by === 'max_cost' ? 'delivering' : stage }
    case 'upstream_failed':
      return isOurs(cut) ? { by: 'we_broke', stage } : { by: 'upstream_broke' }
  }
}

function outcomeOf(end: StreamEnd): Parameters<Lease['end']>[0] {
  if (end.kind === 'complete') return 'ok'
  return end.kind === 'upstream_failed' ? end.failure.class : 'client_gone'
}

function finishReasonOf(end: StreamEnd, relay: StreamRelay): string {
  if (end.kind === 'complete') return relay.finishReason ?? 'stop'
  if (end.kind === 'cut_off') return end.by
  return relay.finishReason ?? 'client_gone'
}

/** What is still to be said, of which the hash in the receipt is made too. */
function lastBytesOf(
  end: StreamEnd,
  { chat, identity }: StreamService,
  usage: Usage,
  costNanos: bigint,
): string {
  if (end.kind === 'client_gone') return ''
  if (end.kind === 'cut_off' && end.by !== 'max_cost') {
    return `data: ${errorBody(cutOffError(end.by), identity.id)}\n\n`
  }
  const stop = end.kind === 'cut_off' ? stoppedByCost(chat, identity) : ''
  return `${stop}${usageEvent(chat, identity, usage, costNanos)}data: [DONE]\n\n`
}

function cutOffError(by: 'slow_reader' | 'too_large' | 'too_long'): GatewayError {
  const why = {
    slow_reader: 'The stream was read too slowly and its time is up.',
    too_large: 'The stream grew larger than 64 MiB. Ask for fewer choices or less logprobs.',
    too_long: 'The answer takes longer than this gateway passes on. Ask for fewer tokens.',
  }
  return new GatewayError('request_timeout', `${why[by]} You were charged for what was delivered.`, {
    retryable: false,
  })
}

function brokenStream(failure: UpstreamFailure): GatewayError {
  const code = failure.class === 'timeout' ? 'upstream_timeout' : 'upstream_failed'
  return new GatewayError(
    code,
    'The answer broke off upstream. You were not charged for it; please try again.',
    {
      cause: failure.message,
    },
  )
}

/** The last chunk of a stream that the caller's `max_cost` ended; `gateway.stopped_by` says why. */
function stoppedByCost(chat: AdmittedChat, identity: ReplyIdentity): string {
  const choices = Array.from(
    { length: chat.request.n ?? 1 },
    (_, index) => `{"index":${index},"delta":{},"finish_reason":"length"}`,
  )
  const reason = `"gateway":{"stopped_by":"max_cost","max_cost":${formatUsd(chat.maxCostNanos ?? 0n)}}`
  return `data: {${chunkHead(identity)},"choices":[${choices.join()}],${reason}}\n\n`
}

function chunkHead({ id, createdS, model }: ReplyIdentity): string {
  return `"id":"${id}","object":"chat.completion.chunk","created":${createdS},"model":${JSON.stringify(model)}`
}

/** The usage chunk, for clients that asked for it; others index `choices[0]` and would fall over it. */
function usageEvent(chat: AdmittedChat, identity: ReplyIdentity, usage: Usage, costNanos: bigint): string {
  if (chat.request.stream_options?.include_usage !== true) return ''
  return `data: {${chunkHead(identity)},"choices":[],"usage":${usageJson(usage, costNanos)}}\n\n`
}
