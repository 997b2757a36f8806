/** How prices stand in the answers of `/api`. */
import { z } from 'zod'
import { timeShown } from '../http/operation.ts'
import { priceBody } from './schema.ts'

/** USD per million tokens, or per request, as an exact decimal. */
export const usdShown = z.string().meta({ description: 'USD as an exact decimal.' })

const classesShown = z
  .strictObject({
    input: usdShown,
    output: usdShown,
    cacheRead: usdShown,
    cacheWrite: usdShown,
    cacheWrite1h: usdShown,
    audioInput: usdShown,
    audioOutput: usdShown,
  })
  .meta({ id: 'PricePerMTok', description: 'USD per million tokens of each class.' })

const tiersShown = z
  .array(z.strictObject({ aboveInputTokens: z.int(), usdPerMTok: classesShown }))
  .meta({ description: 'Other prices above so many prompt tokens; the last that applies replaces the rest.' })

/** What a price comes to. */
export const amountsShown = {
  usdPerMTok: classesShown,
  tiers: tiersShown.optional(),
  usdPerRequest: usdShown,
}

/** As above, where the model or its list price may have gone from the catalogue since. */
export const knownAmounts = {
  usdPerMTok: classesShown.nullable(),
  tiers: tiersShown.optional(),
  usdPerRequest: usdShown.nullable(),
}

/** On offer, not in force yet; the price is that of an idle listing at that moment. */
export const announcedShown = z
  .strictObject({ version: z.int(), effectiveFrom: timeShown, rule: priceBody, ...amountsShown })
  .meta({ id: 'AnnouncedPrice' })

export const scheduleShown = priceBody
  .nullable()
  .meta({ description: 'The windows and load by which the price changes; null when it does not.' })

export const reputationShown = z
  .strictObject({
    score: z.number().meta({ description: 'Lower bound of its share of successes, 95 % sure.' }),
    successShare: z.number(),
    ttftMsP50: z.number().nullable(),
    tokensPerSP50: z.number().nullable(),
    samples: z.int().meta({ description: 'Completed attempts that it rests on.' }),
    since: timeShown,
  })
  .meta({ id: 'Reputation' })
