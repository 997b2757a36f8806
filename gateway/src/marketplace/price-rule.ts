/**
 * How a seller prices a model: a multiplier on the list price, or fixed prices of his own. Rules are stored as they
 * were said; the price in pico-dollars is made from them whenever the list price or the fee changes.
 */
import { z } from 'zod'
import type { PriceSnapshot, PriceTable, TokenPrices } from '../catalog/price.ts'
import { GatewayError } from '../platform/errors.ts'
import { parseScaled } from '../platform/money.ts'

/** Dollars per million tokens have six decimals: with more they would not be whole pico-dollars per token. */
const MTOK_SCALE = 6
const REQUEST_SCALE = 9

// Ten times the dearest list price known; beyond it a typing error is likelier than an offer.
const MAX_PICO_PER_TOKEN = 10_000_000_000n
const MAX_NANOS_PER_REQUEST = 100_000_000_000n

const usdPerMTok = decimalUsd(MTOK_SCALE, MAX_PICO_PER_TOKEN, 'USD per million tokens')
const usdPerRequest = decimalUsd(REQUEST_SCALE, MAX_NANOS_PER_REQUEST, 'USD per request')

export const priceRule = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('multiplier'),
    /** Parts per million of the list price: 1_000_000 is the list price itself. */
    ppm: z.int().min(50_000).max(10_000_000),
  }),
  z.strictObject({
    kind: z.literal('fixed'),
    /** USD per million tokens. Classes left out cost what the class they replace costs. */
    perMTok: z.strictObject({
      input: usdPerMTok,
      output: usdPerMTok,
      cacheRead: usdPerMTok.optional(),
      cacheWrite: usdPerMTok.optional(),
      cacheWrite1h: usdPerMTok.optional(),
      audioInput: usdPerMTok.optional(),
      audioOutput: usdPerMTok.optional(),
    }),
    perRequest: usdPerRequest.optional(),
  }),
])

export type PriceRule = z.output<typeof priceRule>

const LIST_PRICE_PPM = 1_000_000n

/** What `rule` comes to today. Throws `invalid_value` for a multiplier of a list price that nobody knows. */
export function priceOf(rule: PriceRule, listPrice: PriceTable | undefined, feeBps: bigint): PriceSnapshot {
  if (rule.kind === 'fixed') {
    return {
      table: fixedTable(rule.perMTok),
      nanosPerRequest: scaled(rule.perRequest ?? '0', REQUEST_SCALE),
      multiplierPpm: LIST_PRICE_PPM,
      feeBps,
    }
  }
  if (!listPrice) {
    throw new GatewayError(
      'invalid_value',
      "The list price of this model is unknown, so a multiplier has nothing to multiply. Use {kind: 'fixed'}.",
      { param: 'price' },
    )
  }
  return { table: listPrice, nanosPerRequest: 0n, multiplierPpm: BigInt(rule.ppm), feeBps }
}

function fixedTable(perMTok: Extract<PriceRule, { kind: 'fixed' }>['perMTok']): PriceTable {
  const pico = (text: string | undefined, otherwise: bigint) =>
    text === undefined ? otherwise : scaled(text, MTOK_SCALE)
  const uncachedInput = pico(perMTok.input, 0n)
  const output = pico(perMTok.output, 0n)
  const cacheWrite5m = pico(perMTok.cacheWrite, uncachedInput)
  const base: TokenPrices = {
    uncachedInput,
    cacheRead: pico(perMTok.cacheRead, uncachedInput),
    cacheWrite5m,
    cacheWrite1h: pico(perMTok.cacheWrite1h, cacheWrite5m),
    audioInput: pico(perMTok.audioInput, uncachedInput),
    output,
    audioOutput: pico(perMTok.audioOutput, output),
  }
  return { base, tiers: [] }
}

function decimalUsd(scale: number, max: bigint, unit: string) {
  return z.string().refine(
    (text) => {
      const value = parseScaled(text, scale)
      return value !== undefined && value <= max
    },
    { message: `write ${unit} as a decimal string such as "0.15", with at most ${scale} decimals` },
  )
}

/** Rules are checked where they enter; text that is no price here is a broken invariant. */
function scaled(text: string, scale: number): bigint {
  const value = parseScaled(text, scale)
  if (value === undefined) throw new Error(`not a price: ${text}`)
  return value
}
