import type { Offer } from '../marketplace/offer.ts'
import { GatewayError } from '../platform/errors.ts'
import type { ReplyIdentity } from '../providers/provider.ts'
import type { Attempt, Attempted } from '../routing/router.ts'
import { type AdmittedChat, chatAt } from './admit-chat.ts'
import type { InferenceDeps } from './deps.ts'

/**
 * Tries the chat's offers as the router says. An offer whose wire format cannot say the request is passed over, and
 * its refusal is told only when nobody else could serve either.
 */
export async function serveOffers<Served>(
  { router }: InferenceDeps,
  chat: AdmittedChat,
  attempt: (each: Attempt) => Promise<Attempted<Served>>,
): Promise<Served> {
  let refusal: GatewayError | undefined
  try {
    return await router.serve(chat.plan, async (each) => {
      try {
        return await attempt(each)
      } catch (error) {
        if (!(error instanceof GatewayError) || error.code !== 'invalid_value') throw error
        refusal = error
        return { failure: { class: 'own_fault', message: error.message } }
      }
    })
  } catch (error) {
    // `unavailable` is what the router says when every attempt was a fault of ours.
    throw refusal && error instanceof GatewayError && error.code === 'unavailable' ? refusal : error
  }
}

/** The service as the model of `offer` gives it: which of several models answers is known when an offer is tried. */
export function serviceAt<Service extends { chat: AdmittedChat; identity: ReplyIdentity }>(
  service: Service,
  offer: Offer,
): Service {
  const chat = chatAt(service.chat, offer)
  if (chat === service.chat) return service
  return { ...service, chat, identity: { ...service.identity, model: chat.model.id } }
}
