/** Rooms 2 to 6 of the corridor: who calls, for which model, within which limits, on which offers, with which money. */
import assert from 'node:assert/strict'
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
import type { ModelAsk } from '../routing/load.ts'
import { narrowed } from '../routing/policy.ts'
import type { Plan, Wait } from '../routing/router.ts'
import type { Hold } from '../settlement/settlement.ts'
import { mayUse } from './allowed-models.ts'
import type { InferenceDeps } from './deps.ts'
import { featuresAsked } from './features-asked.ts'
import { affordedTokens } from './max-cost.ts'
import { conversationOf, type RouteWish } from './route-wish.ts'

// What a request that names no maximum may write, unless its key says otherwise: the longest answer of the most
// used models. It bounds the hold and the seller's tokens per minute; the applied cap is told in a header.
export const DEFAULT_MAX_OUTPUT_TOKENS = 16_384

export interface AdmittedChat {
  caller: Caller
  /** The model that answers; while several may, the one that was asked for first. */
  model: Model
  /** All that may answer, by id. */
  models: ReadonlyMap<string, Model>
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
  /** The caller wants a line about the choice. */
  explain: boolean
}

/** The chat as the model of `offer` answers it. */
export function chatAt(chat: AdmittedChat, offer: Offer): AdmittedChat {
  const model = chat.models.get(offer.model)
  return model === undefined || model === chat.model ? chat : { ...chat, model }
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
  wish: RouteWish
  /** How long the caller lets us wait for a place. */
  wait?: Wait
}

/** What the request comes to at one of the models that may answer it. */
interface Sized extends ModelAsk {
  bounds: CapInput
}

/** Admits a chat completion and sets its money aside. Everything it refuses leaves nothing held. */
export async function admitChat(deps: InferenceDeps, asked: Asked): Promise<AdmittedChat> {
  const { caller, request, body, maxCostNanos, wish } = asked
  const sized = [request.model, ...wish.fallbackModels].map((name) => sizeAt(deps, asked, name))
  const [first] = sized as [Sized]
  const admission = deps.limits.admit(
    caller,
    Math.max(...sized.map(({ inputTokens, maxOutputTokens }) => inputTokens + maxOutputTokens)),
  )
  try {
    const reserved = await reserve(deps, asked, sized)
    const models = new Map(sized.map(({ model }) => [model.id, model]))
    const { model, inputTokens } = first
    const { explain } = wish
    return {
      caller,
      model,
      models,
      request,
      body,
      inputTokens,
      maxCostNanos,
      admission,
      explain,
      ...reserved,
    }
  } catch (error) {
    // Nothing will be used of the tokens that were taken from the key's minute.
    admission.correct(0)
    throw error
  }
}

/** Throws `model_not_found`, or `model_not_allowed` for a model that the key may not use. */
function sizeAt(deps: InferenceDeps, { caller, request, body }: Asked, name: string): Sized {
  const model = deps.catalog.find(name)
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
  const maxOutputTokens = capOutput(bounds).maxOutputTokens * (request.n ?? 1)
  return { model, inputTokens, maxOutputTokens, bounds }
}

type Reserved = Pick<AdmittedChat, 'plan' | 'hold' | 'maxOutputTokens' | 'capReason'>

/** Rooms 5 and 6: which offers may serve it, a place at the first of them, and the money for the dearest. */
async function reserve(deps: InferenceDeps, asked: Asked, sized: readonly Sized[]): Promise<Reserved> {
  const { id, caller, request, maxCostNanos, wish } = asked
  const [first, ...fallbackModels] = sized as [Sized, ...Sized[]]
  const { organisationId } = caller
  const conversation = conversationOf(request, { organisationId, inputTokens: first.inputTokens })
  const plan = await deps.router.admit(
    {
      ...first,
      fallbackModels,
      policy: narrowed(caller.policy, wish.policy),
      requestId: id,
      buyer: organisationId,
      asks: featuresAsked(request),
      ...(conversation === undefined ? {} : { conversation }),
      ...(maxCostNanos === undefined ? {} : { maxCost: { nanos: maxCostNanos, choices: request.n ?? 1 } }),
    },
    asked.wait,
  )
  try {
    return await reserveMoney(deps, asked, { plan, sized })
  } catch (error) {
    deps.router.abandon(plan, error)
    throw error
  }
}

