import type { Offer } from '../marketplace/offer.ts'
import type { AdmittedChat } from './admit-chat.ts'

/** Headers of a served answer: who is answering, within which limits, capped at what. */
export function replyHeaders(
  chat: AdmittedChat,
  { requestId, offer, attempts }: { requestId: string; offer: Offer | undefined; attempts: number },
): Record<string, string> {
  return {
    'x-request-id': requestId,
    ...chat.admission.headers(),
    'x-gateway-model': chat.model.id,
    ...(offer ? { 'x-gateway-provider': offer.provider.id, 'x-gateway-attempts': String(attempts) } : {}),
    'x-gateway-max-output-tokens': `${chat.maxOutputTokens}; reason=${chat.capReason}`,
  }
}
