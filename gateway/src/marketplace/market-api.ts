/** What is on offer, for people who browse before they buy. */
import { z } from 'zod'
import { operation, pageAnswer, timeShown } from '../http/operation.ts'
import { amountsShown, announcedShown, reputationShown, scheduleShown, usdShown } from './price-api.ts'
import { features, grounds, listMarketModelsQuery, listOffersQuery } from './schema.ts'

const marketModel = z.strictObject({
  id: z.string(),
  name: z.string(),
  contextWindow: z.int().nullable(),
  maxOutputTokens: z.int(),
  offers: z.array(
    z.strictObject({
      listingId: z.string(),
      provider: z.string(),
      inputUsdPerMTok: usdShown,
      outputUsdPerMTok: usdShown,
      usdPerRequest: usdShown,
      priceVersion: z.int().nullable(),
      schedule: scheduleShown,
      announced: announcedShown.nullable(),
      state: z.literal('active'),
      reputation: reputationShown.nullable(),
    }),
  ),
})

export const listModels = operation({
  method: 'get',
  path: '/api/models',
  summary: 'What is on offer today, by model, with every offer',
  description: 'Whole and in one answer; `GET /api/marketplace/models` and `…/offers` come in pages.',
  access: 'reader',
  answer: z.strictObject({ data: z.array(marketModel) }),
})

const lacks = z
  .array(z.enum(features))
  .meta({ description: 'What requests must not ask for here; what is not named is passed on.' })

const modelOnOffer = z
  .strictObject({
    id: z.string(),
    title: z.string(),
    author: z.string(),
    contextWindow: z.int().nullable(),
    maxOutputTokens: z.int(),
    lacks,
    offers: z.int(),
    healthyOffers: z.int().meta({ description: 'Those that would be tried now.' }),
    providers: z.array(z.string()),
    cheapest: z
      .strictObject({ listing: z.string(), input: usdShown, output: usdShown, usdPerRequest: usdShown })
      .nullable()
      .meta({
        description:
          'By three prompt tokens to one of the answer, among the healthy ones; null when none is.',
      }),
    listPrice: z.strictObject({ input: usdShown, output: usdShown }).nullable(),
  })
  .meta({ id: 'ModelOnOffer' })

export type ModelOnOffer = z.output<typeof modelOnOffer>

export const listMarketModels = operation({
  method: 'get',
  path: '/api/marketplace/models',
  summary: 'The models on offer, by name, each with its cheapest price and how many would serve it',
  access: 'reader',
  query: listMarketModelsQuery,
  answer: pageAnswer(modelOnOffer),
})

export const offerStandings = ['available', 'trying_again', 'failing', 'resting', 'full'] as const

const offerShown = z
  .strictObject({
    id: z.string().meta({ description: 'The listing and the model: `lst-…:author/name`.' }),
    listing: z.string(),
    name: z.string().meta({ description: "The listing's name, in its seller's words." }),
    ground: z.enum(grounds),
    provider: z.string(),
    providerName: z.string(),
    backing: z.enum(['key', 'endpoint']).meta({
      description: 'Who answers: the provider itself, or a server of the seller’s.',
    }),
    model: z.string(),
    contextWindow: z.int().nullable(),
    maxOutputTokens: z.int(),
    ...amountsShown,
    priceVersion: z.int().nullable(),
    schedule: scheduleShown,
    announced: announcedShown.nullable(),
    speed: z
      .strictObject({ ttftMsP50: z.number().nullable(), tokensPerSP50: z.number().nullable() })
      .meta({ description: 'Medians of its latest answers; null while there are none.' }),
    reliability: z
      .strictObject({ successShare: z.number().nullable(), attempts: z.int(), since: timeShown })
      .meta({ description: 'Attempts of the last 24 hours that count, on this gateway since it started.' }),
    reputation: reputationShown.nullable(),
    standing: z.enum(offerStandings),
    standingReason: z.string().nullable(),
    standingUntil: timeShown.nullable(),
    fill: z.number().meta({ description: 'How full the listing is, 0 to 1.' }),
    headroom: z
      .number()
      .nullable()
      .meta({ description: 'What is left of its limits; null when it has none.' }),
    lacks,
  })
  .meta({ id: 'Offer' })

export type OfferShown = z.output<typeof offerShown>

export const listOffers = operation({
  method: 'get',
  path: '/api/marketplace/offers',
  summary: 'Offers to compare: price now and announced, speed, reliability, reputation, headroom',
  access: 'reader',
  query: listOffersQuery,
  answer: pageAnswer(offerShown),
})
