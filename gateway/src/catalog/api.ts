/** The catalogue under `/api`: models, their list prices and where these come from, and what updates changed. */
import { z } from 'zod'
import { operation, pageAnswer, timeShown } from '../http/operation.ts'
import { catalogCauses, listCatalogChangesQuery, listCatalogQuery } from './schema.ts'

const usd = z.string().meta({ description: 'USD per million tokens, an exact decimal.' })

const listPrice = z.strictObject({
  input: usd,
  output: usd,
  cacheRead: usd,
  cacheWrite: usd,
  tiers: z.array(z.strictObject({ aboveInputTokens: z.int(), input: usd, output: usd })),
})

const catalogModel = z
  .strictObject({
    id: z.string(),
    title: z.string(),
    author: z.string(),
    aliases: z.array(z.string()),
    contextWindow: z.int().nullable(),
    maxOutputTokens: z.int(),
    listPrice: listPrice
      .nullable()
      .meta({ description: 'null: unknown, so only a fixed price can be asked.' }),
    lacks: z.array(z.string()),
    sources: z.record(z.string(), z.string()).meta({ description: 'Where each number comes from.' }),
    pricedSince: timeShown
      .nullable()
      .meta({ description: 'When this gateway first loaded this list price; null when it has not kept it.' }),
    offers: z.int().meta({ description: 'On the market now.' }),
  })
  .meta({ id: 'CatalogModel' })

export type CatalogModelShown = z.output<typeof catalogModel>

export const listCatalogModels = operation({
  method: 'get',
  path: '/api/catalog/models',
  summary: 'Every model that the gateway knows, with its list price and where that comes from',
  access: 'user',
  query: listCatalogQuery,
  answer: pageAnswer(catalogModel).extend({
    total: z.int().meta({ description: 'Of the whole catalogue.' }),
    withoutPrice: z.int(),
    withoutOffers: z.int(),
  }),
})

const pricePair = z.strictObject({ input: usd, output: usd }).nullable()

const modelChange = z.strictObject({
  model: z.string(),
  what: z.enum(['added', 'removed', 'price', 'price_known', 'price_unknown', 'context']),
  before: pricePair,
  after: pricePair,
  inputPercent: z.number().nullable().meta({ description: 'How much dearer; below zero: cheaper.' }),
  outputPercent: z.number().nullable(),
  contextBefore: z.int().nullable(),
  contextAfter: z.int().nullable(),
})

export type ModelChangeShown = z.output<typeof modelChange>

const catalogVersion = z
  .strictObject({
    id: z.string(),
    hash: z.string().meta({ description: 'SHA-256 of the models, list prices and context windows.' }),
    loadedAt: timeShown,
    cause: z.enum(catalogCauses).meta({
      description: '`start`: loaded by a gateway that started; `calendar`: a price with a date or hour.',
    }),
    models: z.int(),
    added: z.int(),
    removed: z.int(),
    dearer: z.int(),
    cheaper: z.int(),
    changes: z.array(modelChange),
    isCut: z.boolean().meta({ description: 'True: there were more changes than are kept.' }),
  })
  .meta({ id: 'CatalogVersion' })

export type CatalogVersionShown = z.output<typeof catalogVersion>

export const listCatalogChanges = operation({
  method: 'get',
  path: '/api/catalog/changes',
  summary: 'Each catalogue that was loaded and what it changed, the newest first',
  access: 'operator',
  query: listCatalogChangesQuery,
  answer: pageAnswer(catalogVersion),
})
