/** `max_cost`: what one request may cost at most, in USD, by its caller's own word. */
import type { IncomingHttpHeaders } from 'node:http'
import type { Model } from '../catalog/catalog.ts'
import type { Offer } from '../marketplace/offer.ts'
import { countPrompt } from '../metering/count-tokens.ts'
import { affordableOutput } from '../metering/price-usage.ts'
import { GatewayError } from '../platform/errors.ts'
import { parseScaled } from '../platform/money.ts'
import type { ChatRequest } from '../providers/chat.ts'

const HEADER = 'x-gateway-max-cost'
const NANO_DECIMALS = 9

/**
 * The limit in nano-dollars; undefined when there is none. The body's `max_cost` wins over the header. Throws
 * `invalid_value` for anything that is not a plain decimal above zero.
 */
export function maxCost(request: ChatRequest, headers: IncomingHttpHeaders): bigint | undefined {
  const inBody = request.max_cost
  const given = inBody ?? headers[HEADER]
  if (given === undefined || given === null) return undefined
  const text = typeof given === 'number' ? plainDecimal(given) : String(given).trim()
  const nanos = parseScaled(text, NANO_DECIMALS)
  if (nanos !== undefined && nanos > 0n) return nanos
  throw new GatewayError(
    'invalid_value',
    `max_cost is an amount in USD above zero with at most nine decimals, such as 0.02.`,
    { param: inBody === undefined || inBody === null ? HEADER : 'max_cost' },
  )
}

// JavaScript writes numbers below a millionth with an exponent.
const SMALL_DECIMALS = 12

/** The number's own digits, without an exponent and without what is below a nano-dollar. */
function plainDecimal(value: number): string {
  const text = String(value)
  if (!/^[\d.]+(e-\d+)?$/.test(text)) return ''
  const [whole = '', fraction = ''] = (text.includes('e-') ? value.toFixed(SMALL_DECIMALS) : text).split('.')
  return fraction === '' ? whole : `${whole}.${fraction.slice(0, NANO_DECIMALS)}`
}

/** Completion tokens for each choice that the limit has room for, at the dearest of these offers; at least 1. */
export function affordedTokens(
  offers: readonly Offer[],
  { maxCostNanos, inputTokens, choices }: { maxCostNanos: bigint; inputTokens: number; choices: number },
): number {
  const perOffer = offers.map(({ price }) =>
    affordableOutput({ inputTokens, budgetNanos: maxCostNanos, price }),
  )
  // Offers without room for one are left out before, by floats: at the limit itself they may say otherwise.
  return Math.max(1, Math.floor(Math.min(...perOffer) / choices))
}

/** How many completion tokens may be delivered, whatever the upstream sends; by our own count of the prompt. */
export function allowedOutput(
  chat: { request: ChatRequest; model: Model; maxCostNanos: bigint | undefined },
  { price }: Offer,
): number | undefined {
  if (chat.maxCostNanos === undefined) return undefined
  const inputTokens = countPrompt(chat.request, chat.model.tokenizer)
  return affordableOutput({ inputTokens, budgetNanos: chat.maxCostNanos, price })
}
