/** What a request may cost at an offer, from the least to what would be held for it. Pure. */
import type { Model } from '../catalog/catalog.ts'
import type { PriceSnapshot, TokenClass, TokenPrices } from '../catalog/price.ts'
import { countPrompt, estimatePrompt } from '../metering/count-tokens.ts'
import { priceUsage, worstCase } from '../metering/price-usage.ts'
import { promptParts } from '../metering/prompt-parts.ts'
import type { ChatRequest } from '../providers/chat.ts'
import { noUsage } from '../providers/usage.ts'

// Counting costs up to 1.7 us a byte of hostile text; an estimate may take the loop 30 ms and no more.
const MAX_EXACT_BYTES = 16 * 1024
// Of the upper estimate. Prose is two thirds of it; long runs of one character are far fewer tokens than bytes.
const LEAST_SHARE_OF_TEXT = 0.25
// An image that the vendor scales down costs a tenth of its usual price, and a file may turn out to be a line.
const LEAST_SHARE_OF_MEDIA = 0.02

export interface PromptRange {
  least: number
  /** What is held for. */
  most: number
  /** The count is the model's own, so `least` is what its vendor will report. */
  exact: boolean
}

/** How many tokens the prompt is; `most` is the estimate that its hold is made with. */
export function promptRange(request: ChatRequest, bodyBytes: number, model: Model): PromptRange {
  const most = estimatePrompt(request, bodyBytes, model.tokenizer, model.contextWindow)
  const { json, mediaTokensMax, hasUnmeasured } = promptParts(request)
  const onlyText = mediaTokensMax === 0 && !hasUnmeasured
  // How a vendor writes tools and formats down is its own affair.
  const exact =
    model.tokenizer !== 'approximate' && onlyText && json.length === 0 && bodyBytes <= MAX_EXACT_BYTES
  if (exact) return { least: Math.min(countPrompt(request, model.tokenizer), most), most, exact }
  const share = onlyText ? LEAST_SHARE_OF_TEXT : LEAST_SHARE_OF_MEDIA
  return { least: Math.max(1, Math.floor(most * share)), most, exact }
}

export interface CostBounds {
  prompt: Pick<PromptRange, 'least' | 'most'>
  /** Of all choices together. */
  maxOutputTokens: number
  expectedOutputTokens?: number | undefined
  /** The caller's own limit. */
  maxCostNanos?: bigint | undefined
  price: PriceSnapshot
}

export interface CostRange {
  /** The prompt, all of it as cheap as a cache could make it, and one token of an answer. */
  minNanos: bigint
  expectedNanos: bigint | undefined
  /** What would be held. */
  maxNanos: bigint
}

/** In nano-dollars, the price per request included. An answer that is empty or breaks costs nothing, whatever this says. */
export function costRange({
  prompt,
  maxOutputTokens,
  expectedOutputTokens,
  maxCostNanos,
  price,
}: CostBounds): CostRange {
  const within = (nanos: bigint) =>
    maxCostNanos !== undefined && maxCostNanos < nanos ? maxCostNanos : nanos
  const output = Math.min(expectedOutputTokens ?? 0, maxOutputTokens)
  const expected = { ...noUsage, uncachedInput: prompt.least, output }
  return {
    minNanos: within(leastNanos(prompt, price)),
    expectedNanos: expectedOutputTokens === undefined ? undefined : within(priceUsage(expected, price)),
    maxNanos: within(worstCase({ inputTokens: prompt.most, maxOutputTokens, price })),
  }
}

const INPUT_CLASSES = ['uncachedInput', 'cacheRead', 'cacheWrite5m', 'cacheWrite1h', 'audioInput'] as const
const OUTPUT_CLASSES = ['output', 'audioOutput'] as const

/** The cheapest class of every tier that the prompt can come to lie in. */
function leastNanos({ least, most }: CostBounds['prompt'], price: PriceSnapshot): bigint {
  const { base, tiers } = price.table
  const reached = tiers.findLastIndex(({ aboveInputTokens }) => least > aboveInputTokens)
  const above = tiers.filter(({ aboveInputTokens }, at) => at >= reached && most > aboveInputTokens)
  const tables = [...(reached < 0 ? [base] : []), ...above.map(({ prices }) => prices)]
  return tables
    .map((prices) => {
      const usage = {
        ...noUsage,
        [cheapest(prices, INPUT_CLASSES)]: least,
        [cheapest(prices, OUTPUT_CLASSES)]: 1,
      }
      return priceUsage(usage, { ...price, table: { base: prices, tiers: [] } })
    })
    .reduce((a, b) => (a < b ? a : b))
}

function cheapest(prices: TokenPrices, classes: readonly TokenClass[]): TokenClass {
  return classes.reduce((best, each) => (prices[each] < prices[best] ? each : best))
}
