/** `POST /api/marketplace/estimate`: what a request would cost at each offer that may serve it, at the prices of now. */
import { type Request, Router } from 'express'
import { z } from 'zod'
import type { Catalog, Model } from '../catalog/catalog.ts'
import { parseJsonObject } from '../http/parse-json.ts'
import { BodyBudget, ClientLeft, readBody } from '../http/read-body.ts'
import { type Door, sent, serveOperation } from '../http/serve-operation.ts'
import { validate } from '../http/validate.ts'
import type { Caller } from '../keys/verify.ts'
import { capOutput } from '../metering/cap-output.ts'
import { GatewayError } from '../platform/errors.ts'
import { formatId } from '../platform/ids.ts'
import { type ChatRequest, chatRequest } from '../providers/chat.ts'
import type { Exclusion, RouteRequest } from '../routing/choice.ts'
import { exclusionOf } from '../routing/choose.ts'
import { narrowed, type RoutingPolicy } from '../routing/policy.ts'
import type { LivePool } from '../routing/pools.ts'
import type { Router as Routing } from '../routing/router.ts'
import { DEFAULT_MAX_OUTPUT_TOKENS } from './admit-chat.ts'
import { mayUse } from './allowed-models.ts'
import { type EstimateShown, estimateCost } from './api.ts'
import type { ChatParser } from './chat-parser.ts'
import { costRange, type PromptRange, promptRange } from './estimate.ts'
import { featuresAsked } from './features-asked.ts'
import { affordedTokens, maxCost } from './max-cost.ts'
import { callerOf, type VerifyKey } from './reader.ts'
import { routeWish } from './route-wish.ts'

// A question about a price need not carry images; larger prompts are asked about by their number of tokens.
const MAX_BODY_BYTES = 4 * 1024 * 1024
const MAX_HELD_BODY_BYTES = 64 * 1024 * 1024
// Above this a body can only be a chat, and is read beside the loop.
const INLINE_BYTES = 256 * 1024
const MAX_OFFERS = 100

export interface EstimateRoutesDeps {
  door: Door
  verifyKey: VerifyKey
  catalog: Catalog
  router: Pick<Routing, 'poolOf'>
  parser: Pick<ChatParser, 'parse'>
}

/** To be mounted before whatever else reads bodies there, because the size of the body is part of the estimate. */
export function createEstimateRoutes(deps: EstimateRoutesDeps): Router {
  const router = Router()
  const bodies = new BodyBudget(MAX_HELD_BODY_BYTES)
  serveOperation(router, deps.door, estimateCost, async ({ principal, request }) => {
    const asker = (await callerOf(deps.verifyKey, principal, request)) ?? wholeMarket
    let heldBytes = 0
    try {
      const bytes = await readBody(request, MAX_BODY_BYTES, (count) => {
        bodies.take(count)
        heldBytes += count
      })
      return estimate(deps, asker, await readQuestion(deps, bytes, request))
    } catch (error) {
      if (error instanceof ClientLeft) return sent
      throw error
    } finally {
      bodies.giveBack(heldBytes)
    }
  })
  return router
}

type Asker = Pick<Caller, 'models' | 'policy' | 'defaultMaxOutputTokens'>

const wholeMarket: Asker = { models: undefined, policy: {} }

const tokens = z.int().min(1).max(10_000_000)

/** A request that is known by its size alone. */
const sizeQuestion = z.strictObject({
  model: z.string().min(1).max(256),
  inputTokens: tokens,
  maxOutputTokens: tokens.optional(),
  expectedOutputTokens: tokens.optional(),
})

interface Question {
  name: string
  promptAt: (model: Model) => PromptRange & { counted: boolean }
  requested: number | undefined
  expectedOutputTokens: number | undefined
  choices: number
  maxCostNanos: bigint | undefined
  policy: RoutingPolicy | undefined
  asks: number
}

async function readQuestion(
  { parser }: EstimateRoutesDeps,
  bytes: Buffer,
  message: Request,
): Promise<Question> {
  if (bytes.length <= INLINE_BYTES) {
    const { value } = parseJsonObject(bytes)
    if (!('messages' in value)) return sizeOnly(validate(sizeQuestion, value))
  }
  const { request } = await parser.parse(bytes)
  return chatQuestion(request, bytes.length, message)
}

function sizeOnly({
  model,
  inputTokens,
  maxOutputTokens,
  expectedOutputTokens,
}: z.output<typeof sizeQuestion>): Question {
  return {
    name: model,
    promptAt: () => ({ least: inputTokens, most: inputTokens, exact: true, counted: false }),
    requested: maxOutputTokens,
    expectedOutputTokens,
    choices: 1,
    maxCostNanos: undefined,
    policy: undefined,
    asks: 0,
  }
}

