import type { Exchange, ExchangeHandler } from '../egress/exchange.ts'
import type { Offer } from '../marketplace/offer.ts'
import type { AdmittedChat } from './admit-chat.ts'
import type { InferenceDeps } from './deps.ts'

export const MAX_JSON_BYTES = 16 * 1024 * 1024
const MAX_STREAM_BYTES = 64 * 1024 * 1024

/**
 * Sends the chat to `offer`'s upstream in its own wire format. The answer goes to `handler`. Throws the `GatewayError`
 * of a format that cannot say the request.
 */
export function callUpstream(
  { providers, egress, bounds }: InferenceDeps,
  { chat, offer, handler }: { chat: AdmittedChat; offer: Offer; handler: ExchangeHandler },
): Exchange {
  const call = providers.formatOf(offer.provider).buildCall({
    provider: offer.provider,
    request: chat.request,
    body: chat.body,
    upstreamModel: offer.upstreamModel,
    maxOutputTokens: chat.maxOutputTokens,
  })
  const stream = chat.request.stream === true
  return egress.send(
    {
      baseUrl: offer.baseUrl,
      auth: offer.provider.auth,
      sealedCredential: offer.sealedCredential,
      credentialAad: offer.credentialAad,
    },
    call,
    {
      // A JSON answer's headers come when the model has finished, a stream's when it has begun.
      firstByteMs: stream ? bounds.firstByteMs : bounds.streamTotalMs,
      idleMs: bounds.streamIdleMs,
      totalMs: bounds.streamTotalMs,
      maxBytes: stream ? MAX_STREAM_BYTES : MAX_JSON_BYTES,
    },
    handler,
  )
}