async function reserveMoney(
  deps: InferenceDeps,
  { id, caller, request, maxCostNanos }: Asked,
  { plan: ranked, sized }: { plan: Plan; sized: readonly Sized[] },
): Promise<Reserved> {
  const choices = request.n ?? 1
  const used = sized.filter(({ model }) => ranked.offers.some((offer) => offer.model === model.id))
  const { worstNanos } = dearestOf(ranked.offers, used)
  const availableNanos = await deps.settlement.available(caller.organisationId, worstNanos)
  // What is left of a key's budget is the ledger's to know: it may be little, whatever the balance.
  const reachNanos = caller.budgeted ? 0n : availableNanos
  const plan = { ...ranked, offers: withinReach(ranked, used, reachNanos) }
  const dearest = dearestOf(plan.offers, used)
  const caps = used.map(({ bounds, model, inputTokens }) => {
    const offers = plan.offers.filter((offer) => offer.model === model.id)
    const limit = maxCostNanos === undefined ? undefined : { maxCostNanos, inputTokens, choices }
    return capOutput({
      ...bounds,
      price: dearest.price,
      availableNanos: availableNanos / BigInt(choices),
      ...(limit ? { withinMaxCost: affordedTokens(offers, limit) } : {}),
    })
  })
  const cap = caps.reduce((least, each) => (each.maxOutputTokens < least.maxOutputTokens ? each : least))
  const capped = used.map((each) => ({ ...each, maxOutputTokens: cap.maxOutputTokens * choices }))
  const hold = await deps.settlement.hold({
    id,
    organisationId: caller.organisationId,
    keyId: caller.keyId,
    budgeted: caller.budgeted,
    amountNanos: dearestOf(plan.offers, capped).worstNanos,
  })
  return { plan, hold, maxOutputTokens: cap.maxOutputTokens, capReason: cap.reason }
}

export function notAllowed(model: Model): GatewayError {
  return new GatewayError(
    'model_not_allowed',
    `This API key may not use '${model.id}'. GET /v1/models lists what it may use.`,
    { param: 'model' },
  )
}

/** How many times the first offer's worst case another offer of the model may come to. */
const MOST_DEARER = 4n
/** A payer with so many worst cases to spare does not feel what is set aside for one of them. */
const PLENTY_FACTOR = 20n

/**
 * The offers that money is set aside for. Those far dearer than the first of their model serve only payers who do not feel
 * it: else one seller with a fancy price could raise the hold, or cut the answers, of everybody who buys the model.
 */
function withinReach(
  { offers, first }: Plan,
  asks: readonly ModelAsk[],
  reachNanos: bigint,
): readonly Offer[] {
  const mostNanos = new Map<string, bigint>()
  const inTurn = first ? [first.offer, ...offers.filter((offer) => offer !== first.offer)] : offers
  return inTurn.filter((offer) => {
    const { worstNanos } = dearestOf([offer], asks)
    const most = mostNanos.get(offer.model)
    if (most === undefined) mostNanos.set(offer.model, worstNanos * MOST_DEARER)
    return most === undefined || worstNanos <= most || worstNanos * PLENTY_FACTOR <= reachNanos
  })
}

/** The price at which the worst case costs most, among the offers that may come to serve the request. */
function dearestOf(
  offers: readonly Offer[],
  asks: readonly ModelAsk[],
): { price: Offer['price']; worstNanos: bigint } {
  let dearest: { price: Offer['price']; worstNanos: bigint } | undefined
  for (const { model, price } of offers) {
    if (price === dearest?.price) continue
    const ask = asks.find((each) => each.model.id === model)
    if (!ask) continue
    const worstNanos = worstCase({
      inputTokens: ask.inputTokens,
      maxOutputTokens: ask.maxOutputTokens,
      price,
    })
    if (dearest === undefined || worstNanos > dearest.worstNanos) dearest = { price, worstNanos }
  }
  assert(dearest, 'a plan has an offer of a model that was asked for')
  return dearest
}
