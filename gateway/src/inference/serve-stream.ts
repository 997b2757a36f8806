/** A chat completion as a stream: fails over until the first content, then relays, meters, settles and ends. */
import type { ServerResponse } from 'node:http'
import type { Offer } from '../marketplace/offer.ts'
import { GatewayError } from '../platform/errors.ts'
import type { UpstreamFailure } from '../providers/outcome.ts'
import type { ReplyIdentity } from '../providers/provider.ts'
import { inputTokens, outputTokens } from '../providers/usage.ts'
import type { Lease } from '../routing/capacity.ts'
import type { AdmittedChat } from './admit-chat.ts'
import { type BilledUsage, billedUsage, countedUsage } from './billed-usage.ts'
import type { ClientStream } from './client-stream.ts'
import type { CutOff } from './cut-off.ts'
import type { InferenceDeps } from './deps.ts'
import { replyHeaders } from './reply-headers.ts'
import type { RequestTrace } from './request-trace.ts'
import { serveOffers } from './serve-offers.ts'
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
    open = await serveOffers(deps, chat, (attempt) => openRelay(deps, service, client, attempt))
  } finally {
    clearTimeout(earlyHead)
  }
  const onClose = () => open.relay.clientGone()
  response.on('close', onClose)
  if (response.destroyed) onClose()
  const end = await open.relay.ended
  response.off('close', onClose)
  if (end.kind === 'complete') await concludeComplete(deps, service, client, open)
  else if (end.kind === 'client_gone') await concludeLeft(deps, service, open)
  else if (end.kind === 'cut_off') {
    await concludeLeft(deps, service, open)
    client.fail(cutOffError(end.by), service.identity.id)
  } else await concludeBroken(deps, service, client, open, end.failure)
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
  const relay = new StreamRelay({
    format,
    reader: format.openStream(identity),
    tokenizer: chat.model.tokenizer,
    nowMs: deps.clock.nowMs,
    sink: client,
    onHeaders: () => trace.upstreamAnswered(offer),
    async onContent() {
      await chat.hold.durable
      trace.firstByte()
      client.open({
        ...headers,
        ...replyHeaders(chat, { requestId: identity.id, offer, attempts: attemptNumber }),
      })
    },
  })
  cut.stop = (failure) => relay.stop(failure)
  trace.attemptStarted()
  relay.start(callUpstream(deps, { chat, offer, handler: relay }))
  const onClose = () => relay.clientGone()
  response.on('close', onClose)
  if (response.destroyed) onClose()
  client.onDrain(() => relay.resume())
  const failure = await relay.opened
  response.off('close', onClose)
  trace.attemptEnded(offer, failure?.class ?? 'ok')
  return failure ? { failure } : { served: { relay, offer, lease, attemptNumber } }
}

async function concludeComplete(
  deps: InferenceDeps,
  service: StreamService,
  client: ClientStream,
  { relay, offer, lease }: OpenStream,
): Promise<void> {
  const { chat, identity, trace } = service
  const billed = billedUsage(chat, relay.usage, () => relay.countedOutput())
  finishLeases(chat, lease, 'ok', billed)
  trace.served(offer, relay.finishReason ?? 'stop', billed.usage)
  const empty = !relay.hasText && !relay.hasToolCalls && outputTokens(billed.usage) === 0
  if (empty) await deps.settlement.void(chat.hold, 'empty_answer')
  else
    await settle(deps, service, { offer, billed, partial: false, finishReason: relay.finishReason ?? 'stop' })
  client.finish(`${usageEvent(chat, identity, billed, trace.costNanos)}data: [DONE]\n\n`)
}

/** A client that leaves, or is cut off, pays for its prompt and for what was delivered, by our count, within the hold. */
async function concludeLeft(
  deps: InferenceDeps,
  service: StreamService,
  { relay, offer, lease }: OpenStream,
): Promise<void> {
  const { chat, trace } = service
  const complete = relay.finishReason !== undefined && relay.usage !== undefined
  const billed: BilledUsage = complete
    ? billedUsage(chat, relay.usage, () => relay.countedOutput())
    : { usage: countedUsage(chat, relay.countedOutput()), usageSource: 'counted' }
  finishLeases(chat, lease, 'client_gone', billed)
  trace.served(offer, 'client_gone', billed.usage)
  await settle(deps, service, {
    offer,
    billed,
    partial: true,
    finishReason: relay.finishReason ?? 'client_gone',
  })
}

/** What the upstream broke costs the buyer nothing, whatever was delivered. */
async function concludeBroken(
  deps: InferenceDeps,
  { chat, identity, trace, cut }: StreamService,
  client: ClientStream,
  { relay, offer, lease }: OpenStream,
  failure: UpstreamFailure,
): Promise<void> {
  finishLeases(chat, lease, failure.class, {
    usage: countedUsage(chat, relay.countedOutput()),
    usageSource: 'counted',
  })
  trace.brokeOff(offer, failure.class)
  const error = cut.reason ?? brokenStream(failure)
  // Nothing was sent yet (a hold was refused late, or the upstream broke meanwhile): it is answered with its own status.
  if (!client.headSent) throw error
  await deps.settlement.void(chat.hold, failure.class)
  client.fail(error, identity.id)
}

function cutOffError(by: 'slow_reader' | 'too_large'): GatewayError {
  const why =
    by === 'slow_reader'
      ? 'The stream was read too slowly and its time is up.'
      : 'The stream grew larger than 64 MiB. Ask for fewer choices or less logprobs.'
  return new GatewayError('request_timeout', `${why} You were charged for what was delivered.`, {
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

async function settle(
  deps: InferenceDeps,
  { chat, trace }: StreamService,
  {
    offer,
    billed,
    partial,
    finishReason,
  }: { offer: Offer; billed: BilledUsage; partial: boolean; finishReason: string },
): Promise<void> {
  const charge = await deps.settlement.settle(chat.hold, {
    offer,
    ...billed,
    partial,
    stream: true,
    finishReason,
    ...trace.times(),
  })
  trace.costNanos = charge.costNanos
}

function finishLeases(
  chat: AdmittedChat,
  lease: Lease,
  outcome: Parameters<Lease['end']>[0],
  { usage }: BilledUsage,
): void {
  const tokens = inputTokens(usage) + outputTokens(usage)
  lease.end(outcome, { tokens })
  chat.admission.correct(tokens)
}

/** The usage chunk, for clients that asked for it; others index `choices[0]` and would fall over it. */
function usageEvent(
  chat: AdmittedChat,
  identity: ReplyIdentity,
  { usage }: BilledUsage,
  costNanos: bigint,
): string {
  if (chat.request.stream_options?.include_usage !== true) return ''
  const head = `"id":"${identity.id}","object":"chat.completion.chunk","created":${identity.createdS},"model":${JSON.stringify(identity.model)}`
  return `data: {${head},"choices":[],"usage":${usageJson(usage, costNanos)}}\n\n`
}
