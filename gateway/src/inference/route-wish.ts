/** What a request says about who may answer it, in OpenRouter's words: `provider`, `models`, `:floor` and `:nitro`. */
import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { z } from 'zod'
import { validate } from '../http/validate.ts'
import { keyPolicy } from '../keys/policy.ts'
import { GatewayError } from '../platform/errors.ts'
import type { ChatRequest } from '../providers/chat.ts'
import type { RoutingPolicy, Sort } from '../routing/policy.ts'

/** A request and its fallbacks; each costs an estimate of the prompt. */
const MAX_MODELS = 5

const names = keyPolicy.shape.only
const usdPerMTok = z.union([z.number().nonnegative(), z.string()]).nullish()

/** OpenRouter's `provider`. What it promises and we cannot keep is refused, never passed over. */
const providerWish = z.strictObject({
  order: names.nullish(),
  only: names.nullish(),
  ignore: names.nullish(),
  allow_fallbacks: z.boolean().nullish(),
  require_parameters: z.boolean().nullish(),
  sort: z.enum(['price', 'throughput', 'latency', 'balanced']).nullish(),
  max_price: z
    .strictObject({ prompt: usdPerMTok, completion: usdPerMTok, request: usdPerMTok, image: usdPerMTok })
    .partial()
    .nullish(),
  data_collection: z.literal('allow').nullish(),
})

const modelNames = z.array(z.string().min(1).max(256)).max(MAX_MODELS)

export interface RouteWish {
  /** Models to fall back to, in this order, as they were named. */
  fallbackModels: readonly string[]
  /** What the request adds to its key's policy. */
  policy: RoutingPolicy | undefined
  /** The caller wants one line in a header about why. */
  explain: boolean
}

const EXPLAIN_HEADER = 'x-gateway-explain'

/** Throws `invalid_value` with the member that cannot be understood or kept. */
export function routeWish(request: ChatRequest, headers: IncomingHttpHeaders): RouteWish {
  const models = request.models === undefined || request.models === null ? [] : readModels(request.models)
  const asked =
    request.provider === undefined || request.provider === null ? {} : readProvider(request.provider)
  const sort = suffixSort(request.model)
  const policy = sort ? { ...asked, sort } : asked
  return {
    fallbackModels: models.filter((name) => name !== request.model).slice(0, MAX_MODELS - 1),
    policy: Object.keys(policy).length === 0 ? undefined : policy,
    explain: headers[EXPLAIN_HEADER] !== undefined && headers[EXPLAIN_HEADER] !== '0',
  }
}

/** `model:floor` asks for the cheapest offers and `model:nitro` for the fastest, whatever the key's policy says. */
function suffixSort(model: string): Sort | undefined {
  if (model.endsWith(':floor')) return 'price'
  return model.endsWith(':nitro') ? 'throughput' : undefined
}

function readModels(value: unknown): string[] {
  return [...new Set(validate(z.object({ models: modelNames }), { models: value }).models)]
}

function readProvider(value: unknown): RoutingPolicy {
  refuseUnkept(value)
  const { provider } = validate(z.object({ provider: providerWish }), { provider: value })
  const { order, only, ignore, sort, max_price: max } = provider
  const price = max && {
    prompt: decimal(max.prompt, 'prompt'),
    completion: decimal(max.completion, 'completion'),
    request: decimal(max.request, 'request'),
  }
  return definedOnly({
    order: order ?? undefined,
    only: only ?? undefined,
    ignore: ignore ?? undefined,
    sort: sort ?? undefined,
    allowFallbacks: provider.allow_fallbacks ?? undefined,
    requireParameters: provider.require_parameters ?? undefined,
    maxPrice: price ? definedOnly(price) : undefined,
  })
}

// Promises about what happens to the prompt, or how the model is run, that nobody here has given.
const UNKEPT: Readonly<Record<string, string>> = {
  data_collection:
    'no seller has promised to keep nothing; use a key that allows only sellers you trust (policy.only)',
  zdr: 'no seller has promised to keep nothing; use a key that allows only sellers you trust (policy.only)',
  quantizations: 'sellers do not declare quantisation here',
  enforce_distillable_text: 'sellers do not declare it here',
}

function refuseUnkept(value: unknown): void {
  if (typeof value !== 'object' || value === null) return
  for (const [member, why] of Object.entries(UNKEPT)) {
    const asked = (value as Record<string, unknown>)[member]
    if (asked === undefined || asked === null || asked === 'allow' || asked === false) continue
    throw new GatewayError('invalid_value', `provider.${member} cannot be kept: ${why}.`, {
      param: `provider.${member}`,
    })
  }
}

/** A limit in USD as a decimal text. */
function decimal(value: number | string | null | undefined, name: string): string | undefined {
  if (value === undefined || value === null) return undefined
  const text = typeof value === 'number' ? value.toFixed(6).replace(/\.?0+$/, '') : value.trim()
  if (/^\d{1,9}(\.\d{1,6})?$/.test(text)) return text
  throw new GatewayError(
    'invalid_value',
    `provider.max_price.${name} must be USD with at most six decimals, such as "0.60".`,
    { param: `provider.max_price.${name}` },
  )
}

function definedOnly<Fields extends object>(
  fields: Fields,
): { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never
}

/** Providers keep prompts in their cache from this size on. */
const CACHED_PROMPT_TOKENS = 1_024
const OPENING_CHARACTERS = 4_096

/**
 * A name for the conversation that `request` belongs to: the one it gives itself, else its opening, which each turn repeats.
 * `undefined` for prompts too short for a provider's cache. Only a hash: nothing of the prompt is kept.
 */
export function conversationOf(
  request: ChatRequest,
  { organisationId, inputTokens }: { organisationId: string; inputTokens: number },
): string | undefined {
  const named = request.prompt_cache_key ?? request.session_id
  const own = typeof named === 'string' && named !== ''
  if (!own && inputTokens < CACHED_PROMPT_TOKENS) return undefined
  const hash = createHash('sha1').update(organisationId)
  if (own) hash.update(`named ${named.slice(0, 512)}`)
  else
    for (const { role, content } of opening(request.messages)) {
      hash
        .update(role)
        .update(
          (typeof content === 'string' ? content : JSON.stringify(content ?? '')).slice(
            0,
            OPENING_CHARACTERS,
          ),
        )
    }
  return hash.digest('base64url')
}

/** Up to the first message that a user wrote. */
function opening(messages: ChatRequest['messages']): ChatRequest['messages'] {
  const first = messages.findIndex(({ role }) => role === 'user')
  return messages.slice(0, first < 0 ? 1 : Math.min(first, 3) + 1)
}
