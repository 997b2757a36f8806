/** `GET /api/requests/{id}/route`: why a request went where it went. `POST /api/route`: where one would go now. */
import { isDeepStrictEqual } from 'node:util'
import { Router } from 'express'
import type { z } from 'zod'
import type { Catalog } from '../catalog/catalog.ts'
import type { Principal } from '../http/principal.ts'
import { type Door, serveOperation } from '../http/serve-operation.ts'
import { validate } from '../http/validate.ts'
import type { Caller } from '../keys/verify.ts'
import type { Marketplace } from '../marketplace/marketplace.ts'
import { capOutput } from '../metering/cap-output.ts'
import { estimatePrompt } from '../metering/count-tokens.ts'
import { GatewayError } from '../platform/errors.ts'
import { formatId, parseId } from '../platform/ids.ts'
import { type ChatRequest, chatRequest } from '../providers/chat.ts'
import { choose } from '../routing/choose.ts'
import { type Explained, explain, type RouteExplained } from '../routing/explain.ts'
import type { PlanRequest } from '../routing/plan.ts'
import { narrowed } from '../routing/policy.ts'
import type { RouteRecords, StoredRoute } from '../routing/route-records.ts'
import type { Router as Routing } from '../routing/router.ts'
import { notAllowed } from './admit-chat.ts'
import { mayUse } from './allowed-models.ts'
import { dryRun, explainRoute, type RouteShown } from './api.ts'
import { featuresAsked } from './features-asked.ts'
import { callerOf, type VerifyKey } from './reader.ts'
import { routeWish } from './route-wish.ts'

export interface RouteRoutesDeps {
  door: Door
  verifyKey: VerifyKey
  routes: Pick<RouteRecords, 'find'>
  router: Pick<Routing, 'dryRun'>
  catalog: Catalog
  marketplace: Pick<Marketplace, 'faceOf'>
  clock: { nowMs(): number; monotonicMs(): number }
}

export function createRouteRoutes(deps: RouteRoutesDeps): Router {
  const router = Router()
  serveOperation(router, deps.door, explainRoute, async ({ params, principal }) => {
    const id = parseId('gen-', String(params.id))
    const route = id === undefined ? undefined : await deps.routes.find(id)
    if (!id || !route || !maySee(principal, route)) throw unknownRoute()
    return showRoute(id, route, deps)
  })
  serveOperation(router, deps.door, dryRun, async ({ body, principal, request }) => {
    const caller = await callerOf(deps.verifyKey, principal, request)
    const length = Number(request.headers['content-length'] ?? 0)
    const asked = planFor(deps, readDryRun(body, length), caller)
    const decisions = deps.router.dryRun(asked)
    const times = { atMs: deps.clock.nowMs(), monotonicMs: deps.clock.monotonicMs() }
    return {
      inputTokens: asked.inputTokens,
      maxOutputTokens: asked.maxOutputTokens,
      decisions: decisions.map((decision) => explainNamed({ ...decision, ...times }, deps)),
    }
  })
  return router
}

function maySee(principal: Principal, { organisationId }: StoredRoute): boolean {
  if (principal.organisationId === organisationId) return true
  return principal.kind === 'user' && principal.roles.includes('operator')
}

function showRoute(
  id: string,
  { decisions, attempts, ...route }: StoredRoute,
  deps: Pick<RouteRoutesDeps, 'marketplace'>,
): RouteShown {
  return {
    requestId: formatId('gen-', id),
    decidedAt: new Date(route.atMs).toISOString(),
    ...(route.error === undefined ? {} : { error: route.error }),
    decisions: decisions.map((decision) => ({
      ...explainNamed({ ...decision, ...route, attempts }, deps),
      // Made again from what is stored; anything but true is a fault of ours.
      replayed: isDeepStrictEqual(choose(decision.dense, decision.request, route.seed), decision.choice),
    })),
    attempts: attempts.map(({ offer, ...attempt }) => ({
      listingId: formatId('lst-', offer.slice(0, offer.indexOf(':'))),
      model: offer.slice(offer.indexOf(':') + 1),
      ...attempt,
    })),
  }
}

/** People know offers by the names that the market shows. */
function explainNamed(
  decision: Explained,
  { marketplace }: Pick<RouteRoutesDeps, 'marketplace'>,
): Omit<RouteExplained, 'candidates'> & {
  candidates: (RouteExplained['candidates'][number] & { listing?: string })[]
} {
  const explained = explain(decision)
  const candidates = explained.candidates.map((candidate) => {
    const face = marketplace.faceOf(parseId('lst-', candidate.listingId) ?? '')
    return face ? { ...candidate, listing: face.name } : candidate
  })
  return { ...explained, candidates }
}

function unknownRoute(): GatewayError {
  return new GatewayError(
    'not_found',
    'There is no route of such a request. They are kept for seven days, and appear a second after the answer.',
  )
}

interface DryRun {
  request: ChatRequest
  bytes: number
  inputTokens: number | undefined
}

function readDryRun(body: z.output<NonNullable<typeof dryRun.body>>, bytes: number): DryRun {
  const { inputTokens, maxOutputTokens, messages, ...rest } = body
  if (messages === undefined && inputTokens === undefined) {
    throw new GatewayError('invalid_value', 'Send messages as you would to a model, or inputTokens.', {
      param: 'messages',
    })
  }
  const request = validate(chatRequest, {
    ...(maxOutputTokens === undefined ? {} : { max_completion_tokens: maxOutputTokens }),
    ...rest,
    messages: messages ?? [{ role: 'user', content: '' }],
  })
  return { request, bytes, inputTokens }
}

function planFor(
  { catalog }: RouteRoutesDeps,
  { request, bytes, inputTokens: given }: DryRun,
  caller: Caller | undefined,
): PlanRequest {
  const wish = routeWish(request, {})
  const sized = [request.model, ...wish.fallbackModels].map((name) => {
    const model = catalog.find(name)
    if (caller && !mayUse(catalog, caller, model)) throw notAllowed(model)
    const inputTokens = given ?? estimatePrompt(request, bytes, model.tokenizer, model.contextWindow)
    const requested = request.max_completion_tokens ?? request.max_tokens ?? undefined
    const { maxOutputTokens } = capOutput({
      ...(requested === undefined ? {} : { requested }),
      modelMax: model.maxOutputTokens,
      ...(model.contextWindow === undefined ? {} : { contextWindow: model.contextWindow }),
      inputTokens,
    })
    return { model, inputTokens, maxOutputTokens: maxOutputTokens * (request.n ?? 1) }
  })
  const [first, ...fallbackModels] = sized as [(typeof sized)[number]]
  return {
    ...first,
    fallbackModels,
    policy: narrowed(caller?.policy ?? {}, wish.policy),
    // The draw of a dry run is its own: it says what would be likely, not what the next request will get.
    requestId: `dry-run ${Math.random()}`,
    asks: featuresAsked(request),
  }
}
