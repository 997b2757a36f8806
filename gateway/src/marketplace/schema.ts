/** What the listing routes accept. */
import { z } from 'zod'
import { pageQuery, queryText } from '../audit/page.ts'
import { displayName } from '../users/schema.ts'
import { priceRule } from './price-rule.ts'

/** More models than any vendor serves under one key. */
const MAX_MODELS = 1_000

export const grounds = ['own_endpoint', 'authorised_reseller', 'own_organisation', 'demo'] as const
export type Ground = (typeof grounds)[number]

const listingStates = ['active', 'paused', 'suspended', 'disabled', 'quarantined'] as const

const upstreamName = z.string().regex(/^[\x21-\x7e]{1,200}$/, 'must be 1 to 200 visible ASCII characters')

// It becomes a header, so what could end one or begin another is refused.
const upstreamKey = z
  .string()
  .regex(/^[\x21-\x7e]{1,8192}$/, 'must be 1 to 8192 visible ASCII characters without spaces')

const models = z
  .array(
    z.strictObject({ model: displayName(200), upstreamModel: upstreamName.optional(), price: priceRule }),
  )
  .min(1)
  .max(MAX_MODELS)

const bound = (max: number) => z.int().min(1).max(max).nullable()

/** `null` or left out: no limit. */
const capacity = z
  .strictObject({
    requestsPerMinute: bound(1_000_000),
    tokensPerMinute: bound(2_000_000_000),
    concurrency: bound(100_000),
  })
  .partial()

export const createListingBody = z.strictObject({
  /** `org-…` of the seller; operators only, theirs is the platform when left out. */
  organisationId: z.string().max(64).optional(),
  provider: z.string().max(64),
  name: displayName(),
  baseUrl: z.string().max(2_000).optional(),
  key: upstreamKey,
  models,
  capacity: capacity.optional(),
  /** On what ground this capacity may be sold; naming it attests it. */
  ground: z.enum(grounds),
})

export type ListingDraft = z.output<typeof createListingBody>

export const updateListingBody = z
  .strictObject({
    name: displayName(),
    baseUrl: z.string().max(2_000),
    key: upstreamKey,
    models,
    capacity,
    ground: z.enum(grounds),
    state: z.enum(['active', 'paused']),
  })
  .partial()
  .refine((body) => Object.keys(body).length > 0, 'name at least one field to change')

export type ListingChanges = z.output<typeof updateListingBody>

export const listListingsQuery = pageQuery.extend({
  provider: queryText(64).optional(),
  model: queryText(200).optional(),
  state: z.enum(listingStates).optional(),
  /** Part of the name. */
  search: queryText(100).optional(),
  /** `org-…`; operators only. */
  organisation: z.string().max(64).optional(),
})
