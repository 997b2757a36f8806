/**
 * What usage costs, in integers. Prices are pico-dollars per token, multipliers parts per million, the result
 * nano-dollars; a request is rounded once, up, so that splitting it never makes it cheaper.
 */
import { strict as assert } from 'node:assert'
import { type PriceSnapshot, type PriceTable, type TokenPrices, tokenClasses } from '../catalog/price.ts'
import { ceilDiv } from '../platform/money.ts'
import { inputTokens as inputTokensOf, type Usage } from '../providers/usage.ts'

const PICOS_PER_NANO = 1_000n
const PPM = 1_000_000n
const BASIS_POINTS = 10_000n

/** Nothing is sold below a twentieth of its list price; 0 would be a gift that drains a wallet of nobody's. */
export const MIN_MULTIPLIER_PPM = 50_000n

/** What `usage` costs at `price`, in nano-dollars, the price per request included. Rounds up, once, on the sum. */
export function priceUsage(usage: Usage, price: PriceSnapshot): bigint {
  const prices = pricesFor(price.table, inputTokensOf(usage))
  let picos = 0n
  for (const tokenClass of tokenClasses) {
    const tokens = usage[tokenClass]
    assert(Number.isSafeInteger(tokens) && tokens >= 0, 'usage must be checked before it is priced')
    if (tokens > 0) picos += BigInt(tokens) * prices[tokenClass]
  }
  return nanosOf(picos, price)
}

/**
 * The most that a request within these bounds can cost, in nano-dollars: the dearest class of every tier it can
 * reach. `maxOutputTokens` is for all choices together.
 */
export function worstCase({ inputTokens, maxOutputTokens, price }: WorstCaseBounds): bigint {
  const { input, output } = dearestPrices(price.table, inputTokens)
  return nanosOf(BigInt(inputTokens) * input + BigInt(maxOutputTokens) * output, price)
}

/** The most completion tokens that keep `worstCase` within `budgetNanos`; 0 when not even the prompt is affordable. */
export function affordableOutput({ inputTokens, budgetNanos, price }: AffordableBounds): number {
  const { input, output } = dearestPrices(price.table, inputTokens)
  const budget = (budgetNanos * PICOS_PER_NANO * PPM) / multiplierOf(price)
  const rest = budget - BigInt(inputTokens) * input - price.nanosPerRequest * PICOS_PER_NANO
  if (rest < 0n) return 0
  if (output === 0n) return Number.MAX_SAFE_INTEGER
  const tokens = rest / output
  return tokens > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(tokens)
}

/** Seller's and platform's part of `costNanos`; they sum to it, the platform takes the rounding. */
export function splitCost(costNanos: bigint, feeBps: bigint): { sellerNanos: bigint; feeNanos: bigint } {
  assert(costNanos >= 0n && feeBps >= 0n && feeBps <= BASIS_POINTS, 'a fee is between 0 and 100 %')
  const sellerNanos = (costNanos * (BASIS_POINTS - feeBps)) / BASIS_POINTS
  return { sellerNanos, feeNanos: costNanos - sellerNanos }
}

interface WorstCaseBounds {
  inputTokens: number
  maxOutputTokens: number
  price: PriceSnapshot
}

interface AffordableBounds {
  inputTokens: number
  budgetNanos: bigint
  price: PriceSnapshot
}

/** The multiplier scales tokens and the price per request alike. */
function nanosOf(picos: bigint, price: PriceSnapshot): bigint {
  return ceilDiv((picos + price.nanosPerRequest * PICOS_PER_NANO) * multiplierOf(price), PICOS_PER_NANO * PPM)
}

function multiplierOf(price: PriceSnapshot): bigint {
  assert(price.multiplierPpm >= MIN_MULTIPLIER_PPM, 'a multiplier below the floor must not reach a request')
  assert(price.nanosPerRequest >= 0n, 'a price per request is never negative')
  return price.multiplierPpm
}

/** The tier that `inputTokens` falls into replaces the base as a whole. */
function pricesFor(table: PriceTable, inputTokens: number): TokenPrices {
  return table.tiers.findLast((tier) => inputTokens > tier.aboveInputTokens)?.prices ?? table.base
}

/** Over base and every tier that up to `inputTokens` can reach: usage may come out lower than the estimate. */
export function dearestPrices(table: PriceTable, inputTokens: number): { input: bigint; output: bigint } {
  let { input, output } = dearestClasses(table.base)
  for (const tier of table.tiers) {
    if (inputTokens <= tier.aboveInputTokens) continue
    const dearest = dearestClasses(tier.prices)
    if (dearest.input > input) input = dearest.input
    if (dearest.output > output) output = dearest.output
  }
  return { input, output }
}

const dearestOf = new WeakMap<TokenPrices, { input: bigint; output: bigint }>()

/** Found once for each table: every offer of every request asks for it. */
function dearestClasses(prices: TokenPrices): { input: bigint; output: bigint } {
  let dearest = dearestOf.get(prices)
  if (!dearest) {
    dearest = findDearest(prices)
    dearestOf.set(prices, dearest)
  }
  return dearest
}

function findDearest(prices: TokenPrices): { input: bigint; output: bigint } {
  const { uncachedInput, cacheRead, cacheWrite5m, cacheWrite1h, audioInput } = prices
  let input = uncachedInput
  for (const other of [cacheRead, cacheWrite5m, cacheWrite1h, audioInput]) if (other > input) input = other
  return { input, output: prices.output > prices.audioOutput ? prices.output : prices.audioOutput }
}
