/** The shape of config/models.json: what operators edit, and what wins over the package's data. */
import { z } from 'zod'
import { parseScaled } from '../platform/money.ts'
import { features } from './features.ts'

const MAX_TOKENS = 100_000_000

/** Dollars per million tokens as a decimal text of at most 6 decimals, read as pico-dollars per token. */
const usdPerMTok = z.string().transform((text, context) => {
  const picos = parseScaled(text, 6)
  if (picos !== undefined) return picos
  context.addIssue({
    code: 'custom',
    message: `'${text}' is not dollars per million tokens with at most 6 decimals, such as "0.15"`,
  })
  return z.NEVER
})

const positiveUsdPerMTok = usdPerMTok.refine((picos) => picos > 0n, 'a price of 0 would give tokens away')

const tokenPrices = z.strictObject({
  input: positiveUsdPerMTok,
  output: positiveUsdPerMTok,
  cacheRead: usdPerMTok.optional(),
  cacheWrite: usdPerMTok.optional(),
  cacheWrite1h: usdPerMTok.optional(),
  audioInput: usdPerMTok.optional(),
  audioOutput: usdPerMTok.optional(),
})

const priceOverride = tokenPrices.extend({
  tiers: z
    .array(z.strictObject({ aboveInputTokens: z.int().min(1).max(MAX_TOKENS), prices: tokenPrices }))
    .max(8)
    .optional(),
})

const facts = {
  maxOutputTokens: z.int().min(1).max(MAX_TOKENS).optional(),
  contextWindow: z.int().min(1).max(MAX_TOKENS).optional(),
  tokenizer: z.enum(['o200k', 'cl100k', 'approximate']).optional(),
  reasoning: z.boolean().optional(),
  /** Features that the model does not have: requests that ask for them go to others. */
  lacks: z.array(z.enum(features)).optional(),
  released: z.iso.date().optional(),
}

const modelName = z.string().regex(/^[\w.:@-]+(\/[\w.:@-]+)?$/, 'not a model name')

export const catalogConfig = z.strictObject({
  /** Authors whose models are catalogued from a provider of the price data. On equal bare names the earlier wins. */
  authors: z.array(
    z.strictObject({
      author: z.string().regex(/^[\w-]+$/),
      /** Provider id in the price data. */
      prices: z.string().optional(),
      /** Other author names that callers use. */
      alsoKnownAs: z.array(z.string()).default([]),
      /** Names to leave out; `*` stands for anything. */
      omit: z.array(z.string()).default([]),
    }),
  ),
  /** Facts by name pattern; of several that match, the later wins. */
  rules: z.array(z.strictObject({ match: z.string(), ...facts })),
  /** Single models: facts and prices that win over everything else, or models the price data does not have. */
  models: z.array(
    z.strictObject({
      id: z.string().regex(/^[\w-]+\/[\w.:-]+$/, 'must be author/name'),
      aliases: z.array(modelName).default([]),
      /** Takes the price of another vendor's model: a model that many serve has no maker's price. */
      priceFrom: z.strictObject({ provider: z.string(), model: z.string() }).optional(),
      price: priceOverride.optional(),
      ...facts,
    }),
  ),
})

export type CatalogConfig = z.output<typeof catalogConfig>
export type CatalogConfigInput = z.input<typeof catalogConfig>
export type ModelFacts = CatalogConfig['rules'][number]
export type ModelEntry = CatalogConfig['models'][number]
export type PriceOverride = NonNullable<ModelEntry['price']>
