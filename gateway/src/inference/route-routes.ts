/** `GET /api/requests/{id}/route`: why a request went where it went. `POST /api/route`: where one would go now. */
import { isDeepStrictEqual } from 'node:util'
import { Router } from 'express'
import { z } from 'zod'
import type { Catalog } from '../catalog/catalog.ts'
import { validate } from '../http/validate.ts'
import { capOutput } from '../metering/cap-output.ts'
import { estimatePrompt } from '../metering/count-tokens.ts'
import { GatewayError } from '../platform/errors.ts'
import { formatId, parseId } from '../platform/ids.ts'
import { type ChatRequest, chatRequest } from '../providers/chat.ts'
import { choose } from '../routing/choose.ts'
import { explain } from '../routing/explain.ts'
import type { PlanRequest } from '../routing/plan.ts'
import { narrowed } from '../routing/policy.ts'
import type { RouteRecords, StoredRoute } from '../routing/route-records.ts'
import type { Router as Routing } from '../routing/router.ts'
import { notAllowed } from './admit-chat.ts'
import { mayUse } from './allowed-models.ts'
import { featuresAsked } from './features-asked.ts'
import { type Reader, type ReaderDeps, readerOf } from './reader.ts'
import { routeWish } from './route-wish.ts'

export interface RouteRoutesDeps extends ReaderDeps {
  routes: Pick<RouteRecords, 'find'>
  router: Pick<Routing, 'dryRun'>
  catalog: Catalog
  clock: { nowMs(): number; monotonicMs(): number }
}

/** Routes relative to `/api`. */
export function createRouteRoutes(deps: RouteRoutesDeps): Router {
  const router = Router()
  router.get('/requests/:id/route', async (request, response) => {
    const asker = await readerOf(deps, request)
    const id = parseId('gen-', String(request.params.id))
    const route = id === undefined ? undefined : await deps.routes.find(id)
    if (!id || !route || !(asker.all || asker.organisationId === route.organisationId)) throw unknownRoute()
    response.json(showRoute(id, route))
  })
  router.post('/route', async (request, response) => {
    const asker = await readerOf(deps, request)
    const length = Number(request.headers['content-length'] ?? 0)
    const asked = planFor(deps, readDryRun(request.body, length), asker)
    const decisions = deps.router.dryRun(asked)
    const times = { atMs: deps.clock.nowMs(), monotonicMs: deps.clock.monotonicMs() }
    response.json({
      inputTokens: asked.inputTokens,
      maxOutputTokens: asked.maxOutputTokens,
      decisions: decisions.map((decision) => explain({ ...decision, ...times })),
    })
  })
  return router
}

function showRoute(id: string, { decisions, attempts, ...route }: StoredRoute) {
  return {
    requestId: formatId('gen-', id),
    decidedAt: new Date(route.atMs).toISOString(),
    ...(route.error === undefined ? {} : { error: route.error }),
    decisions: decisions.map((decision) => ({
      ...explain({ ...decision, ...route, attempts }),
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

function unknownRoute(): GatewayError {
  return new GatewayError(
    'not_found',
    'There is no route of such a request. They are kept for seven days, and appear a second after the answer.',
  )
}

const tokens = z.int().min(0).max(100_000_000)

/** A chat request, or in place of its messages how many tokens they come to. */
const sizes = z.looseObject({
  messages: z.unknown().optional(),
  inputTokens: tokens.optional(),
  maxOutputTokens: tokens.optional(),
})

interface DryRun {
  request: ChatRequest
  bytes: number
  inputTokens: number | undefined
}

function readDryRun(body: unknown, bytes: number): DryRun {
  const { inputTokens, maxOutputTokens, messages, ...rest } = validate(sizes, body ?? {})
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
  { caller }: Reader,
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
