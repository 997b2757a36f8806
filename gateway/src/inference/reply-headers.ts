import type { Offer } from '../marketplace/offer.ts'
import { routeLine } from '../routing/explain.ts'
import type { AdmittedChat } from './admit-chat.ts'

/** Headers of a served answer: who is answering, within which limits, capped at what. */
export function replyHeaders(
  chat: AdmittedChat,
  { requestId, offer, attempts }: { requestId: string; offer: Offer | undefined; attempts: number },
): Record<string, string> {
  return {
    'x-request-id': requestId,
    ...chat.admission.headers(),
    'x-gateway-model': offer?.model ?? chat.model.id,
    ...(offer ? { 'x-gateway-provider': offer.provider.id, 'x-gateway-attempts': String(attempts) } : {}),
    ...(chat.explain && offer ? { 'x-gateway-route': routeLineOf(chat, offer, attempts) } : {}),
    'x-gateway-max-output-tokens': `${chat.maxOutputTokens}; reason=${chat.capReason}`,
  }
}

/** One line about the choice, for those who asked with `x-gateway-explain`. */
function routeLineOf({ plan }: AdmittedChat, { model }: Offer, attempts: number): string {
  const decision = plan.decisions.find((each) => each.model === model)
  return decision ? routeLine(decision, attempts) : ''
}
