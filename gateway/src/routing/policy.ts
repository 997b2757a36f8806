/** What a caller's policy lets through. Pure; says for every offer that it leaves out, why. */
import type { PriceSnapshot } from '../catalog/price.ts'
import type { Offer } from '../marketplace/offer.ts'
import { parseId } from '../platform/ids.ts'
import { parseScaled } from '../platform/money.ts'

/** The shape of keys/policy.ts, which checks it where it enters. */
export interface RoutingPolicy {
  sort?: 'balanced' | 'price' | undefined
  /** Ids of providers or listings: nothing else serves. */
  only?: readonly string[] | undefined
  ignore?: readonly string[] | undefined
  allowFallbacks?: boolean | undefined
  /** USD per million tokens, as decimal strings. */
  maxPrice?: { prompt?: string | undefined; completion?: string | undefined } | undefined
}

export type PolicyExclusion = 'policy_only' | 'policy_ignore' | 'policy_max_price'

/** Why `policy` leaves an offer out; `undefined` when it does not. Made once per request. */
export function policyFilter(
  policy: RoutingPolicy,
  { inputTokens }: { inputTokens: number },
): (offer: Offer) => PolicyExclusion | undefined {
  const only = policy.only && namesOf(policy.only)
  const ignore = policy.ignore && namesOf(policy.ignore)
  const maxPrompt = microsPerMTok(policy.maxPrice?.prompt)
  const maxCompletion = microsPerMTok(policy.maxPrice?.completion)
  return function exclusionOf(offer) {
    if (only && !isNamed(offer, only)) return 'policy_only'
    if (ignore && isNamed(offer, ignore)) return 'policy_ignore'
    if (maxPrompt === undefined && maxCompletion === undefined) return undefined
    const prices = pricesAt(offer.price, inputTokens)
    const isAbove = (price: bigint, max: bigint | undefined) =>
      max !== undefined && price * offer.price.multiplierPpm > max * 1_000_000n
    const dear = isAbove(prices.uncachedInput, maxPrompt) || isAbove(prices.output, maxCompletion)
    return dear ? 'policy_max_price' : undefined
  }
}

/** The prices of the tier that a prompt of this length falls into. */
function pricesAt({ table }: PriceSnapshot, inputTokens: number) {
  return table.tiers.findLast((tier) => inputTokens > tier.aboveInputTokens)?.prices ?? table.base
}

/** Micro-dollars per million tokens are pico-dollars per token. A text that is no price admits nothing. */
function microsPerMTok(text: string | undefined): bigint | undefined {
  return text === undefined ? undefined : (parseScaled(text, 6) ?? 0n)
}

const setsOfNames = new WeakMap<readonly string[], ReadonlySet<string>>()

/** Listings are named as the outside knows them, or by their bare UUID. A key's lists are the same at every request. */
function namesOf(names: readonly string[]): ReadonlySet<string> {
  let set = setsOfNames.get(names)
  if (!set) {
    set = new Set(names.map((name) => parseId('lst-', name) ?? name))
    setsOfNames.set(names, set)
  }
  return set
}

function isNamed(offer: Offer, names: ReadonlySet<string>): boolean {
  return names.has(offer.provider.id) || names.has(offer.listingId)
}
