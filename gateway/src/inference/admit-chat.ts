/** Rooms 2 to 6 of the corridor: who calls, for which model, within which limits, on which offers, with which money. */
import type { IncomingMessage } from 'node:http'
import type { Model } from '../catalog/catalog.ts'
import { bearerToken } from '../keys/bearer-token.ts'
import type { Caller } from '../keys/verify.ts'
import type { Admission } from '../limits/admit.ts'
import type { Offer } from '../marketplace/offer.ts'
import { type CapInput, type CapReason, capOutput } from '../metering/cap-output.ts'
import { estimatePrompt } from '../metering/count-tokens.ts'
import { worstCase } from '../metering/price-usage.ts'
import { GatewayError } from '../platform/errors.ts'
import type { ChatBody, ChatRequest } from '../providers/chat.ts'
import type { Plan } from '../routing/router.ts'
import type { Hold } from '../settlement/settlement.ts'
import { mayUse } from './allowed-models.ts'
import type { InferenceDeps } from './deps.ts'
import { affordedTokens, offersWithin } from './max-cost.ts'

// What a request that names no maximum may write, unless its key says otherwise: the longest answer of the most
// used models. It bounds the hold and the seller's tokens per minute; the applied cap is told in a header.
const DEFAULT_MAX_OUTPUT_TOKENS = 16_384

export interface AdmittedChat {
  caller: Caller
  model: Model
  request: ChatRequest
  body: ChatBody
  /** Upper estimate of the prompt. */
  inputTokens: number
  maxOutputTokens: number
  capReason: CapReason
  /** The caller's own limit on the cost. */
  maxCostNanos: bigint | undefined
  admission: Admission
  plan: Plan
  hold: Hold
}

/** The caller behind a request's key, if that key may call models. Throws 401, 403 or 503. */
export async function authenticate(
  { keys, clock }: InferenceDeps,
  message: IncomingMessage,
): Promise<Caller> {
  const token = bearerToken(message.headers)
  if (token === undefined) {
    throw new GatewayError('invalid_api_key', 'No API key was sent. Send Authorization: Bearer sk-brs-…')
  }
  const caller = await keys.verify(token)
  if (caller.expiresAtMs !== undefined && caller.expiresAtMs <= clock.nowMs()) {
    throw new GatewayError('expired_api_key', 'This API key has expired. Create a new one under Keys.')
  }
  if (!caller.scopes.has('inference')) {
    throw new GatewayError(
      'forbidden',
      "This API key lacks the scope 'inference'. Create one that has it under Keys.",
    )
  }
  return caller
}

interface Asked {
  id: string
  caller: Caller
  request: ChatRequest
  body: ChatBody
  maxCostNanos: bigint | undefined
}

/** Admits a chat completion and sets its money aside. Everything it refuses leaves nothing held. */
export async function admitChat(deps: InferenceDeps, asked: Asked): Promise<AdmittedChat> {
  const { caller, request, body, maxCostNanos } = asked
  const model = deps.catalog.find(request.model)
  if (!mayUse(deps.catalog, caller, model)) throw notAllowed(model)
  const inputTokens = estimatePrompt(request, body.bytes.length, model.tokenizer, model.contextWindow)
  const requested = request.max_completion_tokens ?? request.max_tokens ?? undefined
  const bounds = {
    ...(requested === undefined ? {} : { requested }),
    keyDefault: caller.defaultMaxOutputTokens ?? DEFAULT_MAX_OUTPUT_TOKENS,
    modelMax: model.maxOutputTokens,
    ...(model.contextWindow === undefined ? {} : { contextWindow: model.contextWindow }),
    inputTokens,
  }
  const wantedTokens = capOutput(bounds).maxOutputTokens * (request.n ?? 1)
  const admission = deps.limits.admit(caller, inputTokens + wantedTokens)
  try {
    const reserved = await reserve(deps, asked, { model, bounds, wantedTokens })
    return { caller, model, request, body, inputTokens, maxCostNanos, admission, ...reserved }
  } catch (error) {
    // Nothing will be used of the tokens that were taken from the key's minute.
    admission.correct(0)
    throw error
  }
}

/** Rooms 5 and 6: which offers may serve it, and the money for the dearest of them. */
async function reserve(
  deps: InferenceDeps,
  { id, caller, request, maxCostNanos }: Asked,
  { model, bounds, wantedTokens }: { model: Model; bounds: CapInput; wantedTokens: number },
): Promise<Pick<AdmittedChat, 'plan' | 'hold' | 'maxOutputTokens' | 'capReason'>> {
  const { inputTokens } = bounds
  const choices = request.n ?? 1
  const policy = policyOf(caller, request)
  const ranked = deps.router.plan({
    model,
    inputTokens,
    maxOutputTokens: wantedTokens,
    policy,
    requestId: id,
  })
  const limit = maxCostNanos === undefined ? undefined : { maxCostNanos, inputTokens, choices }
  const plan = limit ? { ...ranked, offers: offersWithin(ranked.offers, limit) } : ranked
  const dearest = dearestOf(plan.offers, inputTokens, wantedTokens)
  const availableNanos = await deps.settlement.available(caller.organisationId, dearest.worstNanos)
  const cap = capOutput({
    ...bounds,
    price: dearest.price,
    availableNanos: availableNanos / BigInt(choices),
    ...(limit ? { withinMaxCost: affordedTokens(plan.offers, limit) } : {}),
  })
  const cappedTokens = cap.maxOutputTokens * choices
  const hold = await deps.settlement.hold({
    id,
    organisationId: caller.organisationId,
    keyId: caller.keyId,
    budgeted: caller.budgeted,
    amountNanos:
      cappedTokens === wantedTokens
        ? dearest.worstNanos
        : dearestOf(plan.offers, inputTokens, cappedTokens).worstNanos,
  })
  return { plan, hold, maxOutputTokens: cap.maxOutputTokens, capReason: cap.reason }
}

function notAllowed(model: Model): GatewayError {
  return new GatewayError(
    'model_not_allowed',
    `This API key may not use '${model.id}'. GET /v1/models lists what it may use.`,
    { param: 'model' },
  )
}

/** `model:floor` asks for the cheapest offers, whatever the key's policy says. */
function policyOf(caller: Caller, request: ChatRequest): Caller['policy'] {
  return request.model.endsWith(':floor') ? { ...caller.policy, sort: 'price' } : caller.policy
}

/** The price at which the worst case costs most, among the offers that may come to serve the request. */
function dearestOf(
  offers: readonly Offer[],
  inputTokens: number,
  maxOutputTokens: number,
): { price: Offer['price']; worstNanos: bigint } {
  let price = (offers[0] as Offer).price
  let worstNanos = worstCase({ inputTokens, maxOutputTokens, price })
  for (const offer of offers) {
    if (offer.price === price) continue
    const nanos = worstCase({ inputTokens, maxOutputTokens, price: offer.price })
    if (nanos > worstNanos) {
      price = offer.price
      worstNanos = nanos
    }
  }
  return { price, worstNanos }
}
