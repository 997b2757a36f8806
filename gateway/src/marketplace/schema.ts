/** What the listing routes accept. */
import { z } from 'zod'
import { pageQuery, queryText } from '../audit/page.ts'
import { features } from '../catalog/features.ts'
import { parseScaled } from '../platform/money.ts'
import { displayName } from '../users/schema.ts'
import { capacityBody } from './listing-capacity.ts'
import { listingHealths } from './listing-sight.ts'
import { listingStates } from './listing-states.ts'
import { priceRule } from './price-rule.ts'
import { sellerText } from './seller-text.ts'

/** More models than any vendor serves under one key. */
const MAX_MODELS = 1_000

export const grounds = ['own_endpoint', 'authorised_reseller', 'own_organisation', 'demo'] as const
export type Ground = (typeof grounds)[number]

const upstreamName = z.string().regex(/^[\x21-\x7e]{1,200}$/, 'must be 1 to 200 visible ASCII characters')

// It becomes a header, so what could end one or begin another is refused.
const upstreamKey = z
  .string()
  .regex(/^[\x21-\x7e]{1,8192}$/, 'must be 1 to 8192 visible ASCII characters without spaces')

const models = z
  .array(
    z.strictObject({
      model: displayName(200),
      upstreamModel: upstreamName.optional(),
      price: priceRule,
      /** What this model may carry, within what the listing may. */
      capacity: capacityBody.optional(),
    }),
  )
  .min(1)
  .max(MAX_MODELS)

export const createListingBody = z.strictObject({
  /** `org-…` of the seller; operators only, theirs is the platform when left out. */
  organisationId: z.string().max(64).optional(),
  provider: z.string().max(64),
  name: sellerText(),
  baseUrl: z.string().max(2_000).optional(),
  key: upstreamKey,
  models,
  capacity: capacityBody.optional(),
  /** On what ground this capacity may be sold; naming it attests it. */
  ground: z.enum(grounds),
  /** Kept as it is until somebody says `active`; else its key is verified and it goes on the market. */
  draft: z.boolean().optional(),
})

export type ListingDraft = z.output<typeof createListingBody>

export const updateListingBody = z
  .strictObject({
    name: sellerText(),
    baseUrl: z.string().max(2_000),
    key: upstreamKey,
    models,
    /** When changed prices shall hold; as soon as the notice is over when left out. */
    effectiveAt: z.iso.datetime({ offset: true }).transform((text) => new Date(text)),
    capacity: capacityBody,
    ground: z.enum(grounds),
    /** The last three are the operator's to say. */
    state: z.enum(['active', 'paused', 'suspended', 'disabled', 'quarantined']),
  })
  .partial()
  .refine((body) => Object.keys(body).length > 0, 'name at least one field to change')
  .refine((body) => body.effectiveAt === undefined || body.models !== undefined, {
    path: ['effectiveAt'],
    message: 'is for changed prices: send models with it',
  })

export type ListingChanges = z.output<typeof updateListingBody>

/** USD per million tokens, with the decimals of the prices that are shown. */
export const CEILING_SCALE = 12

const usdCeiling = z.string().transform((text, context) => {
  const scaled = parseScaled(text, CEILING_SCALE)
  if (scaled !== undefined) return scaled
  context.addIssue('write USD per million tokens as a decimal such as 0.15')
  return z.NEVER
})

/** Shorter ones find nearly everything, at the price of reading it. */
const MIN_SEARCH = 3

export const listListingsQuery = pageQuery.extend({
  provider: queryText(64).optional(),
  model: queryText(200).optional(),
  state: z.enum(listingStates).optional(),
  health: z.enum(listingHealths).optional(),
  maxInputUsdPerMTok: usdCeiling.optional(),
  maxOutputUsdPerMTok: usdCeiling.optional(),
  /** Part of the name. */
  search: queryText(100)
    .refine((text) => text.length >= MIN_SEARCH, `must have at least ${MIN_SEARCH} characters`)
    .optional(),
  /** `own`: those one may manage, for operators all; else also what others have on offer. */
  scope: z.enum(['own', 'all']).default('all'),
  /** `org-…` of the seller. */
  organisation: z.string().max(64).optional(),
  /** Those that an operator should look at; of one's own, for operators of all. */
  review: z.literal('true').optional(),
})

/** How a price is said; answers show it as it was. */
export const priceBody = priceRule
export type PriceRuleShown = z.output<typeof priceBody>

export const priceFilterQuery = z.strictObject({
  model: queryText(200).optional(),
  provider: queryText(64).optional(),
  /** `lst-…` */
  listing: z.string().max(64).optional(),
})

export const presentPricesQuery = priceFilterQuery.extend({
  limit: z.coerce.number().int().min(1).max(500).default(100),
  cursor: queryText(400).optional(),
})

export const priceHistoryQuery = pageQuery.extend({ model: queryText(200).optional() })

export const previewPriceBody = z.strictObject({
  model: displayName(200),
  price: priceRule,
  /** `lst-…`, one of your own: its last 24 hours are billed again at this price. */
  listing: z.string().max(64).optional(),
})

export const decideGroundsBody = z.strictObject({
  provider: z.string().max(64),
  /** All that are accepted from now on; the others are not. */
  grounds: z.array(z.enum(grounds)).max(grounds.length),
})

/** Names with commas between them, as an address carries them. */
const namedFeatures = queryText(400)
  .transform((text) => text.split(',').filter((name) => name !== ''))
  .pipe(z.array(z.enum(features)))

const offerSorts = ['price', 'speed', 'reliability', 'reputation'] as const

export const listOffersQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: queryText(400).optional(),
  model: queryText(200).optional(),
  provider: queryText(64).optional(),
  /** `lst-…` */
  listing: z.string().max(64).optional(),
  /** Part of the model's id, the listing's name or the provider's. */
  q: queryText(100).optional(),
  /** Those that take all of these, such as `tools,vision`. */
  features: namedFeatures.optional(),
  maxInputUsdPerMTok: usdCeiling.optional(),
  maxOutputUsdPerMTok: usdCeiling.optional(),
  /** Only those that would be tried now. */
  healthy: z.enum(['true', 'false']).optional(),
  sort: z.enum(offerSorts).default('price'),
})

export const listMarketModelsQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(500).default(100),
  cursor: queryText(200).optional(),
  q: queryText(100).optional(),
  provider: queryText(64).optional(),
  features: namedFeatures.optional(),
})

export { capacityBody, features, listingHealths, listingStates }
