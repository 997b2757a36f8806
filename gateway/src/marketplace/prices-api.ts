/** Prices of the moment, as they change, as they were, and as they would be. */
import { z } from 'zod'
import { nanosShown, operation, pageAnswer, timeShown } from '../http/operation.ts'
import { amountsShown, announcedShown, scheduleShown, usdShown } from './price-api.ts'
import {
  presentPricesQuery,
  previewPriceBody,
  priceBody,
  priceFilterQuery,
  priceHistoryQuery,
} from './schema.ts'

const pricePoint = z
  .strictObject({
    id: z.string().meta({ description: 'The listing and the model: `lst-…:author/name`.' }),
    listing: z.string(),
    provider: z.string(),
    model: z.string(),
    version: z.int().nullable(),
    fill: z.number().meta({ description: 'How full the listing is, 0 to 1 in steps of 0.05.' }),
    ...amountsShown,
    schedule: scheduleShown,
    announced: announcedShown.nullable(),
  })
  .meta({ id: 'PricePoint' })

export type PricePointShown = z.output<typeof pricePoint>

export const listPrices = operation({
  method: 'get',
  path: '/api/marketplace/prices',
  summary: 'What every offer costs at this moment',
  access: 'reader',
  query: presentPricesQuery,
  answer: pageAnswer(pricePoint),
})

export const streamPricesOperation = operation({
  method: 'get',
  path: '/api/marketplace/prices/stream',
  summary: 'Prices as they change',
  description:
    'Server-sent events: `snapshot` with the prices of the moment in parts, the last of them `complete`; then `price`, `announced` and `gone`. Ends after 15 minutes; connect again.',
  access: 'reader',
  query: priceFilterQuery,
  media: 'text/event-stream',
  answer: z.string(),
})

const priceVersion = z
  .strictObject({
    id: z.string(),
    model: z.string(),
    version: z.int(),
    price: priceBody,
    state: z.enum(['in_force', 'announced', 'past', 'cancelled']),
    effectiveFrom: timeShown,
    effectiveUntil: timeShown.nullable(),
    createdAt: timeShown,
  })
  .meta({ id: 'PriceVersion' })

export type PriceVersionShown = z.output<typeof priceVersion>

export const listPriceVersions = operation({
  method: 'get',
  path: '/api/marketplace/listings/:id/prices',
  summary: 'Every price that a listing has had or announced, the newest first',
  access: 'user',
  query: priceHistoryQuery,
  answer: pageAnswer(priceVersion),
})

const previewedPrice = {
  input: usdShown,
  output: usdShown,
  usdPerRequest: usdShown,
}

const earnedShown = z.strictObject({
  sellerNanos: nanosShown,
  costNanos: nanosShown,
})

const pricePreview = z
  .strictObject({
    model: z.string(),
    at: timeShown,
    listPrice: z.strictObject({ input: usdShown, output: usdShown }).nullable(),
    feeBps: z.int().meta({ description: "The platform's share, in hundredths of a percent." }),
    fill: z
      .array(z.strictObject({ fill: z.number(), ...previewedPrice }))
      .meta({ description: 'The price now, by how full the listing is: 21 steps from 0 to 1.' }),
    week: z
      .array(z.strictObject({ from: timeShown, until: timeShown, ...previewedPrice }))
      .meta({ description: 'The price of an idle listing over the next seven days.' }),
    replay: z
      .strictObject({
        from: timeShown,
        until: timeShown,
        requests: z.int(),
        isComplete: z.boolean().meta({ description: 'False: there were more, and the newest were taken.' }),
        was: earnedShown.meta({ description: 'What was billed for these requests.' }),
        idle: earnedShown.meta({ description: 'At this price, had the listing been idle each time.' }),
        full: earnedShown.meta({ description: 'At this price, had it been full each time.' }),
      })
      .nullable()
      .meta({ description: 'The last 24 hours of `listing` again at this price; null without a listing.' }),
  })
  .meta({ id: 'PricePreview' })

export type PricePreviewShown = z.output<typeof pricePreview>

export const previewPrice = operation({
  method: 'post',
  path: '/api/marketplace/prices/preview',
  summary: 'What a price would come to, before it is asked',
  description:
    'By the same arithmetic that bills requests. Changes nothing. With `listing`, one of your own, its last 24 hours are billed again at this price.',
  access: 'seller',
  body: previewPriceBody,
  answer: pricePreview,
})
