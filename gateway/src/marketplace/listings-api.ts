/** Listings and what their sellers and operators see of them. */
import { z } from 'zod'
import { nanosShown, operation, pageAnswer, timeShown } from '../http/operation.ts'
import { knownAmounts, reputationShown } from './price-api.ts'
import {
  capacityBody,
  createListingBody,
  grounds,
  listingHealths,
  listingStates,
  listListingsQuery,
  priceBody,
  updateListingBody,
} from './schema.ts'

const announced = z.strictObject({
  version: z.int(),
  effectiveFrom: timeShown,
  price: priceBody,
  ...knownAmounts,
})

/** Absent when a model's price was never written. */
const listedPrice = {
  price: priceBody.optional(),
  priceVersion: z.int().optional(),
  usdPerMTok: knownAmounts.usdPerMTok.optional(),
  tiers: knownAmounts.tiers,
  usdPerRequest: knownAmounts.usdPerRequest.optional(),
  announcedPrice: announced.nullable().optional(),
  reputation: reputationShown.nullable().optional(),
}

const capacityShown = z
  .strictObject({
    requestsPerMinute: z.int().nullable(),
    tokensPerMinute: z.int().nullable(),
    concurrency: z.int().nullable(),
    tokensPerDay: z.int().nullable(),
    tokensPerMonth: z.int().nullable(),
    usdPerDay: z.string().nullable(),
    usdPerMonth: z.string().nullable(),
  })
  .meta({ id: 'Capacity', description: 'null: no limit.' })

const verificationShown = z.strictObject({
  step: z.string().nullable().meta({ description: '`listing_models`, `probing`; null when it is over.' }),
  outcome: z.string().nullable(),
  message: z.string().nullable(),
  checkedAt: timeShown.nullable(),
  attempts: z.int(),
  verifiedAt: timeShown.nullable(),
  unlisted: z.array(z.string()).optional(),
})

export const listingShown = z
  .strictObject({
    id: z.string(),
    organisationId: z.string(),
    provider: z.string(),
    name: z.string(),
    baseUrl: z.string(),
    keyHint: z.string(),
    models: z.array(
      z.strictObject({
        model: z.string(),
        upstreamModel: z.string(),
        capacity: capacityBody.optional(),
        ...listedPrice,
      }),
    ),
    capacity: capacityShown,
    ground: z.enum(grounds),
    groundAttestedAt: timeShown,
    groundAttestedBy: z.string().nullable(),
    state: z.enum(listingStates),
    stateReason: z.string().nullable(),
    verification: verificationShown.nullable(),
    reviewReason: z.string().nullable(),
    health: z.enum(listingHealths).optional(),
    createdAt: timeShown,
    updatedAt: timeShown,
  })
  .meta({ id: 'Listing' })

export type ListingShown = z.output<typeof listingShown>

const publicListing = z
  .strictObject({
    id: z.string(),
    provider: z.string(),
    name: z.string(),
    host: z.string(),
    models: z.array(z.strictObject({ model: z.string(), ...listedPrice })),
    ground: z.enum(grounds),
    state: z.enum(listingStates),
    health: z.enum(listingHealths),
    createdAt: timeShown,
  })
  .meta({ id: 'PublicListing' })

const path = '/api/marketplace/listings'

export const createListing = operation({
  method: 'post',
  path,
  summary: 'List an upstream key',
  description: 'Answers with the state `verifying`, or `draft`; poll the listing until its key was tried.',
  access: 'user',
  body: createListingBody,
  status: 201,
  answer: listingShown,
})

export const listListings = operation({
  method: 'get',
  path,
  summary: 'Listings: your own whole, those of others as far as they are on offer',
  access: 'user',
  query: listListingsQuery,
  answer: pageAnswer(z.union([listingShown, publicListing])),
})

export const getListing = operation({
  method: 'get',
  path: `${path}/:id`,
  summary: 'One listing',
  access: 'user',
  answer: z.union([listingShown, publicListing]),
})

export const updateListing = operation({
  method: 'put',
  path: `${path}/:id`,
  summary: 'Change a listing: its name, key, models and prices, capacity, ground or state',
  description:
    'A new key, base URL or model is verified before it serves. Changed prices hold after the notice.',
  access: 'user',
  body: updateListingBody,
  answer: listingShown,
})

export const deleteListing = operation({
  method: 'delete',
  path: `${path}/:id`,
  summary: 'End a listing for good and destroy its sealed key',
  access: 'user',
  answer: undefined,
})

const earned = z.strictObject({ requests: z.int(), amountNanos: nanosShown })
const until = timeShown.nullable()

const dashboard = z
  .strictObject({
    id: z.string(),
    state: z.enum(listingStates),
    stateReason: z.string().nullable(),
    fill: z.number().meta({ description: '0 idle to 1 full, by the fullest of its limits.' }),
    fillLastHour: z.array(z.number()).meta({
      description:
        'The fill at each minute of the last hour at most, the oldest first; since the gateway started.',
    }),
    headroom: z.record(z.string(), z.number()),
    health: z.enum(listingHealths),
    breakers: z.array(z.strictObject({ model: z.string(), state: z.string(), until })),
    resting: z.array(z.strictObject({ model: z.string().nullable(), reason: z.string(), until })),
    successRate: z.number().nullable().meta({ description: "Of the last hour's attempts that count." }),
    reputation: z.number().nullable(),
    notChosenLastHour: z.record(z.string(), z.int()),
    earnings: z.strictObject({ today: earned, month: earned, total: earned.nullable() }),
  })
  .meta({ id: 'ListingDashboard' })

export type ListingDashboardShown = z.output<typeof dashboard>

export const getDashboard = operation({
  method: 'get',
  path: `${path}/:id/dashboard`,
  summary: 'How your listing does: fill, health, earnings, and why others were chosen',
  access: 'user',
  answer: dashboard,
})
