/** `GET /v1/models` and `/v1/models/{id}`: what this key may call, with OpenAI's fields and prices beside them. */
import { Router } from 'express'
import type { Model } from '../catalog/catalog.ts'
import type { TokenPrices } from '../catalog/price.ts'
import type { Caller } from '../keys/verify.ts'
import type { Marketplace } from '../marketplace/marketplace.ts'
import { GatewayError } from '../platform/errors.ts'
import { formatScaled } from '../platform/money.ts'
import { authenticate } from './admit-chat.ts'
import { mayUse } from './allowed-models.ts'
import type { InferenceDeps } from './deps.ts'

/** Routes relative to `/v1`. */
export function createModelRoutes(deps: InferenceDeps, marketplace: Marketplace): Router {
  const router = Router()
  router.get('/models', async (request, response) => {
    const caller = await authenticate(deps, request)
    response.json({ object: 'list', data: usableModels(deps, marketplace, caller).map(modelJson) })
  })
  // Ids contain a slash; clients send it raw or encoded.
  router.get('/models/*id', async (request, response) => {
    const caller = await authenticate(deps, request)
    const name = ([] as string[]).concat(request.params.id).filter(Boolean).join('/')
    const model = deps.catalog.find(name)
    if (!usableModels(deps, marketplace, caller).some(({ id }) => id === model.id)) {
      throw new GatewayError(
        'model_not_found',
        `Nobody offers '${model.id}' to this key. GET /v1/models lists the models you can use.`,
        {
          param: 'model',
        },
      )
    }
    response.json(modelJson(model))
  })
  return router
}

function usableModels({ catalog }: InferenceDeps, marketplace: Marketplace, caller: Caller): Model[] {
  const onOffer = marketplace.modelsOnOffer()
  return catalog.list().filter((model) => onOffer.has(model.id) && mayUse(catalog, caller, model))
}

function modelJson(model: Model) {
  return {
    id: model.id,
    object: 'model',
    created: model.createdS,
    owned_by: model.author,
    name: model.name,
    aliases: model.aliases,
    context_length: model.contextWindow ?? null,
    max_output_tokens: model.maxOutputTokens,
    ...(model.listPrice ? { pricing: pricingJson(model.listPrice.base) } : {}),
  }
}

/** USD per token as decimal strings, the way OpenRouter's clients read them. */
function pricingJson(prices: TokenPrices) {
  return {
    prompt: formatScaled(prices.uncachedInput, 12),
    completion: formatScaled(prices.output, 12),
    input_cache_read: formatScaled(prices.cacheRead, 12),
    input_cache_write: formatScaled(prices.cacheWrite5m, 12),
  }
}
