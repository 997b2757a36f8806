/** What a caller's policy asks of the choice, and what a request may add to its key's. Pure. */
import { parseId } from '../platform/ids.ts'

export const sorts = ['balanced', 'price', 'throughput', 'latency'] as const
export type Sort = (typeof sorts)[number]

/** The shape of keys/policy.ts, which checks it where it enters. Names are ids of providers, listings or sellers. */
export interface RoutingPolicy {
  sort?: Sort | undefined
  /** Tried first, in this order; the others follow when fallbacks are allowed. */
  order?: readonly string[] | undefined
  /** Nothing else serves. */
  only?: readonly string[] | undefined
  /** A second such list, of the request: an offer passes both. */
  alsoOnly?: readonly string[] | undefined
  ignore?: readonly string[] | undefined
  allowFallbacks?: boolean | undefined
  /** Offers that would leave a parameter of the request unused do not serve. */
  requireParameters?: boolean | undefined
  /** `prompt` and `completion` in USD per million tokens, `request` in USD; decimal strings. */
  maxPrice?:
    | { prompt?: string | undefined; completion?: string | undefined; request?: string | undefined }
    | undefined
}

/**
 * The key's policy as a request narrows it: what either excludes is excluded, the lower price limit holds; order and sort
 * are the request's if it names them, but for the order of a key that allows nobody else. The same object when the request adds nothing.
 */
export function narrowed(key: RoutingPolicy, request: RoutingPolicy | undefined): RoutingPolicy {
  if (request === undefined || Object.keys(request).length === 0) return key
  return {
    ...key,
    ...definedOnly(request),
    ...(key.only && request.only ? { only: key.only, alsoOnly: request.only } : {}),
    ...(key.ignore && request.ignore ? { ignore: [...key.ignore, ...request.ignore] } : {}),
    ...(key.allowFallbacks === false ? { allowFallbacks: false } : {}),
    // Without fallbacks an order says who may serve at all.
    ...(key.allowFallbacks === false && key.order ? { order: key.order } : {}),
    ...(key.requireParameters === true ? { requireParameters: true } : {}),
    ...(key.maxPrice && request.maxPrice ? { maxPrice: lower(key.maxPrice, request.maxPrice) } : {}),
  }
}

/** Names as a pool knows them: listings and sellers by their bare UUID, providers in lower case. */
export function bareName(name: string): string {
  return parseId('lst-', name) ?? parseId('org-', name) ?? name.toLowerCase()
}

type MaxPrice = NonNullable<RoutingPolicy['maxPrice']>

function lower(one: MaxPrice, other: MaxPrice): MaxPrice {
  const least = (a: string | undefined, b: string | undefined) =>
    a === undefined ? b : b === undefined || Number(a) <= Number(b) ? a : b
  return definedOnly({
    prompt: least(one.prompt, other.prompt),
    completion: least(one.completion, other.completion),
    request: least(one.request, other.request),
  })
}

function definedOnly<Fields extends object>(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Fields
}
