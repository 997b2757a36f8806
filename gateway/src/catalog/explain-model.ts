import { formatScaled } from '../platform/money.ts'
import type { Model } from './catalog.ts'
import { type TokenPrices, tokenClasses } from './price.ts'

/** What we know of a model and where each number comes from, a line each, for operators. */
export function explainModel(model: Model): string {
  const lines = [
    `${model.id} (${model.title})`,
    `  aliases           ${model.aliases.join(', ') || 'none'}`,
    `  context window    ${model.contextWindow ?? 'unknown'}  [${model.sources.contextWindow}]`,
    `  max output tokens ${model.maxOutputTokens}  [${model.sources.maxOutputTokens}]`,
    `  tokenizer         ${model.tokenizer}  [${model.sources.tokenizer}]`,
    `  list price        USD per million tokens  [${model.sources.listPrice}]`,
  ]
  if (!model.listPrice) return [...lines, '    unknown: not sellable until priced'].join('\n')
  const tiers = model.listPrice.tiers.map((tier) =>
    priceLine(`above ${tier.aboveInputTokens} input tokens`, tier.prices),
  )
  return [...lines, priceLine('base', model.listPrice.base), ...tiers].join('\n')
}

function priceLine(label: string, prices: TokenPrices): string {
  return `    ${label}: ${tokenClasses.map((name) => `${name} ${formatScaled(prices[name], 6)}`).join(', ')}`
}