const expectation = chatRequest.pick({ model: true }).extend({ expectedOutputTokens: tokens.optional() })

function chatQuestion(request: ChatRequest, bodyBytes: number, message: Request): Question {
  return {
    name: request.model,
    promptAt: (model) => ({ ...promptRange(request, bodyBytes, model), counted: true }),
    requested: request.max_completion_tokens ?? request.max_tokens ?? undefined,
    expectedOutputTokens: validate(expectation, request).expectedOutputTokens,
    choices: request.n ?? 1,
    maxCostNanos: maxCost(request, message.headers),
    policy: routeWish(request, message.headers).policy,
    asks: featuresAsked(request),
  }
}

/** Throws `model_not_found` or `model_not_allowed`. */
function estimate({ catalog, router }: EstimateRoutesDeps, asker: Asker, question: Question): EstimateShown {
  const model = catalog.find(question.name)
  if (!mayUse(catalog, asker, model)) {
    throw new GatewayError('model_not_allowed', `This API key may not use '${model.id}'.`, { param: 'model' })
  }
  const prompt = question.promptAt(model)
  const { choices, requested, maxCostNanos } = question
  const cap = capOutput({
    ...(requested === undefined ? {} : { requested }),
    keyDefault: asker.defaultMaxOutputTokens ?? DEFAULT_MAX_OUTPUT_TOKENS,
    modelMax: model.maxOutputTokens,
    ...(model.contextWindow === undefined ? {} : { contextWindow: model.contextWindow }),
    inputTokens: prompt.most,
  })
  const wanted = cap.maxOutputTokens * choices
  const { offers, excluded } = eligible(router.poolOf(model), {
    inputTokens: prompt.most,
    outputTokens: wanted,
    policy: narrowed(asker.policy, question.policy),
    asks: question.asks,
    ...(maxCostNanos === undefined ? {} : { maxCostNanos: Number(maxCostNanos), choices }),
  })
  const ranges = offers.map(({ offer, now }) => {
    const limit = { maxCostNanos: maxCostNanos ?? 0n, inputTokens: prompt.most, choices }
    const afforded = maxCostNanos === undefined ? wanted : affordedTokens([offer], limit) * choices
    const maxOutputTokens = Math.min(wanted, afforded)
    const { expectedOutputTokens } = question
    const { price } = offer
    return {
      offer,
      now,
      range: costRange({ prompt, maxOutputTokens, expectedOutputTokens, maxCostNanos, price }),
    }
  })
  ranges.sort((a, b) =>
    a.range.maxNanos < b.range.maxNanos ? -1 : a.range.maxNanos > b.range.maxNanos ? 1 : 0,
  )
  return {
    model: model.id,
    tokenizer: prompt.counted ? { name: model.tokenizer, exact: prompt.exact } : null,
    inputTokens: { least: prompt.least, most: prompt.most },
    choices,
    maxOutputTokens: cap.maxOutputTokens,
    maxOutputTokensFrom: cap.reason,
    offers: ranges.slice(0, MAX_OFFERS).map(showRange),
    notShown: Math.max(0, ranges.length - MAX_OFFERS),
    excluded,
  }
}

type Priced = LivePool['offers'][number]

/** Reasons that pass: such an offer may serve the request a little later, at the same price. */
const PASSING: ReadonlySet<Exclusion> = new Set(['full', 'cooling', 'breaker_open', 'origin_open'])

function eligible({ dense, offers }: LivePool, request: RouteRequest) {
  const found: { offer: Priced; now: 'usable' | Exclusion }[] = []
  const excluded: Partial<Record<Exclusion, number>> = {}
  for (const [index, offer] of offers.entries()) {
    const why = exclusionOf(dense, index, request)
    if (why === undefined || PASSING.has(why)) found.push({ offer, now: why ?? 'usable' })
    else excluded[why] = (excluded[why] ?? 0) + 1
  }
  return { offers: found, excluded }
}

function showRange({
  offer,
  now,
  range,
}: {
  offer: Priced
  now: EstimateShown['offers'][number]['now']
  range: ReturnType<typeof costRange>
}) {
  return {
    listing: formatId('lst-', offer.listingId),
    provider: offer.provider.id,
    priceVersion: offer.price.version ?? null,
    minNanos: range.minNanos.toString(),
    ...(range.expectedNanos === undefined ? {} : { expectedNanos: range.expectedNanos.toString() }),
    maxNanos: range.maxNanos.toString(),
    now,
  }
}
